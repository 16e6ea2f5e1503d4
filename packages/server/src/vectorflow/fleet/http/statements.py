"""Routes of what a node is told once: restart a pipeline, log at another level."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.fleet.http.words import NODES
from vectorflow.fleet.statement_types import Statement, StatementList
from vectorflow.fleet.statements import StatementService
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access
from vectorflow_wire.statements import LogLevelArguments, RestartArguments

Drain = Annotated[float, msgspec.Meta(ge=0, le=600, description="How long the engine may take to drain.")]


class RestartNew(msgspec.Struct, forbid_unknown_fields=True):
    """A pipeline to be restarted on a node, with the revision that it runs."""

    pipeline_id: UUID
    drain_seconds: Drain = 60.0


class LogLevelNew(msgspec.Struct, forbid_unknown_fields=True):
    """A level to log at for a while. Without a pipeline the agent's own."""

    level: Literal["trace", "debug", "info", "warn", "error"]
    minutes: Annotated[int, msgspec.Meta(ge=0, le=10_080, description="0: until told otherwise.")] = 60
    pipeline_id: UUID | None = None


@get(
    NODES + "/{id:uuid}/statements",
    operation_id="listStatements",
    summary="What a node was told to do once, and what it answered, newest first",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_statements(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    statements: NamedDependency[StatementService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> StatementList:
    """List statements."""
    del org, env
    key = decode_cursor(cursor, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await statements.statements(
            txn, access.environment_id, id, after=key[0] if key else None, limit=limit + 1
        )
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return StatementList(items, next_cursor)


@post(
    NODES + "/{id:uuid}/restart",
    operation_id="restartPipeline",
    summary="Ask a node to restart a pipeline's engine",
    tags=["fleet"],
    permission=Permission.NODE_RESTART,
    status_code=202,
)
async def restart_pipeline(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[RestartNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    statements: NamedDependency[StatementService],
    idempotency: NamedDependency[Idempotency],
) -> Statement:
    """Ask for a restart; the node's answer is found in the list of statements."""
    del org, env
    arguments = RestartArguments(pipeline=str(data.pipeline_id), drain_seconds=data.drain_seconds)
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await statements.restart(txn, access.environment_id, id, arguments, actor)
        await idempotency.finish(txn, 202, made)
    return made


@post(
    NODES + "/{id:uuid}/log-level",
    operation_id="setLogLevel",
    summary="Ask a node to log at another level for a while",
    tags=["fleet"],
    permission=Permission.NODE_MANAGE,
    status_code=202,
)
async def set_log_level(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[LogLevelNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    statements: NamedDependency[StatementService],
    idempotency: NamedDependency[Idempotency],
) -> Statement:
    """Ask for a log level; the node's answer is found in the list of statements."""
    del org, env
    until = round(clock.now().timestamp() * 1000) + data.minutes * 60_000 if data.minutes else 0
    arguments = LogLevelArguments(
        level=data.level, until=until, pipeline=str(data.pipeline_id) if data.pipeline_id else ""
    )
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await statements.log_level(txn, access.environment_id, id, arguments, actor)
        await idempotency.finish(txn, 202, made)
    return made
