"""Routes of a node's coming and going: admission, duplicates, labels, maintenance, leaving."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.http.words import NODES, Label, LabelName, MaintenanceNew
from vectorflow.fleet.lifecycle import LifecycleService
from vectorflow.fleet.service import FleetService
from vectorflow.fleet.statement_types import Statement
from vectorflow.fleet.types import NodeDetail
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import if_match
from vectorflow.tenancy.types import Access

_NODE = NODES + "/{id:uuid}"


class LabelsNew(msgspec.Struct, forbid_unknown_fields=True):
    """All assigned labels of a node."""

    labels: Annotated[dict[LabelName, Label], msgspec.Meta(max_length=50)]


class LabelsOfMany(msgspec.Struct, forbid_unknown_fields=True):
    """Labels to be set on and removed from many nodes."""

    node_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=5000)]
    set: Annotated[dict[LabelName, Label], msgspec.Meta(max_length=50)] = {}
    remove: Annotated[list[LabelName], msgspec.Meta(max_length=50)] = []


class LabelsChanged(msgspec.Struct, frozen=True):
    """How many nodes got other labels."""

    nodes: int


class DuplicateDecision(msgspec.Struct, forbid_unknown_fields=True):
    """`keep`: the node is a machine of its own. `merge`: it takes the place of the node it may be a duplicate of."""

    decision: Literal["keep", "merge"]


class DecommissionNew(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of the engines on a node that leaves."""

    engines: Literal["keep", "stop"] = "keep"


async def _node(
    database: Database, fleet: FleetService, access: Access, node_id: UUID
) -> Response[NodeDetail]:
    async with database.transaction(access.organization_id) as txn:
        node = await fleet.node(txn, access.environment_id, node_id)
    return Response(node, headers={"ETag": node.etag})


@post(
    _NODE + "/admit",
    operation_id="admitNode",
    summary="Admit a node that waits; it begins with what the environment has for it",
    tags=["fleet"],
    permission=Permission.NODE_ADMIT,
    status_code=200,
)
async def admit_node(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    lifecycle: NamedDependency[LifecycleService],
) -> Response[NodeDetail]:
    """Admit a node."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await lifecycle.admit(txn, access.environment_id, id, actor)
    return await _node(database, fleet, access, id)


@post(
    _NODE + "/reject",
    operation_id="rejectNode",
    summary="Turn away a node that waits; its token ends",
    tags=["fleet"],
    permission=Permission.NODE_ADMIT,
    status_code=200,
)
async def reject_node(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    lifecycle: NamedDependency[LifecycleService],
) -> Response[NodeDetail]:
    """Reject a node."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await lifecycle.reject(txn, access.environment_id, id, actor)
    return await _node(database, fleet, access, id)


@post(
    _NODE + "/duplicate",
    operation_id="decideDuplicate",
    summary="Decide whether a node is a machine of its own or takes another node's place",
    tags=["fleet"],
    permission=Permission.NODE_ADMIT,
    status_code=200,
)
async def decide_duplicate(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[DuplicateDecision],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    lifecycle: NamedDependency[LifecycleService],
) -> Response[NodeDetail]:
    """Decide about a possible duplicate."""
    del org, env
    decide = lifecycle.merge_duplicate if data.decision == "merge" else lifecycle.keep_duplicate
    async with database.transaction(access.organization_id) as txn:
        await decide(txn, access.environment_id, id, actor)
    return await _node(database, fleet, access, id)


@put(
    _NODE + "/labels",
    operation_id="setNodeLabels",
    summary="Give a node its labels; what it runs stays until drift is confirmed",
    tags=["fleet"],
    permission=Permission.NODE_LABEL,
)
async def set_node_labels(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[LabelsNew],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    lifecycle: NamedDependency[LifecycleService],
) -> Response[NodeDetail]:
    """Set labels."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        await lifecycle.labels(txn, access.environment_id, id, dict(data.labels), if_match=given, actor=actor)
    return await _node(database, fleet, access, id)


@post(
    NODES + "/labels",
    operation_id="changeLabels",
    summary="Set and remove labels of many nodes; what they run stays until drift is confirmed",
    tags=["fleet"],
    permission=Permission.NODE_LABEL,
    status_code=200,
)
async def change_labels(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[LabelsOfMany],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    lifecycle: NamedDependency[LifecycleService],
) -> LabelsChanged:
    """Change labels of many nodes."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        count = await lifecycle.labels_of_many(
            txn, access.environment_id, data.node_ids, set_to=data.set, remove=data.remove, actor=actor
        )
    return LabelsChanged(count)


@put(
    _NODE + "/maintenance",
    operation_id="setNodeMaintenance",
    summary="Begin or end maintenance of a node: no rollout starts there",
    tags=["fleet"],
    permission=Permission.MAINTENANCE_MANAGE,
)
async def set_node_maintenance(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[MaintenanceNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    groups: NamedDependency[GroupService],
) -> Response[NodeDetail]:
    """Set maintenance."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await groups.node_maintenance(
            txn, access.environment_id, id, on=data.on, until=data.until, note=data.note, actor=actor
        )
    return await _node(database, fleet, access, id)


@post(
    _NODE + "/decommission",
    operation_id="decommissionNode",
    summary="Tell a node to leave and to remove what it holds; it is gone once it has said so",
    tags=["fleet"],
    permission=Permission.NODE_DECOMMISSION,
    status_code=202,
)
async def decommission_node(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[DecommissionNew],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    lifecycle: NamedDependency[LifecycleService],
) -> Statement:
    """Decommission a node."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        return await lifecycle.decommission(
            txn, access.environment_id, id, data.engines, if_match=given, actor=actor
        )


@post(
    _NODE + "/decommission/cancel",
    operation_id="cancelDecommission",
    summary="Take back that a node shall leave; one that heard of it already still leaves",
    tags=["fleet"],
    permission=Permission.NODE_DECOMMISSION,
    status_code=200,
)
async def cancel_decommission(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    lifecycle: NamedDependency[LifecycleService],
) -> Response[NodeDetail]:
    """Cancel a decommission."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await lifecycle.decommission_cancel(txn, access.environment_id, id, actor)
    return await _node(database, fleet, access, id)
