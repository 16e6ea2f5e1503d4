"""The route of Vectors that a node found beside its agent."""

from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from vectorflow.fleet.found import found_on, moment_of
from vectorflow.fleet.http.words import NODES
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.tenancy.types import Access
from vectorflow_wire.found import FoundVector


class FoundOnNode(msgspec.Struct, frozen=True):
    """Vectors beside the agent as they were `at`, null before the node told of any."""

    at: str | None
    vectors: tuple[FoundVector, ...]


@get(
    NODES + "/{id:uuid}/found",
    operation_id="listFoundVectors",
    summary="Vectors that run on a node beside its agent, as somebody there had it tell",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_found_vectors(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
) -> FoundOnNode:
    """Return what the node told last."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        told = await found_on(txn, access.environment_id, id)
    if told is None:
        return FoundOnNode(at=None, vectors=())
    return FoundOnNode(at=moment_of(told.at), vectors=told.vectors)
