"""Routes of nodes."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.http.words import NODES
from vectorflow.fleet.selectors import Requirement, parse_selector
from vectorflow.fleet.service import FleetService
from vectorflow.fleet.store.nodes import NodeFilter
from vectorflow.fleet.types import (
    NodeDetail,
    NodeList,
    NodeStatus,
    NodeSummary,
)
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import if_match
from vectorflow.tenancy.types import Access

Status = Annotated[NodeStatus | None, QueryParameter(name="status", description="Only nodes of this status.")]
Reason = Annotated[
    str | None,
    QueryParameter(name="reason", max_length=40, description="Only nodes degraded for this reason."),
]
Version = Annotated[
    str | None,
    QueryParameter(
        name="version", max_length=100, description="Only nodes with this version of agent or engine."
    ),
]
Selector = Annotated[
    str | None,
    QueryParameter(
        name="selector", max_length=1000, description="Only nodes with these labels: env=prod, !canary."
    ),
]
Group = Annotated[UUID | None, QueryParameter(name="group", description="Only nodes of this group.")]
Resting = Annotated[
    bool | None,
    QueryParameter(name="maintenance", description="Only nodes under maintenance, or only others."),
]
Duplicates = Annotated[
    bool, QueryParameter(name="duplicates", description="Only nodes that may be duplicates.")
]


@get(
    NODES,
    operation_id="listNodes",
    summary="The environment's nodes, by name; those that are gone only when asked for by status",
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
    groups: NamedDependency[GroupService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    status: Status = None,
    reason: Reason = None,
    version: Version = None,
    selector: Selector = None,
    group: Group = None,
    maintenance: Resting = None,
    duplicates: Duplicates = False,
) -> NodeList:
    """List nodes."""
    del org, env
    key = decode_cursor(cursor, str, UUID)
    async with database.transaction(access.organization_id) as txn:
        wanted = NodeFilter(
            text=q,
            status=status,
            reason=reason,
            version=version,
            maintenance=maintenance,
            duplicates=duplicates,
            requirements=await _requirements(txn, groups, access.environment_id, group, selector),
        )
        rows = await fleet.nodes(
            txn, access.environment_id, wanted, after=(key[0], key[1]) if key else None, limit=limit + 1
        )
    items, next_cursor = page(rows, limit, lambda row: (row.name, str(row.id)))
    return NodeList(items, next_cursor)


@get(
    NODES + "/summary",
    operation_id="getNodeSummary",
    summary="How many nodes there are, by status and by version of the agent",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def get_node_summary(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    groups: NamedDependency[GroupService],
    selector: Selector = None,
    group: Group = None,
) -> NodeSummary:
    """Count nodes."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        wanted = NodeFilter(
            requirements=await _requirements(txn, groups, access.environment_id, group, selector)
        )
        return await fleet.summary(txn, access.environment_id, wanted)


async def _requirements(
    txn: Transaction, groups: GroupService, environment_id: UUID, group: UUID | None, selector: str | None
) -> tuple[Requirement, ...]:
    """Return what a selector and a group ask for together."""
    of_group = await groups.requirements(txn, environment_id, group, "") if group else ()
    return of_group + parse_selector(selector or "")


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
    id: FromPath[UUID],
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
    id: FromPath[UUID],
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
