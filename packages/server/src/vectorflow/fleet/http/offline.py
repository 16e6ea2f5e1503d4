"""Routes of how long nodes may keep secrets without contact."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.fleet.offline import (
    LEAST_SECONDS,
    MOST_SECONDS,
    OfflineLimit,
    offline_limit,
    offline_limit_change,
)
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import if_match

_PATH = "/orgs/{org:str}/secrets-on-nodes"


class OfflineLimitNew(msgspec.Struct, forbid_unknown_fields=True):
    """How long nodes may keep secrets without a newer bundle, an hour to 90 days; null: for ever."""

    max_offline_seconds: Annotated[int, msgspec.Meta(ge=LEAST_SECONDS, le=MOST_SECONDS)] | None


@get(
    _PATH,
    operation_id="getSecretsOnNodes",
    summary="How long nodes keep secrets without contact",
    tags=["encryption"],
    permission=Permission.KEYS_READ,
)
async def get_secrets_on_nodes(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
) -> Response[OfflineLimit]:
    """Return the limit."""
    del org
    async with database.transaction(organization_id) as txn:
        found = await offline_limit(txn)
    return Response(found, headers={"ETag": found.etag})


@put(
    _PATH,
    operation_id="updateSecretsOnNodes",
    summary="Change how long nodes keep secrets without contact; every node gets a new bundle",
    tags=["encryption"],
    permission=Permission.KEYS_MANAGE,
)
async def update_secrets_on_nodes(
    *,
    org: FromPath[str],
    data: JSONBody[OfflineLimitNew],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
) -> Response[OfflineLimit]:
    """Change the limit."""
    del org
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        made = await offline_limit_change(txn, data.max_offline_seconds, if_match=given, actor=actor)
    return Response(made, headers={"ETag": made.etag})
