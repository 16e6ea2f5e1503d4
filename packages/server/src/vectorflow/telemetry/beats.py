"""A heartbeat as the database takes it: pure. What comes in was made to fit by `heartbeats`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec

from vectorflow.fleet.types import NodeAuthority
from vectorflow.telemetry.heartbeats import BIGINT
from vectorflow.telemetry.rows import RowMaker, host_row
from vectorflow_topology.document import DEFAULT_PORT
from vectorflow_wire.messages import ComponentCounters, HeartbeatRequest, PipelineState, PipelineStatus

CLOCK_TOLERANCE_MS: Final = 5 * 60 * 1000


class Flow(msgspec.Struct, frozen=True, gc=False):
    """How much went in and out of a pipeline on a node at its last heartbeat."""

    since: int
    at: int
    received: int
    sent: int
    errors: int


class Beat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One heartbeat, ready to be written and encoded already, so that a flush only puts bytes together.

    `presence` is a JSON object, `runs` JSON objects between commas, `rows` and `host` rows of binary COPYs. `news` says
    that the list of nodes should show it at once.
    """

    organization_id: UUID
    environment_id: UUID
    presence: bytes
    runs: bytes
    rows: bytes
    host: bytes
    pipeline_ids: tuple[UUID, ...]
    news: bool

    @property
    def size(self) -> int:
        """Bytes that the beat holds on to."""
        return len(self.presence) + len(self.runs) + len(self.rows) + len(self.host)


class _Run(msgspec.Struct, frozen=True, gc=False):
    organization_id: UUID
    pipeline_id: UUID
    node_id: UUID
    since: datetime
    at: datetime
    components: tuple[ComponentCounters, ...]
    received_at: datetime


