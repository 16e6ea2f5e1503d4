"""One serving process: settings, database pools, bus and services, opened in order and closed in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self, cast
from uuid import UUID

import structlog

from vectorflow.alerts import jobs as alert_jobs
from vectorflow.alerts.evaluating import Evaluator
from vectorflow.alerts.notifying import Notifier
from vectorflow.audit import jobs as audit_jobs
from vectorflow.audit.checkpoints import CheckpointKey
from vectorflow.audit.service import AuditAppender
from vectorflow.delivery import jobs as delivery_jobs
from vectorflow.entry.health import version
from vectorflow.entry.outbound import build_egress
from vectorflow.entry.services import Services
from vectorflow.fleet import jobs as fleet_jobs
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import parse_id
from vectorflow.keys.choice import build_ring
from vectorflow.keys.guard import KeyMetrics
from vectorflow.keys.own_keys import OwnKeyService
from vectorflow.keys.own_providers import OwnProviders
from vectorflow.keys.platform_keys import PlatformKeyService
from vectorflow.keys.service import KeyService
from vectorflow.pipelines import jobs as pipeline_jobs
from vectorflow.platform import credentials
from vectorflow.platform.backup import journal
from vectorflow.platform.bus import Bus
from vectorflow.platform.credentials import Role, role_url, same_login
from vectorflow.platform.database import Database, JobSink, Transaction
from vectorflow.platform.jobs import Jobs
from vectorflow.platform.mail import build_mail
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings
from vectorflow.telemetry import jobs as telemetry_jobs
from vectorflow.telemetry.taps import jobs as tap_jobs
from vectorflow.tenancy.lifecycle import jobs as lifecycle_jobs
from vectorflow.tenancy.lifecycle.erasing import Eraser
from vectorflow.tenancy.lifecycle.exporting import Exporter
from vectorflow.vault import jobs as vault_jobs

log = structlog.get_logger()


class DatabaseNotConfiguredError(VectorFlowError, status=500, code="entry.database-not-configured"):
    """Set VECTORFLOW_DATABASE_URL to the PostgreSQL to use, or run `vectorflow up`, which brings its own."""


class Process:
    """What the roles of one process share. Made by `running`; `stop` set means that it is ending."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        if settings.database_url is None:
            raise DatabaseNotConfiguredError
        self.settings = settings
        self.stop = asyncio.Event()
        self.metrics = Metrics()
        self.jobs = Jobs()
        self._url = settings.database_url
        self._direct_url = settings.database_direct_url or settings.database_url
        self._stack = stack
        self._signer = ScopeSigner(credentials.scope_key(settings.state_dir, settings.scope_key))
        self._databases: dict[Role, Database] = {}
        self.bus = Bus(self.role_url(Role.APP, direct=True))
        self.database = self._new_database(Role.APP, 10)
        # Registered in every process so that jobs can be deferred; opened only where the role worker runs.
        self._worker_database = self._new_database(Role.WORKER, 6)
        # What is called for an organisation is logged through a pool apart; see `entry/outbound.py`.
        self._outbound_database = self._new_database(Role.APP, 2)
        self.egress = build_egress(settings, self._outbound_database, self.metrics)
        key_metrics = KeyMetrics(self.metrics.registry)
        self.key_ring = build_ring(settings, self.egress, metrics=key_metrics)
        self.platform_keys = PlatformKeyService(self.key_ring)
        self.own_keys = OwnKeyService(
            self.database,
            OwnProviders(settings, self.egress, metrics=key_metrics),
            self.platform_keys,
            cloud=settings.mode == "cloud",
        )
        self.services = Services(
            settings,
            self.database,
            metrics=self.metrics,
            keys=self.new_keys(self.database),
            own_keys=self.own_keys,
            bus_connected=self.bus.connected.is_set,
        )
        delivery_jobs.register(self.jobs, self._worker_database, self.services.rooms.delivery)
        fleet_jobs.register(
            self.jobs,
            self._worker_database,
            self.services.rooms.lifecycle,
            self.services.rooms.updates,
            reports_days=self.settings.reports_days,
        )
        telemetry_jobs.register(self.jobs, self._worker_database, logs_days=self.settings.logs_days)
        tap_jobs.register(self.jobs, self._worker_database)
        vault_jobs.register(self.jobs, self._worker_database)
        pipeline_jobs.register(self.jobs, self._worker_database, self.services.rooms.vault.lookup_files)
        alert_jobs.register(
            self.jobs,
            Evaluator(self._worker_database, self.services.rooms.groups),
            Notifier(
                self._worker_database,
                self.new_keys(self._worker_database),
                self.egress,
                self.services.clock,
                mail=build_mail(settings, self.egress),
                page=settings.base_url,
            ),
        )
        audit_jobs.register(
            self.jobs, self._worker_database, CheckpointKey(settings.state_dir), self.services.clock
        )
        lifecycle_jobs.register(
            self.jobs,
            Exporter(self.database, self.services.clock, version()),
            Eraser(self._worker_database, self._shred),
        )
        journal.register(self.jobs, self._worker_database, settings.state_dir / "revocations")
        self._subscribe()

    @classmethod
    @asynccontextmanager
    async def running(cls, settings: Settings) -> AsyncIterator[Self]:
        """Open everything; on leaving, close it."""
        async with AsyncExitStack() as stack:
            process = cls(settings, stack)
            await process.open_database(Role.APP)
            await process._outbound_database.open()  # the class's own
            stack.push_async_callback(process._outbound_database.close)
            stack.push_async_callback(process.egress.aclose)
            stack.push_async_callback(process.key_ring.aclose)
            stack.push_async_callback(process.own_keys.aclose)
            stack.push_async_callback(process.services.close)
            listening = asyncio.create_task(process.bus.run(), name="bus")
            stack.push_async_callback(_cancel, listening)
            await process.services.passwords.prepare()
            yield process

    def new_keys(self, database: Database) -> KeyService:
        """Return sealing for a database role; all of a process share the key providers, and none a key."""
        keys = KeyService(
            database,
            self.key_ring,
            source=self.own_keys,
            backup_retention=timedelta(days=self.settings.backup_retention_days),
        )
        keys.attach(self.bus)
        return keys

    async def _shred(self, txn: Transaction) -> datetime:
        return (await self.services.keys.shred(txn)).complete_at

    def role_url(self, role: Role, *, direct: bool = False) -> str:
        """Return the database URL of a role; `direct` is for what PgBouncer cannot do."""
        configured: str | None = getattr(self.settings, f"database_{role.name.lower()}_url")
        if configured and direct and self.settings.database_direct_url:
            configured = same_login(self.settings.database_direct_url, configured)
        base_url = self._direct_url if direct else self._url
        return role_url(base_url, role, self.settings.state_dir, configured)

    async def open_database(self, role: Role, *, size: int = 10) -> Database:
        """Return the pool of a database role, opened once in this process."""
        if role in self._databases:
            return self._databases[role]
        known = {Role.APP: self.database, Role.WORKER: self._worker_database}
        database = known.get(role) or self._new_database(role, size)
        self._databases[role] = database
        await database.open()
        self._stack.push_async_callback(database.close)
        return database

    def _new_database(self, role: Role, size: int) -> Database:
        return Database(
            self.role_url(role),
            self._signer,
            size=size,
            audit_sink=AuditAppender(),
            job_sink=cast("JobSink", self.jobs),
        )

    def _subscribe(self) -> None:
        self.bus.subscribe(Topic.SESSION, self._session_ended)
        self.bus.on_reconnect(self._messages_missed)
        self.services.rooms.live.attach(self.bus)
        self.services.rooms.tap_streams.attach(self.bus)

    def _session_ended(self, message: Mapping[str, Any]) -> None:
        session_id: UUID | None = parse_id(str(message.get("session_id")))
        if session_id is not None:
            self.services.sessions.forget(session_id)
            self.services.streams.close_session(session_id)

    def _messages_missed(self) -> None:
        self.services.sessions.clear()
        self.services.streams.close_all()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
