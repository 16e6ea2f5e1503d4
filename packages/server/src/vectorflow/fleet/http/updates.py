"""Routes of updates: which versions there are, which nodes shall run them, and how it goes."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.fleet.http.words import ENVIRONMENT
from vectorflow.fleet.update_types import NodeUpdateList, Program, StepUnit, UpdateOverview, UpdatePlan
from vectorflow.fleet.updates import UpdateService
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access

_UPDATES = ENVIRONMENT + "/updates"


class UpdateNew(msgspec.Struct, forbid_unknown_fields=True):
    """A version for the nodes of a group, or of the whole environment; `step` of them at a time."""

    program: Program
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[0-9A-Za-z.+-]+$")]
    group_id: UUID | None = None
    step: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    unit: StepUnit = "nodes"
    most_failures: Annotated[
        int, msgspec.Meta(ge=0, le=10_000, description="More failures than this pause it.")
    ] = 0


class UpdateState(msgspec.Struct, forbid_unknown_fields=True):
    """Pause an update, let it go on (what failed is tried again), or end it."""

    state: Literal["running", "paused", "ended"]


@get(
    _UPDATES,
    operation_id="listUpdates",
    summary="Updates of the environment's nodes, and the releases there are",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_updates(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    updates: NamedDependency[UpdateService],
) -> UpdateOverview:
    """List updates."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return await updates.overview(txn, access.environment_id)


@post(
    _UPDATES,
    operation_id="createUpdate",
    summary="Have the nodes of a group run a version, some at a time",
    tags=["fleet"],
    permission=Permission.NODE_UPDATE,
)
async def create_update(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[UpdateNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    updates: NamedDependency[UpdateService],
    idempotency: NamedDependency[Idempotency],
) -> UpdatePlan:
    """Plan an update; one for the same nodes and program ends."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await updates.create(
            txn,
            access.environment_id,
            group_id=data.group_id,
            program=data.program,
            target=data.version,
            step=data.step,
            unit=data.unit,
            most_failures=data.most_failures,
            actor=actor,
        )
        await idempotency.finish(txn, 201, made)
    return made


@post(
    _UPDATES + "/{id:uuid}/state",
    operation_id="changeUpdate",
    summary="Pause an update, let it go on, or end it",
    tags=["fleet"],
    permission=Permission.NODE_UPDATE,
    status_code=204,
)
async def change_update(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[UpdateState],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    updates: NamedDependency[UpdateService],
) -> None:
    """Change an update."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await updates.change(txn, access.environment_id, id, data.state, actor)


@get(
    _UPDATES + "/{id:uuid}/nodes",
    operation_id="listUpdateNodes",
    summary="How far each node of an update is, those with trouble first",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_update_nodes(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    updates: NamedDependency[UpdateService],
) -> NodeUpdateList:
    """List an update's nodes."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return NodeUpdateList(await updates.nodes(txn, access.environment_id, id), None)
