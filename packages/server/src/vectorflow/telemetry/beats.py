"""A heartbeat as the database takes it: pure. Everything an agent can say is bounded and cleaned here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vectorflow.fleet.types import NodeAuthority
from vectorflow.platform.logs import clean_text
from vectorflow.telemetry.types import CounterRow
from vectorflow_topology.document import DEFAULT_PORT
from vectorflow_wire.messages import (
    AgentHealth,
    ComponentCounters,
    EngineFacts,
    HeartbeatRequest,
    HostMetrics,
    PipelineState,
    PipelineStatus,
)

MOST_PIPELINES: Final = 200
MOST_COMPONENTS: Final = 1000
MOST_OUTPUTS: Final = 200
CLOCK_TOLERANCE_MS: Final = 5 * 60 * 1000
_NAME: Final = 128
_KIND: Final = 40
_TEXT: Final = 2000
_BIGINT: Final = 2**63 - 1
_INTEGER: Final = 2**31 - 1
_LAST_MOMENT: Final = 253_402_300_799_000


class Flow(msgspec.Struct, frozen=True, gc=False):
    """How much went in and out of a pipeline on a node at its last heartbeat."""

    since: int
    at: int
    received: int
    sent: int
    errors: int


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """One heartbeat, ready to be written. `news` says that the list of nodes should show it at once."""

    organization_id: UUID
    environment_id: UUID
    presence: dict[str, Any]
    runs: list[dict[str, Any]]
    rows: list[CounterRow]
    news: bool


def make_beat(
    authority: NodeAuthority,
    request: HeartbeatRequest,
    received_at: datetime,
    heartbeat_seconds: float,
    before: Mapping[UUID, Flow],
) -> tuple[Beat, dict[UUID, Flow]]:
    """Return what to write of a heartbeat, and the flows to compare the next one with."""
    runs: list[dict[str, Any]] = []
    rows: list[CounterRow] = []
    flows: dict[UUID, Flow] = {}
    shown: list[dict[str, Any]] = []
    running = 0
    for status in request.pipelines[:MOST_PIPELINES]:
        pipeline_id = _id(status.id)
        if pipeline_id is None or pipeline_id in flows:
            continue
        running += status.state == PipelineState.RUNNING
        shown.append(_shown(status, pipeline_id))
        components = _components(status)
        flows[pipeline_id] = _flow(status, components)
        if components and status.counters_at > 0:
            since = _moment(status.counters_since)
            runs.append(
                {
                    "organization_id": authority.organization_id,
                    "pipeline_id": pipeline_id,
                    "node_id": authority.node_id,
                    "since": since,
                    "at": _moment(status.counters_at),
                    "components": components,
                    "received_at": received_at,
                }
            )
            rows += _rows(authority, pipeline_id, received_at, since, components)
    received, sent, errors = _rates(flows, before)
    reasons = _reasons(request)
    presence = {
        "organization_id": authority.organization_id,
        "node_id": authority.node_id,
        "seen_at": received_at,
        "heartbeat_seconds": heartbeat_seconds,
        "generation": _within(request.generation),
        "issue": _within(request.issue, _INTEGER),
        "agent_version": _clean(request.agent.version, 100),
        "engine_kind": _clean(request.engine.kind, 40),
        "engine_version": _clean(request.engine.version, 100),
        "reasons": reasons,
        "running": running,
        "received_rate": received,
        "sent_rate": sent,
        "errors_rate": errors,
        "agent": _cleaned(request.agent),
        "host": _cleaned(request.host) if request.host is not None else None,
        "pipelines": shown,
    }
    beat = Beat(
        organization_id=authority.organization_id,
        environment_id=authority.environment_id,
        presence=presence,
        runs=runs,
        rows=rows,
        news=(not before and bool(flows)) or bool(reasons),
    )
    return beat, flows


def _reasons(request: HeartbeatRequest) -> list[str]:
    """Say why the node is degraded by its own words; a node that is well says nothing."""
    states = {status.state for status in request.pipelines[:MOST_PIPELINES]}
    reasons: list[str] = [
        state for state in (PipelineState.CRASH_LOOP, PipelineState.REFUSED) if state in states
    ]
    if request.agent.stale:
        reasons.append("stale")
    if abs(request.agent.clock_offset_ms) > CLOCK_TOLERANCE_MS:
        reasons.append("clock")
    return reasons


def _shown(status: PipelineStatus, pipeline_id: UUID) -> dict[str, Any]:
    return {
        "id": str(pipeline_id),
        "state": _clean(status.state, 40),
        "revision": _clean(status.revision, _NAME),
        "number": _within(status.number, _INTEGER),
        "desired": _clean(status.desired, 40),
        "pid": _within(status.pid, _INTEGER),
        "started_at": _within(status.started_at, _LAST_MOMENT),
        "restarts": _within(status.restarts, _INTEGER),
        "message": _clean(status.message, _TEXT),
    }


def _components(status: PipelineStatus) -> list[ComponentCounters]:
    seen: dict[str, ComponentCounters] = {}
    for each in status.components[:MOST_COMPONENTS]:
        if _fits(each):
            seen[each.id] = each
            continue
        name = _clean(each.id, _NAME)
        if name:
            seen[name] = ComponentCounters(
                id=name,
                kind=_clean(each.kind, 40),
                type=_clean(each.type, 100),
                received_events=_within(each.received_events),
                received_bytes=_within(each.received_bytes),
                sent_events={
                    _clean(port, _NAME): _within(events)
                    for port, events in list(each.sent_events.items())[:MOST_OUTPUTS]
                },
                sent_bytes=_within(each.sent_bytes),
                errors=_within(each.errors),
                discarded=_within(each.discarded),
                discarded_unintentional=_within(each.discarded_unintentional),
                utilization=each.utilization,
                buffer_events=_within(each.buffer_events),
                buffer_bytes=_within(each.buffer_bytes),
            )
    return list(seen.values())


def _fits(each: ComponentCounters) -> bool:
    """Tell whether counters can be taken as they are, which those of an honest agent can."""
    return (
        0 < len(each.id) <= _NAME
        and _plain(each.id)
        and len(each.kind) <= _KIND
        and _plain(each.kind)
        and len(each.type) <= _NAME
        and _plain(each.type)
        and len(each.sent_events) <= MOST_OUTPUTS
        and all(
            len(port) <= _NAME and _plain(port) and 0 <= events <= _BIGINT
            for port, events in each.sent_events.items()
        )
        and 0 <= each.received_events <= _BIGINT
        and 0 <= each.received_bytes <= _BIGINT
        and 0 <= each.sent_bytes <= _BIGINT
        and 0 <= each.errors <= _BIGINT
        and 0 <= each.discarded <= _BIGINT
    )


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _rows(
    authority: NodeAuthority,
    pipeline_id: UUID,
    at: datetime,
    since: datetime,
    components: list[ComponentCounters],
) -> list[CounterRow]:
    rows: list[CounterRow] = []
    for each in components:
        outputs = {port: events for port, events in each.sent_events.items() if port}
        # One unnamed output is what the row of the whole component says already.
        named = {} if outputs.keys() <= {DEFAULT_PORT} else outputs
        for port, events in (("", min(sum(outputs.values()), _BIGINT)), *named.items()):
            whole = port == ""
            rows.append(
                CounterRow(
                    organization_id=authority.organization_id,
                    pipeline_id=pipeline_id,
                    component_id=each.id,
                    output=port,
                    node_id=authority.node_id,
                    at=at,
                    since=since,
                    received_events=each.received_events if whole else 0,
                    received_bytes=each.received_bytes if whole else 0,
                    sent_events=events,
                    sent_bytes=each.sent_bytes if whole else 0,
                    errors=each.errors if whole else 0,
                    discarded=each.discarded if whole else 0,
                )
            )
    return rows


def _flow(status: PipelineStatus, components: list[ComponentCounters]) -> Flow:
    return Flow(
        since=status.counters_since,
        at=status.counters_at,
        received=sum(each.received_events for each in components if each.kind == "source"),
        sent=sum(sum(each.sent_events.values()) for each in components if each.kind == "sink"),
        errors=sum(each.errors for each in components),
    )


def _rates(flows: Mapping[UUID, Flow], before: Mapping[UUID, Flow]) -> tuple[float, float, float]:
    """Return events per second over all pipelines since the heartbeat before, or since the counters began."""
    received = sent = errors = 0.0
    for pipeline_id, flow in flows.items():
        last = before.get(pipeline_id)
        if last is None or last.since != flow.since or last.received > flow.received:
            last = Flow(flow.since, flow.since, 0, 0, 0)
        seconds = (flow.at - last.at) / 1000
        if seconds > 0:
            received += max(0, flow.received - last.received) / seconds
            sent += max(0, flow.sent - last.sent) / seconds
            errors += max(0, flow.errors - last.errors) / seconds
    return round(received, 3), round(sent, 3), round(errors, 3)


def _cleaned(value: AgentHealth | HostMetrics | EngineFacts) -> dict[str, Any]:
    return {
        name: _clean(item, _TEXT) if isinstance(item, str) else item
        for name, item in msgspec.structs.asdict(value).items()
    }


def _clean(text: str, most: int) -> str:
    if _plain(text):
        return text[:most]
    return clean_text(text)[:most]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _within(value: int, most: int = _BIGINT) -> int:
    return max(0, min(value, most))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(_within(milliseconds, _LAST_MOMENT) / 1000, UTC)
