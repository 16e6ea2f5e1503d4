"""Routes of nodes."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from vectorflow.fleet.http.words import NODES
from vectorflow.fleet.service import FleetService
from vectorflow.fleet.types import (
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
from vectorflow.tenancy.types import Access

Status = Annotated[NodeStatus | None, QueryParameter(name="status", description="Only nodes of this status.")]


@get(
    NODES,
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
    NODES + "/{id:uuid}",
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
    NODES + "/{id:uuid}",
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