class _Shown(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    state: str
    revision: str
    number: int
    desired: str
    pid: int
    started_at: int
    restarts: int
    message: str


class _Presence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    organization_id: UUID
    node_id: UUID
    seen_at: datetime
    heartbeat_seconds: float
    generation: int
    issue: int
    agent_version: str
    engine_kind: str
    engine_version: str
    reasons: list[str]
    running: int
    received_rate: float
    sent_rate: float
    errors_rate: float
    agent: dict[str, Any]
    host: dict[str, Any] | None
    pipelines: list[_Shown]


_encode = msgspec.json.Encoder().encode


def make_beat(
    authority: NodeAuthority,
    request: HeartbeatRequest,
    received_at: datetime,
    heartbeat_seconds: float,
    before: Mapping[UUID, Flow],
) -> tuple[Beat, dict[UUID, Flow]]:
    """Return what to write of a heartbeat, and the flows to compare the next one with."""
    runs: list[bytes] = []
    rows: list[bytes] = []
    counted: list[UUID] = []
    flows: dict[UUID, Flow] = {}
    shown: list[_Shown] = []
    running = 0
    for status in request.pipelines:
        pipeline_id = _id(status.id)
        if pipeline_id is None or pipeline_id in flows:
            continue
        running += status.state == PipelineState.RUNNING
        shown.append(_shown(status, pipeline_id))
        components = _distinct(status.components)
        flow, made = _counted(authority, pipeline_id, received_at, status, components)
        flows[pipeline_id] = flow
        if components and status.counters_at > 0:
            runs.append(_run(authority, pipeline_id, received_at, status, components))
            rows += made
            counted.append(pipeline_id)
    reasons = _reasons(request)
    beat = Beat(
        organization_id=authority.organization_id,
        environment_id=authority.environment_id,
        presence=_presence(
            authority,
            request,
            received_at=received_at,
            heartbeat_seconds=heartbeat_seconds,
            reasons=reasons,
            running=running,
            shown=shown,
            rates=_rates(flows, before),
        ),
        runs=b",".join(runs),
        rows=b"".join(rows),
        host=_host(authority, request, received_at),
        pipeline_ids=tuple(counted),
        news=(not before and bool(flows)) or bool(reasons),
    )
    return beat, flows


def _presence(
    authority: NodeAuthority,
    request: HeartbeatRequest,
    *,
    received_at: datetime,
    heartbeat_seconds: float,
    reasons: list[str],
    running: int,
    shown: list[_Shown],
    rates: tuple[float, float, float],
) -> bytes:
    return _encode(
        _Presence(
            organization_id=authority.organization_id,
            node_id=authority.node_id,
            seen_at=received_at,
            heartbeat_seconds=heartbeat_seconds,
            generation=request.generation,
            issue=request.issue,
            agent_version=request.agent.version,
            engine_kind=request.engine.kind,
            engine_version=request.engine.version,
            reasons=reasons,
            running=running,
            received_rate=rates[0],
            sent_rate=rates[1],
            errors_rate=rates[2],
            # With their zeroes, which the wire leaves out.
            agent=msgspec.structs.asdict(request.agent),
            host=msgspec.structs.asdict(request.host) if request.host is not None else None,
            pipelines=shown,
        )
    )


def _host(authority: NodeAuthority, request: HeartbeatRequest, received_at: datetime) -> bytes:
    if request.host is None:
        return b""
    return host_row(authority.organization_id, authority.node_id, received_at, request.host)


def _reasons(request: HeartbeatRequest) -> list[str]:
    """Say why the node is degraded by its own words; a node that is well says nothing."""
    states = {status.state for status in request.pipelines}
    reasons: list[str] = [
        state for state in (PipelineState.CRASH_LOOP, PipelineState.REFUSED) if state in states
    ]
    if request.agent.stale:
        reasons.append("stale")
    if abs(request.agent.clock_offset_ms) > CLOCK_TOLERANCE_MS:
        reasons.append("clock")
    return reasons


def _shown(status: PipelineStatus, pipeline_id: UUID) -> _Shown:
    return _Shown(
        pipeline_id,
        status.state,
        status.revision,
        status.number,
        status.desired,
        status.pid,
        status.started_at,
        status.restarts,
        status.message,
    )


def _run(
    authority: NodeAuthority,
    pipeline_id: UUID,
    received_at: datetime,
    status: PipelineStatus,
    components: tuple[ComponentCounters, ...],
) -> bytes:
    return _encode(
        _Run(
            authority.organization_id,
            pipeline_id,
            authority.node_id,
            _moment(status.counters_since),
            _moment(status.counters_at),
            components,
            received_at,
        )
    )


def _distinct(components: tuple[ComponentCounters, ...]) -> tuple[ComponentCounters, ...]:
    """Return components with a name, the last of each: two rows with one key would cost the whole flush."""
    named = {each.id: each for each in components if each.id}
    return components if len(named) == len(components) else tuple(named.values())


def _counted(
    authority: NodeAuthority,
    pipeline_id: UUID,
    received_at: datetime,
    status: PipelineStatus,
    components: tuple[ComponentCounters, ...],
) -> tuple[Flow, list[bytes]]:
    """Return the pipeline's flow, and the rows of its components: one for each, and one for each named output."""
    maker = RowMaker(
        authority.organization_id,
        pipeline_id,
        authority.node_id,
        at=received_at,
        since=_moment(status.counters_since),
    )
    rows: list[bytes] = []
    received = sent = errors = 0
    for each in components:
        outputs = each.sent_events
        if len(outputs) == 1 and DEFAULT_PORT in outputs:
            # One unnamed output is what the row of the whole component says already.
            whole = outputs[DEFAULT_PORT]
        else:
            named = {port: events for port, events in outputs.items() if port}
            whole = min(sum(named.values()), BIGINT)
            if not named.keys() <= {DEFAULT_PORT}:
                rows += [maker.output(each.id, port, events) for port, events in named.items()]
        rows.append(maker.component(each, whole))
        if each.kind == "source":
            received += each.received_events
        elif each.kind == "sink":
            sent += whole
        errors += each.errors
    return Flow(status.counters_since, status.counters_at, received, sent, errors), rows


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


@lru_cache(maxsize=20_000)
def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
