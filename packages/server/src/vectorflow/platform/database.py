"""Pools and transactions: the only place where a connection to PostgreSQL is opened.

Every transaction either carries the signed scope of one organisation or none. What a room does with it
happens through `Transaction`, which only takes literal SQL with bound parameters.
"""

import select
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, LiteralString, Protocol, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vectorflow.platform.arrays import write_arrays_at_once
from vectorflow.platform.direct import pooled
from vectorflow.platform.hints import Hints
from vectorflow.platform.reading import reads_only
from vectorflow.platform.scope import ScopeSigner

T = TypeVar("T")
Parameters = Mapping[str, Any]
Connection = psycopg.AsyncConnection[dict[str, Any]]

BUS_CHANNEL = "vectorflow"
# Times that a connection runs a statement before it is prepared.
_PREPARED_FROM = 5
# Without these a statement on a path that went silent waits as long as the kernel repeats, a quarter of an hour.
_TIMEOUTS = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds that what was sent may stay without an acknowledgement
}

set_json_dumps(lambda value: msgspec.json.encode(value).decode())
set_json_loads(msgspec.json.decode)


def timeouts(url: str) -> dict[str, Any]:
    """Return libpq's parameters that end a connection whose other side is gone; those that the address names stand."""
    own = conninfo_to_dict(url)
    return {name: value for name, value in _TIMEOUTS.items() if name not in own}


class DatabaseUnavailable(Exception):
    """The database cannot be reached right now. The request was not carried out; try again."""


class NoScope(Exception):
    """This transaction carries no organisation, and the statement needs one."""


class AuditSink(Protocol):
    """Appends a transaction's audit entries as its last statement; the audit room provides it."""

    async def append(self, txn: "Transaction", entries: Sequence[Any]) -> None:
        """Append the entries inside the transaction; raising rolls it back."""


class JobSink(Protocol):
    """Defers a job inside a transaction; `vectorflow.platform.jobs` provides it."""

    async def defer(
        self, txn: "Transaction", task: str, arguments: Mapping[str, Any], **options: Any
    ) -> None:
        """Insert the job; raising rolls the transaction back."""


