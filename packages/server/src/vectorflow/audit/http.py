"""The route that shows an organisation its log.

This room stands below tenancy, so it takes the organisation that the guard resolved as a plain id.
"""

from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from vectorflow.audit.service import AuditService
from vectorflow.audit.types import AuditRow
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.times import Instant


class AuditRecord(msgspec.Struct):
    """One record of the log."""

    sequence: int
    at: Instant
    actor: str
    action: str
    object_type: str
    object_id: str
    summary: str


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
) -> AuditRecordList:
    """List the log."""
    del org
    key = decode_cursor(cursor, int)
    rows = await audit.records(organization_id, before=key[0] if key else None, limit=limit + 1, text=q)
    items, next_cursor = page(rows, limit, lambda row: (row.sequence,))
    return AuditRecordList([_record(row) for row in items], next_cursor)


def _record(row: AuditRow) -> AuditRecord:
    actor = str(row.actor.get("name", ""))
    return AuditRecord(
        row.sequence, rfc3339(row.at), actor, row.action, row.object_type, row.object_id, row.summary
    )


routes = [list_audit]
