"""Routes of groups, drift and fleet settings."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from vectorflow.fleet.group_types import (
    DriftList,
    FleetSettings,
    GroupValues,
    NodeGroup,
    NodeGroupList,
    Window,
)
from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.http.words import ENVIRONMENT, MaintenanceNew
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import if_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access

_GROUPS = ENVIRONMENT + "/groups"
_SETTINGS = ENVIRONMENT + "/fleet-settings"


class GroupNew(msgspec.Struct, forbid_unknown_fields=True):
    """A group's name, whom it holds, and when it is under maintenance."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
    selector: Annotated[
        str, msgspec.Meta(max_length=1000, description="env=prod, region in (eu, us), !canary")
    ]
    description: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    timezone: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "UTC"
    windows: Annotated[list[Window], msgspec.Meta(max_length=20)] = []

    def values(self) -> GroupValues:
        """Return what the service takes."""
        return GroupValues(
            name=self.name,
            description=self.description,
            selector=self.selector,
            timezone=self.timezone,
            windows=tuple(self.windows),
        )


class FleetSettingsNew(msgspec.Struct, forbid_unknown_fields=True):
    """When silent nodes count as stale, and when they are told to leave; null: never."""

    stale_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)]
    decommission_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class DriftConfirm(msgspec.Struct, forbid_unknown_fields=True):
    """The nodes to be brought in line with whom a pipeline is for."""

    node_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=5000)]


class DriftConfirmed(msgspec.Struct, frozen=True):
    """How many nodes were brought in line."""

    nodes: int


OfPipeline = Annotated[UUID | None, QueryParameter(name="pipeline", description="Only this pipeline.")]


@get(
    _GROUPS,
    operation_id="listGroups",
    summary="The environment's groups of nodes, by name",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_groups(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> NodeGroupList:
    """List groups."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return NodeGroupList(await groups.groups(txn, access.environment_id), None)


@post(
    _GROUPS,
    operation_id="createGroup",
    summary="Make a group of nodes by their labels",
    tags=["fleet"],
    permission=Permission.GROUP_MANAGE,
)
async def create_group(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[GroupNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
    idempotency: NamedDependency[Idempotency],
) -> Response[NodeGroup]:
    """Make a group."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await groups.create(txn, access.environment_id, data.values(), actor)
        await idempotency.finish(txn, 201, made)
    return Response(made, headers={"ETag": made.etag})


@get(
    _GROUPS + "/{id:uuid}",
    operation_id="getGroup",
    summary="A group of nodes",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def get_group(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> Response[NodeGroup]:
    """Return a group."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        found = await groups.group(txn, access.environment_id, id)
    return Response(found, headers={"ETag": found.etag})


@put(
    _GROUPS + "/{id:uuid}",
    operation_id="updateGroup",
    summary="Change a group; what runs stays until drift is confirmed",
    tags=["fleet"],
    permission=Permission.GROUP_MANAGE,
)
async def update_group(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[GroupNew],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> Response[NodeGroup]:
    """Change a group."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        made = await groups.update(txn, access.environment_id, id, data.values(), if_match=given, actor=actor)
    return Response(made, headers={"ETag": made.etag})


@delete(
    _GROUPS + "/{id:uuid}",
    operation_id="deleteGroup",
    summary="Delete a group that nothing is deployed to",
    tags=["fleet"],
    permission=Permission.GROUP_MANAGE,
)
async def delete_group(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> None:
    """Delete a group."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        await groups.delete(txn, access.environment_id, id, given, actor)


@put(
    _GROUPS + "/{id:uuid}/maintenance",
    operation_id="setGroupMaintenance",
    summary="Begin or end maintenance of a group: no rollout starts on its nodes",
    tags=["fleet"],
    permission=Permission.MAINTENANCE_MANAGE,
)
async def set_group_maintenance(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[MaintenanceNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> Response[NodeGroup]:
    """Set maintenance."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        made = await groups.group_maintenance(
            txn, access.environment_id, id, on=data.on, until=data.until, note=data.note, actor=actor
        )
    return Response(made, headers={"ETag": made.etag})


@get(
    ENVIRONMENT + "/drift",
    operation_id="listDrift",
    summary="Nodes that do not have what their labels ask for, or have what they no longer should",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_drift(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
    pipeline: OfPipeline = None,
) -> DriftList:
    """List drift, at most 500 of it."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return DriftList(await groups.drift(txn, access.environment_id, pipeline_id=pipeline), None)


@post(
    ENVIRONMENT + "/pipelines/{id:uuid}/drift/confirm",
    operation_id="confirmDrift",
    summary="Give nodes what they lack of a pipeline, and stop it where it no longer belongs",
    tags=["fleet"],
    permission=Permission.PIPELINE_DEPLOY,
    status_code=200,
)
async def confirm_drift(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[DriftConfirm],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> DriftConfirmed:
    """Confirm drift."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        count = await groups.drift_confirm(txn, access.environment_id, id, data.node_ids, actor)
    return DriftConfirmed(count)


@get(
    _SETTINGS,
    operation_id="getFleetSettings",
    summary="When silent nodes of the environment count as stale, and when they are let go",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def get_fleet_settings(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> Response[FleetSettings]:
    """Return fleet settings."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        found = await groups.settings(txn, access.environment_id)
    return Response(found, headers={"ETag": found.etag})


@put(
    _SETTINGS,
    operation_id="updateFleetSettings",
    summary="Change when silent nodes count as stale, and when they are let go",
    tags=["fleet"],
    permission=Permission.NODE_DECOMMISSION,
)
async def update_fleet_settings(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[FleetSettingsNew],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    groups: NamedDependency[GroupService],
) -> Response[FleetSettings]:
    """Change fleet settings."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        made = await groups.settings_update(
            txn,
            access.environment_id,
            stale_after_days=data.stale_after_days,
            decommission_after_days=data.decommission_after_days,
            if_match=given,
            actor=actor,
        )
    return Response(made, headers={"ETag": made.etag})