class Transaction:
    """One database transaction, scoped to an organisation or to none."""

    def __init__(self, connection: Connection, organization_id: UUID | None, database: "Database") -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._database = database
        self._audit: list[Any] = []
        self._after_commit: list[Callable[[], None]] = []

    @property
    def organization_id(self) -> UUID:
        """The organisation of this transaction; raises `NoScope` where there is none."""
        if self._organization_id is None:
            raise NoScope(NoScope.__doc__)
        return self._organization_id

    @property
    def scoped(self) -> bool:
        """Whether the transaction carries an organisation."""
        return self._organization_id is not None

    @property
    def connection(self) -> Connection:
        """The connection, for the platform's own modules (COPY, jobs); rooms use the methods below."""
        return self._connection

    def _bind(self, parameters: Parameters | None) -> Parameters:
        if self._organization_id is None:
            return parameters or {}
        return {"organization_id": self._organization_id, **(parameters or {})}

    async def rows(
        self, into: type[T], sql: LiteralString, parameters: Parameters | None = None, *, binary: bool = False
    ) -> list[T]:
        """Return every row as a struct; ``organization_id`` is bound by itself in a scoped transaction.

        Have much ``bytea`` answered in binary: as text it is twice as long, and takes longer to read.
        """
        cursor = await self._connection.execute(sql, self._bind(parameters), binary=binary)
        return msgspec.convert(await cursor.fetchall(), list[into], strict=False)  # type: ignore[valid-type]

    async def row(self, into: type[T], sql: LiteralString, parameters: Parameters | None = None) -> T | None:
        """Return the first row as a struct, or None."""
        cursor = await self._connection.execute(sql, self._bind(parameters))
        found = await cursor.fetchone()
        return None if found is None else msgspec.convert(found, into, strict=False)

    async def rows_of_ids(self, sql: LiteralString, parameters: Parameters | None = None) -> list[UUID]:
        """Return the column ``id`` of every row."""
        cursor = await self._connection.execute(sql, self._bind(parameters))
        return [row["id"] for row in await cursor.fetchall()]

    async def value(self, sql: LiteralString, parameters: Parameters | None = None) -> Any:
        """Return the first column of the first row, or None."""
        cursor = await self._connection.execute(sql, self._bind(parameters))
        found = await cursor.fetchone()
        return None if found is None else next(iter(found.values()))

    async def execute(self, sql: LiteralString, parameters: Parameters | None = None) -> int:
        """Run a statement and return how many rows it touched."""
        cursor = await self._connection.execute(sql, self._bind(parameters))
        return cursor.rowcount

    async def execute_many(self, sql: LiteralString, parameters: Sequence[Parameters]) -> None:
        """Run a statement once for each set of parameters."""
        async with self._connection.cursor() as cursor:
            await cursor.executemany(sql, [self._bind(each) for each in parameters])

    def keyed_hash(self, purpose: str, value: bytes) -> bytes:
        """Return a hash to compare by, of what could be guessed from a plain one. Raises `NoScope`."""
        return self._database.keyed_hash(purpose, self.organization_id, value)

    async def audit(self, entry: Any) -> None:
        """Collect an audit entry; the transaction's last statement appends all of them."""
        self._audit.append(entry)

    async def defer(self, task: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Defer a job that exists exactly if this transaction commits (``lock``, ``queueing_lock``, …)."""
        await self._database.job_sink.defer(self, task, arguments or {}, **options)

    async def notify(self, topic: str, ids: Mapping[str, Any] | None = None) -> None:
        """Send a bus message at commit: ids only, never data, with the organisation of this transaction."""
        await self._connection.execute(
            "select pg_notify(%(channel)s, %(payload)s)",
            {"channel": BUS_CHANNEL, "payload": self._message(topic, ids)},
        )

    def hint(self, topic: str, ids: Mapping[str, Any] | None = None) -> None:
        """Send a bus message soon after the commit, for readers who look anyway: it can be lost with the process.

        Transactions with a `notify` commit one after another; many of them at once are held up by that.
        """
        message = self._message(topic, ids)
        self._after_commit.append(lambda: self._database.hints.add(message))

    def _message(self, topic: str, ids: Mapping[str, Any] | None) -> str:
        message = {"topic": topic, "organization_id": self._organization_id, **(ids or {})}
        return msgspec.json.encode(message).decode()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run a plain function once the transaction has committed."""
        self._after_commit.append(call)

    async def _finish(self) -> None:
        if self._audit:
            await self._database.audit_sink.append(self, self._audit)

    def _committed(self) -> None:
        for call in self._after_commit:
            call()


class _NoSink:
    async def append(self, txn: Transaction, entries: Sequence[Any]) -> None:
        message = "This process was wired without an audit log, so nothing that needs one can be changed."
        raise RuntimeError(message)

    async def defer(self, txn: Transaction, task: str, arguments: Mapping[str, Any], **options: Any) -> None:
        message = f"This process was wired without jobs, so {task} cannot be deferred."
        raise RuntimeError(message)


@asynccontextmanager
async def _beginning(connection: Connection, isolation: psycopg.IsolationLevel | None) -> AsyncIterator[None]:
    """Have the next transaction begin in another isolation or only reading, and only that one."""
    read_only = True if reads_only() else None
    if isolation is None and read_only is None:
        yield
        return
    await connection.set_isolation_level(isolation)
    await connection.set_read_only(read_only)
    try:
        yield
    finally:
        if not connection.closed:
            await connection.set_isolation_level(None)
            await connection.set_read_only(None)


async def _configure(connection: Connection) -> None:
    """Have statements planned once, as policies make planning dearer than running; a pooler would lose the plans."""
    connection.prepare_threshold = None if await pooled(connection) else _PREPARED_FROM
    write_arrays_at_once(connection)


async def _sound(connection: Connection) -> None:
    """Ask a connection that has something to say before it is lent, which is how the end of its server is seen.

    An idle connection is silent; to ask each one each time was a round trip more for every transaction.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(connection)


@asynccontextmanager
async def _current(connection: Connection) -> AsyncIterator[None]:
    """Give up a connection whose prepared statements answer as before a migration; a new one plans them anew."""
    try:
        yield
    except psycopg.errors.FeatureNotSupported as error:
        if error.diag.source_function != "RevalidateCachedQuery":
            raise
        await connection.close()
        raise DatabaseUnavailable(DatabaseUnavailable.__doc__) from error


class Database:
    """A bounded pool of connections of one database role, handing out transactions."""

    def __init__(
        self,
        url: str,
        signer: ScopeSigner,
        *,
        size: int = 10,
        timeout_seconds: float = 10.0,
        audit_sink: AuditSink | None = None,
        job_sink: JobSink | None = None,
    ) -> None:
        self._signer = signer
        self.audit_sink: AuditSink = audit_sink or _NoSink()
        self.job_sink: JobSink = job_sink or _NoSink()
        self.hints = Hints(self._send_hints)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            timeout=timeout_seconds,
            open=False,
            kwargs={"autocommit": True, "row_factory": dict_row, **timeouts(url)},
            configure=_configure,
            check=_sound,
            reconnect_timeout=30,
        )

    def keyed_hash(self, purpose: str, organization_id: UUID, value: bytes) -> bytes:
        """See `ScopeSigner.keyed_hash`."""
        return self._signer.keyed_hash(purpose, organization_id, value)

    async def open(self) -> None:
        """Open the pool; connections are made in the background, so a database that is down is no error."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Send what hints wait, and close every connection."""
        await self.hints.close()
        await self._pool.close(timeout=5)

    def transaction(self, organization_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that sees one organisation only."""
        return self._begin(organization_id)

    def snapshot(self, organization_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that sees one organisation only, all of it as it was when the transaction began."""
        return self._begin(organization_id, psycopg.IsolationLevel.REPEATABLE_READ)

    def unscoped(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that sees no tenant row, for look-ups by exact key through schema ``vf``."""
        return self._begin(None)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a plain connection to the platform's own modules. Raises `DatabaseUnavailable`."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise DatabaseUnavailable(DatabaseUnavailable.__doc__) from error

    async def _send_hints(self, messages: Sequence[str]) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(
                "select pg_notify(%(channel)s, message) from unnest(%(messages)s::text[]) as message",
                {"channel": BUS_CHANNEL, "messages": list(messages)},
            )

    @asynccontextmanager
    async def _begin(
        self, organization_id: UUID | None, isolation: psycopg.IsolationLevel | None = None
    ) -> AsyncIterator[Transaction]:
        try:
            async with (
                self._pool.connection() as connection,
                _current(connection),
                _beginning(connection, isolation),
            ):
                txn = Transaction(connection, organization_id, self)
                async with connection.transaction():
                    if organization_id is not None:
                        scope = self._signer.sign(organization_id)
                        await connection.execute(
                            "select set_config('vf.scope', %(scope)s, true)", {"scope": scope}
                        )
                    yield txn
                    await txn._finish()  # noqa: SLF001  # the transaction's own last statement
                    if connection.closed:
                        # Somebody caught the error that told so; psycopg then leaves with no commit and no error.
                        raise DatabaseUnavailable(DatabaseUnavailable.__doc__)
        except (PoolTimeout, psycopg.errors.AdminShutdown, psycopg.errors.CannotConnectNow) as error:
            raise DatabaseUnavailable(DatabaseUnavailable.__doc__) from error
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # the connection itself broke
                raise DatabaseUnavailable(DatabaseUnavailable.__doc__) from error
            raise
        txn._committed()  # noqa: SLF001
