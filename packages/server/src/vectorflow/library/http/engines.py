"""Routes of engine schemas: what the organisation's engines say of themselves, and whether it is believed."""

from typing import Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.library.service import DIGEST_PREFIX, EngineSchemaService
from vectorflow.library.types import BY_NODES, EngineSchemaRow
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.times import Instant

_PATH = "/orgs/{org:str}/engine-schemas"


class EngineSchema(msgspec.Struct):
    """What a program says of itself. `nodes` gave this account, `rivals` is how many other accounts there are.

    `confirmed` says whether checks go by it; else it is advice.
    """

    id: UUID
    digest: str
    version: str
    size_bytes: int
    first_at: Instant
    nodes: int
    rivals: int
    confirmed: bool
    confirmed_at: Instant | None
    confirmed_by: Literal["nodes", "person"] | None
    confirmed_by_name: str | None
    etag: str


class EngineSchemaList(msgspec.Struct):
    """A page of engine schemas, newest first."""

    items: list[EngineSchema]
    next_cursor: str | None


@get(
    _PATH,
    operation_id="listEngineSchemas",
    summary="What the organisation's engines say of themselves",
    tags=["nodes"],
    permission=Permission.ORGANIZATION_READ,
)
async def list_engine_schemas(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    engine_schemas: NamedDependency[EngineSchemaService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> EngineSchemaList:
    """List engine schemas."""
    del org
    key = decode_cursor(cursor, str)
    async with database.transaction(organization_id) as txn:
        rows = await engine_schemas.schemas(txn, after=UUID(key[0]) if key else None, limit=limit + 1)
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return EngineSchemaList([_shown(row) for row in items], next_cursor)


@get(
    _PATH + "/{id:uuid}",
    operation_id="getEngineSchema",
    summary="What one program says of itself, without the schema",
    tags=["nodes"],
    permission=Permission.ORGANIZATION_READ,
)
async def get_engine_schema(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    engine_schemas: NamedDependency[EngineSchemaService],
) -> Response[EngineSchema]:
    """Return an engine schema."""
    del org
    async with database.transaction(organization_id) as txn:
        answer = _shown(await engine_schemas.schema(txn, id))
    return Response(answer, headers={"ETag": answer.etag})


@post(
    _PATH + "/{id:uuid}/confirm",
    operation_id="confirmEngineSchema",
    summary="Let checks go by this schema",
    tags=["nodes"],
    permission=Permission.ENGINE_MANAGE,
    status_code=200,
)
async def confirm_engine_schema(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    engine_schemas: NamedDependency[EngineSchemaService],
) -> Response[EngineSchema]:
    """Believe one account of a program."""
    del org
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        row = await engine_schemas.schema(txn, id)
        require_match(given, _tag(row))
        answer = _shown(await engine_schemas.confirm(txn, row, actor))
    return Response(answer, headers={"ETag": answer.etag})


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteEngineSchema",
    summary="Forget a schema; nodes with this engine are asked again",
    tags=["nodes"],
    permission=Permission.ENGINE_MANAGE,
)
async def delete_engine_schema(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    engine_schemas: NamedDependency[EngineSchemaService],
) -> None:
    """Forget an account of a program."""
    del org
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        row = await engine_schemas.schema(txn, id)
        require_match(given, _tag(row))
        await engine_schemas.delete(txn, row, actor)


def _tag(row: EngineSchemaRow) -> str:
    state = 0 if row.confirmed_at is None else round(row.confirmed_at.timestamp() * 1_000_000)
    return etag("engine-schema", row.id, state)


def _shown(row: EngineSchemaRow) -> EngineSchema:
    confirmed = row.confirmed_at is not None
    by_nodes = row.confirmed_by == BY_NODES
    return EngineSchema(
        id=row.id,
        digest=DIGEST_PREFIX + row.digest.hex(),
        version=row.version,
        size_bytes=row.size,
        first_at=rfc3339(row.first_at),
        nodes=row.nodes,
        rivals=row.rivals,
        confirmed=confirmed,
        confirmed_at=None if row.confirmed_at is None else rfc3339(row.confirmed_at),
        confirmed_by=None if not confirmed else "nodes" if by_nodes else "person",
        confirmed_by_name=row.confirmed_by if confirmed and not by_nodes else None,
        etag=_tag(row),
    )


routes = [list_engine_schemas, get_engine_schema, confirm_engine_schema, delete_engine_schema]
