"""How stored rows become what the public API shows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.fleet.differences import Doing, difference_of
from vectorflow.fleet.types import (
    ActualState,
    Assignment,
    AssignmentRow,
    EngineInfo,
    EnrolmentToken,
    EnrolmentTokenRow,
    HostMetrics,
    Node,
    NodeDetail,
    NodeDuplicate,
    NodeGroupRef,
    NodeMaintenance,
    NodeRates,
    NodeRow,
    PipelineRef,
    Report,
    ReportRow,
)
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.http.etag import etag


def moment(value: datetime | None) -> str | None:
    """Write a moment as the API does, or None."""
    return None if value is None else rfc3339(value)


def node_of(row: NodeRow) -> Node:
    """Return the node as lists show it."""
    return Node(**_node_fields(row))


def node_detail_of(
    row: NodeRow, assigned: list[AssignmentRow], told: list[ReportRow], groups: list[NodeGroupRef]
) -> NodeDetail:
    """Return the node as its own page shows it."""
    actual = {str(each.get("id")): each for each in row.pipelines if isinstance(each, dict)}
    return NodeDetail(
        **_node_fields(row),
        facts=row.facts,
        assignments=[_assignment(row, each, actual.get(str(each.pipeline_id)), told) for each in assigned],
        reports=[report_of(each) for each in told],
        host=msgspec.convert(row.host, HostMetrics, strict=False) if row.host else None,
        groups=groups,
        maintenance=_maintenance(row),
        leaving_since=moment(row.decommission_requested_at),
    )


def _maintenance(row: NodeRow) -> NodeMaintenance | None:
    if row.maintenance_since is None:
        return None
    return NodeMaintenance(
        since=rfc3339(row.maintenance_since), until=moment(row.maintenance_until), note=row.maintenance_note
    )


def report_of(row: ReportRow) -> Report:
    """Return a report as pages show it."""
    return Report(
        sequence=row.sequence,
        at=rfc3339(row.at),
        kind=row.kind,
        pipeline_id=row.pipeline_id,
        revision=row.number,
        reason=row.reason,
        message=row.message,
        engine_output=row.engine_output,
    )


def enrolment_token_of(row: EnrolmentTokenRow) -> EnrolmentToken:
    """Return an enrolment token without its secret."""
    return EnrolmentToken(
        id=row.id,
        name=row.name,
        created_at=rfc3339(row.created_at),
        created_by=row.created_by,
        expires_at=rfc3339(row.expires_at),
        uses=row.uses,
        max_uses=row.max_uses,
        labels=row.labels,
        allowed_addresses=row.allowed_addresses,
        approval=row.approval,
        revoked_at=moment(row.revoked_at),
        etag=etag(row.id, row.version),
    )


def _node_fields(row: NodeRow) -> dict[str, Any]:
    told = (str(row.platform.get(name, "")) for name in ("os", "os_version", "arch"))
    return {
        "id": row.id,
        "name": row.name,
        "hostname": row.hostname,
        "status": row.status,
        "reasons": row.reasons,
        "last_seen_at": moment(row.last_seen_at),
        "enrolled_at": rfc3339(row.enrolled_at),
        "agent_version": row.agent_version,
        "engine": EngineInfo(row.engine_kind, row.engine_version),
        "platform": " ".join(part for part in told if part),
        "labels": row.labels,
        "pipelines_running": row.running,
        "pipelines_assigned": row.assigned,
        "in_maintenance": row.in_maintenance,
        "duplicate": _duplicate(row),
        "rates": NodeRates(row.received_rate, row.sent_rate, row.errors_rate),
        "etag": etag(row.id, row.version),
    }


def _duplicate(row: NodeRow) -> NodeDuplicate | None:
    if row.duplicate_reason is not None:
        return NodeDuplicate(row.duplicate_reason, row.duplicate_of, row.duplicate_name)
    return NodeDuplicate("clone", None, None) if row.clone_suspected else None


def _assignment(
    node: NodeRow, row: AssignmentRow, actual: dict[str, Any] | None, told: list[ReportRow]
) -> Assignment:
    does = _actual(actual) if actual else None
    doing = Doing(does.state, does.revision or 0, does.message) if does else Doing()
    return Assignment(
        pipeline=PipelineRef(row.pipeline_id, row.pipeline_name),
        revision=row.revision,
        desired=row.desired,
        assigned_at=rfc3339(row.assigned_at),
        actual=does,
        difference=difference_of(node, row, doing, told),
    )


def _actual(told: dict[str, Any]) -> ActualState:
    started = told.get("started_at") or 0
    return ActualState(
        state=str(told.get("state", "")),
        revision=told.get("number") or None,
        pid=told.get("pid") or None,
        started_at=rfc3339(datetime.fromtimestamp(started / 1000, UTC)) if started else None,
        restarts=int(told.get("restarts", 0)),
        message=str(told.get("message", "")),
    )


def pipeline_id_of(text: str) -> UUID | None:
    """Return the pipeline id an agent named, or None when it is not an id."""
    try:
        return UUID(text)
    except ValueError:
        return None
