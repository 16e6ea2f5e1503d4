"""Routes of nodes and enrolment tokens."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from vectorflow.fleet.service import FleetService
from vectorflow.fleet.types import (
    EnrolmentTokenCreated,
    EnrolmentTokenList,
    NodeDetail,
    NodeList,
    NodeStatus,
)
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import if_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access

_NODES = "/orgs/{org:str}/environments/{env:str}/nodes"
_TOKENS = "/orgs/{org:str}/environments/{env:str}/enrolment-tokens"

Status = Annotated[NodeStatus | None, QueryParameter(name="status", description="Only nodes of this status.")]
Label = Annotated[str, msgspec.Meta(max_length=200)]
LabelName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.-]{1,63}$")]


class EnrolmentTokenNew(msgspec.Struct, forbid_unknown_fields=True):
    """An enrolment token to be made."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=60, le=366 * 86_400)] = 86_400
    max_uses: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    labels: Annotated[dict[LabelName, Label], msgspec.Meta(max_length=50)] = {}


@get(
    _NODES,
    operation_id="listNodes",
    summary="The environment's nodes, by name; revoked ones only when asked for",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_nodes(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    status: Status = None,
) -> NodeList:
    """List nodes."""
    del org, env
    key = decode_cursor(cursor, str, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await fleet.nodes(
            txn,
            access.environment_id,
            after=(key[0], key[1]) if key else None,
            limit=limit + 1,
            text=q,
            status=status,
        )
    items, next_cursor = page(rows, limit, lambda row: (row.name, str(row.id)))
    return NodeList(items, next_cursor)


@get(
    _NODES + "/{id:uuid}",
    operation_id="getNode",
    summary="A node: what it should run, what it does, what it reported",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def get_node(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],  # noqa: A002 - the path's own word
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
) -> Response[NodeDetail]:
    """Return a node."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        node = await fleet.node(txn, access.environment_id, id)
    return Response(node, headers={"ETag": node.etag})


@delete(
    _NODES + "/{id:uuid}",
    operation_id="revokeNode",
    summary="Revoke a node: its token ends, what it runs goes on",
    tags=["fleet"],
    permission=Permission.NODE_MANAGE,
)
async def revoke_node(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],  # noqa: A002 - the path's own word
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
) -> None:
    """Revoke a node."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        await fleet.node_revoke(txn, access.environment_id, id, given, actor)


@get(
    _TOKENS,
    operation_id="listEnrolmentTokens",
    summary="Enrolment tokens, newest first, without their secrets",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_enrolment_tokens(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> EnrolmentTokenList:
    """List enrolment tokens."""
    del org, env
    key = decode_cursor(cursor, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await fleet.enrolment_tokens(
            txn, access.environment_id, after=key[0] if key else None, limit=limit + 1, text=q
        )
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return EnrolmentTokenList(items, next_cursor)


@post(
    _TOKENS,
    operation_id="createEnrolmentToken",
    summary="Make an enrolment token; it is shown this once",
    tags=["fleet"],
    permission=Permission.ENROLMENT_MANAGE,
)
async def create_enrolment_token(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[EnrolmentTokenNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    idempotency: NamedDependency[Idempotency],
) -> EnrolmentTokenCreated:
    """Make an enrolment token."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await fleet.enrolment_token_create(
            txn,
            access.organization_slug,
            access.environment_id,
            name=data.name,
            expires_in_seconds=data.expires_in_seconds,
            max_uses=data.max_uses,
            labels=data.labels,
            actor=actor,
        )
        await idempotency.finish_secret(txn, 201)
    return made


@delete(
    _TOKENS + "/{id:uuid}",
    operation_id="revokeEnrolmentToken",
    summary="Revoke an enrolment token; nodes that used it stay",
    tags=["fleet"],
    permission=Permission.ENROLMENT_MANAGE,
)
async def revoke_enrolment_token(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],  # noqa: A002 - the path's own word
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
) -> None:
    """Revoke an enrolment token."""
    del org, env
    given = request.headers.get("if-match")
    async with database.transaction(access.organization_id) as txn:
        await fleet.enrolment_token_revoke(txn, access.environment_id, id, actor, given)


routes: list[Any] = [
    list_nodes,
    get_node,
    revoke_node,
    list_enrolment_tokens,
    create_enrolment_token,
    revoke_enrolment_token,
]
