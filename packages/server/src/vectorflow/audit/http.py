"""The routes that show an organisation its log, and hand it out as a file.

This room stands below tenancy, so it takes the organisation that the guard resolved as a plain id.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from vectorflow.audit.service import AuditService
from vectorflow.audit.types import AuditFilter, AuditRow
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.times import Instant

ActorId = Annotated[
    str | None,
    QueryParameter(name="actor_id", max_length=64, description="An account's or node's id, or `system`."),
]
Action = Annotated[
    str | None,
    QueryParameter(name="action", max_length=64, description="Only this action, as `secret.created`."),
]
ObjectType = Annotated[
    str | None, QueryParameter(name="object_type", max_length=64, description="Only objects of this type.")
]
ObjectId = Annotated[
    str | None, QueryParameter(name="object_id", max_length=200, description="Only the object with this id.")
]
Since = Annotated[
    datetime | None, QueryParameter(name="from", description="Only what happened at this moment or later.")
]
Until = Annotated[
    datetime | None, QueryParameter(name="to", description="Only what happened before this moment.")
]


class AuditRecord(msgspec.Struct):
    """One record of the log. `actor` is the name that the actor has now, `before` and `after` are redacted."""

    sequence: int
    at: Instant
    actor: str
    actor_kind: str
    actor_id: str | None
    address: str | None
    action: str
    object_type: str
    object_id: str
    summary: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str


class AuditRecordList(msgspec.Struct):
    """A page of the log, newest first."""

    items: list[AuditRecord]
    next_cursor: str | None


@get(
    "/orgs/{org:str}/audit",
    operation_id="listAudit",
    summary="The organisation's log, newest first",
    tags=["organisation"],
    permission=Permission.AUDIT_READ,
)
async def list_audit(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    audit: NamedDependency[AuditService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    actor_id: ActorId = None,
    action: Action = None,
    object_type: ObjectType = None,
    object_id: ObjectId = None,
    since: Since = None,
    until: Until = None,
) -> AuditRecordList:
    """List the log."""
    del org
    key = decode_cursor(cursor, int)
    wanted = AuditFilter(
        actor=actor_id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        since=since,
        until=until,
        text=q,
    )
    rows = await audit.records(
        organization_id, wanted=wanted, before=key[0] if key else None, limit=limit + 1
    )
    items, next_cursor = page(rows, limit, lambda row: (row.sequence,))
    names = await audit.names(organization_id, items)
    return AuditRecordList([_record(row, names) for row in items], next_cursor)


@get(
    "/orgs/{org:str}/audit/export",
    operation_id="exportAudit",
    summary="The organisation's log as a file: NDJSON, which `vectorflow audit verify` checks, or CSV",
    tags=["organisation"],
    permission=Permission.AUDIT_READ,
)
async def export_audit(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    audit: NamedDependency[AuditService],
    form: Annotated[
        Literal["ndjson", "csv"], QueryParameter(name="format", description="The form.")
    ] = "ndjson",
    q: Query = None,
    actor_id: ActorId = None,
    action: Action = None,
    object_type: ObjectType = None,
    object_id: ObjectId = None,
    since: Since = None,
    until: Until = None,
) -> Stream:
    """Stream the log."""
    wanted = AuditFilter(
        actor=actor_id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        since=since,
        until=until,
        text=q,
    )
    make = audit.export_csv if form == "csv" else audit.export_ndjson
    return Stream(
        make(organization_id, wanted),
        media_type="text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson",
        headers={"content-disposition": f'attachment; filename="audit-{org}.{form}"'},
    )


def _record(row: AuditRow, names: dict[str, str]) -> AuditRecord:
    actor_id = row.actor.get("account_id") or row.actor.get("node_id")
    name = names.get(str(actor_id)) or row.actor.get("name", "")
    return AuditRecord(
        sequence=row.sequence,
        at=rfc3339(row.at),
        actor=str(name),
        actor_kind=str(row.actor.get("kind", "")),
        actor_id=actor_id,
        address=row.actor.get("address"),
        action=row.action,
        object_type=row.object_type,
        object_id=row.object_id,
        summary=row.summary,
        before=row.before,
        after=row.after,
        hash=row.hash.hex(),
    )


routes = [list_audit, export_audit]
