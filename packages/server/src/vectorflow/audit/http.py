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
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, encode_cursor
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


class AuditActor(msgspec.Struct):
    """Somebody who stands in the log; `name` is the one they have now, or the id."""

    id: str
    name: str


class AuditFacets(msgspec.Struct):
    """Every action, type of object and actor that the log holds."""

    actions: list[str]
    object_types: list[str]
    actors: list[AuditActor]


class AuditProof(msgspec.Struct):
    """The newest record, the newest that a checkpoint signs, and the newest whose checkpoint was shipped.

    `shipping` is `off` where nothing was ever shipped, and `behind` when the last shipment is older than two minutes.
    """

    sequence: int
    signed: int | None
    signed_at: Instant | None
    shipped: int | None
    shipped_at: Instant | None
    shipping: Literal["off", "ok", "behind"]


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
    page = await audit.page(organization_id, wanted, before=key[0] if key else None, limit=limit)
    names = await audit.names(organization_id, page.rows)
    following = None if page.before is None else encode_cursor(page.before)
    return AuditRecordList([_record(row, names) for row in page.rows], following)


@get(
    "/orgs/{org:str}/audit/records/{number:int}",
    operation_id="getAuditRecord",
    summary="One record of the log",
    tags=["organisation"],
    permission=Permission.AUDIT_READ,
)
async def get_audit_record(
    *,
    org: FromPath[str],
    number: FromPath[int],
    organization_id: NamedDependency[UUID],
    audit: NamedDependency[AuditService],
) -> AuditRecord:
    """Return a record."""
    del org
    row = await audit.record(organization_id, number)
    return _record(row, await audit.names(organization_id, [row]))


@get(
    "/orgs/{org:str}/audit/facets",
    operation_id="getAuditFacets",
    summary="What the organisation's log can be filtered by",
    tags=["organisation"],
    permission=Permission.AUDIT_READ,
)
async def get_audit_facets(
    *, org: FromPath[str], organization_id: NamedDependency[UUID], audit: NamedDependency[AuditService]
) -> AuditFacets:
    """List actions, types of objects and actors."""
    del org
    found, names = await audit.facets(organization_id)
    by_kind: dict[str, list[str]] = {}
    for each in found:
        by_kind.setdefault(each.kind, []).append(each.value)
    actors = [AuditActor(each, names.get(each, each)) for each in by_kind.get("actor", [])]
    return AuditFacets(
        by_kind.get("action", []), by_kind.get("object_type", []), sorted(actors, key=lambda each: each.name)
    )


@get(
    "/orgs/{org:str}/audit/proof",
    operation_id="getAuditProof",
    summary="How far the organisation's log is signed, and shipped to where nobody can change it",
    tags=["organisation"],
    permission=Permission.AUDIT_READ,
)
async def get_audit_proof(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    audit: NamedDependency[AuditService],
    clock: NamedDependency[Clock],
) -> AuditProof:
    """Tell how far the log is proved."""
    del org
    proof = await audit.proof(organization_id)
    behind = await audit.behind(clock.now())
    shipping: Literal["off", "ok", "behind"] = "off" if behind is None else ("behind" if behind else "ok")
    if proof is None:
        return AuditProof(0, None, None, None, None, shipping)
    return AuditProof(
        proof.sequence,
        proof.signed,
        rfc3339(proof.signed_at) if proof.signed_at else None,
        proof.shipped,
        rfc3339(proof.shipped_at) if proof.shipped_at else None,
        shipping,
    )


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


routes = [list_audit, get_audit_record, get_audit_facets, get_audit_proof, export_audit]
