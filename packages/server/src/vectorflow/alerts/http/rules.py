"""Routes of alert rules and their incidents."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from vectorflow.alerts.rules import AlertService
from vectorflow.alerts.types import (
    ComponentErrors,
    IncidentRow,
    IncidentState,
    NodeSilent,
    PipelineFailed,
    RuleKind,
    RuleRow,
)
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access

_RULES = "/orgs/{org:str}/environments/{env:str}/alert-rules"
_INCIDENTS = "/orgs/{org:str}/environments/{env:str}/incidents"

State = Annotated[
    IncidentState | None, QueryParameter(name="state", description="Only incidents in this state.")
]


class AlertRuleInput(msgspec.Struct, forbid_unknown_fields=True):
    """An alert rule as it is to be."""

    name: str
    condition: NodeSilent | PipelineFailed | ComponentErrors
    channels: list[UUID] = []
    enabled: bool = True


class AlertRule(msgspec.Struct):
    """What to be told of, and by which channels."""

    id: UUID
    name: str
    condition: NodeSilent | PipelineFailed | ComponentErrors
    channels: list[UUID]
    enabled: bool
    updated_at: Instant
    updated_by: str
    etag: str


class AlertRuleList(msgspec.Struct):
    """The alert rules of an environment, by name."""

    items: list[AlertRule]


class Incident(msgspec.Struct):
    """A rule broken: since when, by what, and until when."""

    id: UUID
    rule_id: UUID
    rule_name: str
    kind: RuleKind
    summary: str
    node_id: UUID | None
    node_name: str | None
    pipeline_id: UUID | None
    pipeline_name: str | None
    component: str
    state: IncidentState
    opened_at: Instant
    resolved_at: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str


class IncidentList(msgspec.Struct):
    """A page of incidents, newest first."""

    items: list[Incident]
    next_cursor: str | None


@get(
    _RULES,
    operation_id="listAlertRules",
    summary="The environment's alert rules, by name",
    tags=["alerts"],
    permission=Permission.ALERT_READ,
)
async def list_alert_rules(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
) -> AlertRuleList:
    """List rules; there are few."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return AlertRuleList([_rule(row) for row in await alerts.rules(txn, access.environment_id)])


@post(
    _RULES,
    operation_id="createAlertRule",
    summary="Make an alert rule",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
)
async def create_alert_rule(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[AlertRuleInput],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
    idempotency: NamedDependency[Idempotency],
) -> Response[AlertRule]:
    """Make a rule."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        row = await alerts.put(txn, actor, access.environment_id, **_fields(data))
        answer = _rule(row)
        headers = {"ETag": answer.etag}
        await idempotency.finish(txn, 201, answer, headers)
    return Response(answer, status_code=201, headers=headers)


@put(
    _RULES + "/{id:uuid}",
    operation_id="updateAlertRule",
    summary="Change an alert rule",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
)
async def update_alert_rule(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[AlertRuleInput],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
) -> Response[AlertRule]:
    """Change a rule."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        before = await alerts.for_change(txn, access.environment_id, id)
        require_match(given, _tag(before))
        answer = _rule(await alerts.put(txn, actor, access.environment_id, before=before, **_fields(data)))
    return Response(answer, headers={"ETag": answer.etag})


@delete(
    _RULES + "/{id:uuid}",
    operation_id="deleteAlertRule",
    summary="Delete an alert rule with its incidents",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
)
async def delete_alert_rule(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
) -> None:
    """Delete a rule."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        row = await alerts.for_change(txn, access.environment_id, id)
        require_match(given, _tag(row))
        await alerts.delete(txn, actor, row)


@get(
    _INCIDENTS,
    operation_id="listIncidents",
    summary="What alert rules found, newest first",
    tags=["alerts"],
    permission=Permission.ALERT_READ,
)
async def list_incidents(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
    of_state: State = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> IncidentList:
    """List incidents."""
    del org, env
    key = decode_cursor(cursor, str)
    async with database.transaction(access.organization_id) as txn:
        rows = await alerts.incidents(
            txn, access.environment_id, state=of_state, after=UUID(key[0]) if key else None, limit=limit + 1
        )
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return IncidentList([_incident(row) for row in items], next_cursor)


@get(
    _INCIDENTS + "/{id:uuid}",
    operation_id="getIncident",
    summary="One incident, open or over",
    tags=["alerts"],
    permission=Permission.ALERT_READ,
)
async def get_incident(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
) -> Incident:
    """Return an incident."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return _incident(await alerts.incident(txn, access.environment_id, id))


@post(
    _INCIDENTS + "/{id:uuid}/acknowledge",
    operation_id="acknowledgeIncident",
    summary="Say that somebody looks after an incident",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
    status_code=200,
)
async def acknowledge_incident(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    alerts: NamedDependency[AlertService],
) -> Incident:
    """Acknowledge an incident."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        row = await alerts.incident(txn, access.environment_id, id)
        return _incident(await alerts.acknowledge(txn, actor, row))


def _fields(data: AlertRuleInput) -> dict[str, Any]:
    return {
        "name": data.name,
        "condition": data.condition,
        "enabled": data.enabled,
        "channels": data.channels,
    }


def _tag(row: RuleRow) -> str:
    return etag("alert-rule", row.id, row.version)


def _rule(row: RuleRow) -> AlertRule:
    return AlertRule(
        id=row.id,
        name=row.name,
        condition=row.condition,
        channels=row.channels,
        enabled=row.enabled,
        updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
        etag=_tag(row),
    )


def _incident(row: IncidentRow) -> Incident:
    return Incident(
        id=row.id,
        rule_id=row.rule_id,
        rule_name=row.rule_name,
        kind=row.kind,
        summary=row.summary,
        node_id=row.node_id,
        node_name=row.node_name,
        pipeline_id=row.pipeline_id,
        pipeline_name=row.pipeline_name,
        component=row.component,
        state=row.state,
        opened_at=rfc3339(row.opened_at),
        resolved_at=None if row.resolved_at is None else rfc3339(row.resolved_at),
        acknowledged_at=None if row.acknowledged_at is None else rfc3339(row.acknowledged_at),
        acknowledged_by=row.acknowledged_by,
    )


routes = [
    list_alert_rules,
    create_alert_rule,
    update_alert_rule,
    delete_alert_rule,
    list_incidents,
    get_incident,
    acknowledge_incident,
]
