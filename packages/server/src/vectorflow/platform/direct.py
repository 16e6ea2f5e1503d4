"""What needs PostgreSQL itself: LISTEN and the claiming of jobs do not work through a pooler in transaction mode.

PgBouncer gives its clients process numbers of its own making, so that a connection which goes through it is known by
the number: it is not that of the server process behind it.
"""

import psycopg
import structlog

log = structlog.get_logger()


class PooledAddress(Exception):
    """Set VECTORFLOW_DATABASE_DIRECT_URL to PostgreSQL itself: bus and jobs have an address that leads through a pooler such as PgBouncer, where messages would be lost."""


async def pooled(connection: psycopg.AsyncConnection[object]) -> bool:
    """Tell whether a pooler stands between this connection and the server."""
    cursor = await connection.execute("select pg_backend_pid() as pid")
    row = await cursor.fetchone()
    found = next(iter(row.values())) if isinstance(row, dict) else row[0] if isinstance(row, tuple) else None
    return bool(found != connection.info.backend_pid)


async def refuse_pooler(url: str, *, patience_seconds: int = 3) -> None:
    """Raise `PooledAddress` for an address that leads through a pooler; one that is away is not judged."""
    try:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=patience_seconds, prepare_threshold=None
        ) as connection:
            through = await pooled(connection)
    except (psycopg.Error, OSError) as error:
        log.warning("database.direct-not-tried", error=type(error).__name__)
        return
    if through:
        raise PooledAddress(PooledAddress.__doc__)
