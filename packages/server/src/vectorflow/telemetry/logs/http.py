"""The route of log lines."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http.cursors import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Query,
    decode_cursor,
    encode_cursor,
    page,
)
from vectorflow.telemetry.logs.service import LogService, line_of
from vectorflow.telemetry.logs.types import LEVEL_NAMES, LevelName, LineRow, LogFilter, LogList
from vectorflow.tenancy.types import Access

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Node = Annotated[UUID | None, QueryParameter(name="node", description="Only lines of this node.")]
Pipeline = Annotated[UUID | None, QueryParameter(name="pipeline", description="Only lines of this pipeline.")]
Component = Annotated[
    str | None,
    QueryParameter(name="component", min_length=1, max_length=128, description="Only lines naming it."),
]
LeastLevel = Annotated[
    LevelName, QueryParameter(name="level", description="Only lines at least this serious.")
]
Since = Annotated[
    datetime | None, QueryParameter(name="since", description="Only lines from this moment on (RFC 3339).")
]
Until = Annotated[
    datetime | None, QueryParameter(name="until", description="Only lines before this moment (RFC 3339).")
]
After = Annotated[
    str | None,
    QueryParameter(
        name="after",
        max_length=1024,
        description="`follow` of the answer before: what arrived since, in the order of arrival.",
    ),
]


@get(
    "/orgs/{org:str}/environments/{env:str}/logs",
    operation_id="listLogs",
    summary="Log lines of agents and engines, the newest first",
    tags=["telemetry"],
    permission=Permission.LOG_READ,
)
async def list_logs(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    logs: NamedDependency[LogService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    node: Node = None,
    pipeline: Pipeline = None,
    component: Component = None,
    level: LeastLevel = "trace",
    since: Since = None,
    until: Until = None,
    after: After = None,
) -> LogList:
    """List log lines."""
    del org, env
    wanted = LogFilter(
        node_id=node,
        pipeline_id=pipeline,
        component=component,
        level=LEVEL_NAMES.index(level),
        since=since,
        until=until,
        text=q,
    )
    place = access.organization_id, access.environment_id
    settled = logs.settled()
    followed = decode_cursor(after, UUID)
    if followed is not None:
        rows = await logs.arrived(*place, wanted, after=followed[0], settled=settled, limit=limit)
        last = rows[-1].id if len(rows) == limit else settled
        return LogList(
            items=[line_of(each) for each in rows], next_cursor=None, follow=encode_cursor(str(last))
        )
    key = decode_cursor(cursor, int, UUID)
    rows = await logs.lines(*place, wanted, before=(key[0], key[1]) if key else None, limit=limit + 1)
    shown, next_cursor = page(rows, limit, _key)
    return LogList(
        items=[line_of(each) for each in shown], next_cursor=next_cursor, follow=encode_cursor(str(settled))
    )


def _key(row: LineRow) -> tuple[int, str]:
    return (row.at - _EPOCH) // timedelta(microseconds=1), str(row.id)


routes = [list_logs]
