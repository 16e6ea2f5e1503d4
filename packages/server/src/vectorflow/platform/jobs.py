"""Background jobs in PostgreSQL (procrastinate): deferred inside a transaction, run by the role ``worker``.

A tenant job runs in the organisation its row carries; the row's organisation is set by the database from the
scope of the transaction that deferred it. Jobs are idempotent reconcilers: running one twice is harmless.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import procrastinate
import psycopg
import structlog
from procrastinate.job_context import JobContext
from psycopg_pool import AsyncConnectionPool

from vectorflow.platform.database import Database, Transaction, timeouts
from vectorflow.platform.pauses import jittered

log = structlog.get_logger()
TenantTask = Callable[[UUID, Mapping[str, Any]], Awaitable[None]]
PlatformTask = Callable[[], Awaitable[None]]
_ALIVE_SECONDS = 3.0
_STALLED_SECONDS = 10.0
_RETRY = procrastinate.RetryStrategy(max_attempts=8, exponential_wait=2)


class Jobs:
    """The registry of tasks; the same in every process, run only where `work` is called."""

    def __init__(self) -> None:
        connector = procrastinate.PsycopgConnector(conninfo="")
        self._app = procrastinate.App(connector=connector)
        self._connector = connector
        self.names: dict[str, str] = {}

    def task(self, name: str, run: TenantTask, *, queue: str = "default", help: str) -> None:
        """Register work for one organisation: called with its id and the arguments it was deferred with."""

        async def wrapper(context: JobContext, /, organization_id: str, **arguments: Any) -> None:
            del context
            await run(UUID(organization_id), arguments)

        self._app.task(name=name, queue=queue, retry=_RETRY, pass_context=True)(wrapper)
        self.names[name] = help

    def periodic(self, name: str, run: PlatformTask, *, cron: str, help: str) -> None:
        """Register platform work on a schedule; one process at a time runs it.

        The schedule is cron in UTC, optionally with seconds as the sixth and last field.
        """
        if cron.split()[5:] == ["*"]:
            message = f"{name}: {cron!r} runs every second of its minutes; seconds are the last field"
            raise ValueError(message)

        async def wrapper(context: JobContext, /, timestamp: int) -> None:
            del context, timestamp
            await run()

        task = self._app.task(name=name, queue="periodic", pass_context=True, queueing_lock=name, lock=name)(
            wrapper
        )
        self._app.periodic(cron=cron)(task)
        self.names[name] = help

    async def defer(
        self,
        txn: Transaction,
        task: str,
        arguments: Mapping[str, Any],
        *,
        lock: str | None = None,
        queueing_lock: str | None = None,
    ) -> None:
        """Insert a job in the caller's transaction; locks are the organisation's own.

        With a ``queueing_lock`` that is already queued nothing is added: that job will see this change too.
        """
        organization = str(txn.organization_id)
        deferrer = self._app.configure_task(
            task,
            queue="default",
            lock=f"{organization}:{lock}" if lock else None,
            queueing_lock=f"{organization}:{queueing_lock}" if queueing_lock else None,
            connection=txn.connection,
        )
        try:
            async with (
                txn.connection.transaction()
            ):  # a savepoint: an occupied lock must not end the caller's work
                await deferrer.defer_async(organization_id=organization, **arguments)
        except (procrastinate.exceptions.AlreadyEnqueued, AssertionError) as error:
            # Under row-level security PostgreSQL withholds the detail that procrastinate asserts.
            if not isinstance(error.__context__ or error.__cause__, psycopg.errors.UniqueViolation):
                raise
            log.debug("job.already-queued", task=task)

    async def work(self, database_url: str, *, concurrency: int = 8) -> None:
        """Claim and run jobs until cancelled; a job under way gets ten seconds to finish."""
        pool = AsyncConnectionPool(
            database_url,
            min_size=1,
            max_size=4,
            open=False,
            kwargs=timeouts(database_url),
            check=AsyncConnectionPool.check_connection,
        )
        await pool.open(wait=True, timeout=30)
        try:
            await self._connector.open_async(pool)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work(concurrency))
                group.create_task(self._rescue())
        finally:
            await asyncio.shield(pool.close())

    async def _work(self, concurrency: int) -> None:
        while True:
            try:
                await self._app.run_worker_async(
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=2.0,
                    shutdown_graceful_timeout=10.0,
                    update_heartbeat_interval=_ALIVE_SECONDS,
                    stalled_worker_timeout=_STALLED_SECONDS,
                    delete_jobs="successful",
                )
            except Exception as error:
                log.warning("jobs.interrupted", error=type(error).__name__)
            await asyncio.sleep(jittered(1.5))

    async def _rescue(self) -> None:
        """Queue the jobs of dead workers again: a job that nobody runs would hold its lock for ever."""
        manager = self._app.job_manager
        while True:
            await asyncio.sleep(jittered(_ALIVE_SECONDS))
            try:
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
                    log.warning("job.rescued", task=job.task_name, id=job.id)
                    await manager.retry_job(job)
            except Exception as error:
                log.warning("jobs.not-rescued", error=type(error).__name__)


async def each_organization(database: Database) -> list[UUID]:
    """Return every organisation's id, for periodic work (role ``worker`` only)."""
    async with database.unscoped() as txn:
        return await txn.rows_of_ids("select vf.organizations_for_work() as id")


async def for_each_organization(
    database: Database, work: Callable[[Transaction], Awaitable[object]], what: str
) -> None:
    """Do periodic work for every organisation, each in a transaction of its own (role ``worker`` only).

    What cannot be done for one is logged as `what`, tried again at the next round, and done for the others now.
    """
    for organization_id in await each_organization(database):
        try:
            async with database.transaction(organization_id) as txn:
                await work(txn)
        except Exception as error:
            log.warning(what, organization_id=str(organization_id), error=type(error).__name__)
