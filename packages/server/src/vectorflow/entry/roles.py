"""The roles a process can run. A room plugs its role in by one line in `ROLES`.

A role is a coroutine that works until `process.stop` is set, then ends by itself within ten seconds.
One that ends or fails before ends the whole process, so that whoever supervises it starts it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import structlog

from vectorflow.delivery import jobs as delivery_jobs
from vectorflow.entry.api import build_api
from vectorflow.entry.gateway import Gateway, GatewayOptions
from vectorflow.entry.gateway_metrics import GatewayMetrics
from vectorflow.entry.key_care import KeyCare
from vectorflow.entry.listeners import bind, serve
from vectorflow.entry.open_files import warn_of_few_open_files
from vectorflow.entry.process import Process
from vectorflow.entry.sealed_columns import PLATFORM_COLUMNS, SEALED_COLUMNS
from vectorflow.entry.shipping import shipping
from vectorflow.entry.signer import SignerRole
from vectorflow.fleet.signing import BundleSigner
from vectorflow.fleet.statement_signing import StatementSigner
from vectorflow.keys.platform_keys import PlatformKeyRotation
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.signing import SigningService
from vectorflow.platform.credentials import Role
from vectorflow.platform.http.access_log import AccessLog
from vectorflow.platform.http.headers import PROGRAM_HEADERS
from vectorflow.platform.metrics import MetricsApplication
from vectorflow.tenancy.lifecycle.exporting import ExportSigner
from vectorflow.vault.outside import OutsideFetcher
from vectorflow.vault.service import VaultService
from vectorflow_wire.messages import Intervals

log = structlog.get_logger()

RoleRunner = Callable[[Process], Awaitable[None]]


async def run_api(process: Process) -> None:
    """Serve API and web application."""
    settings = process.settings
    listener = bind(settings.host, settings.port, "VECTORFLOW_PORT")
    access_log = AccessLog(settings.access_log, process.metrics) if settings.access_log else None
    app = build_api(process.services, access_log=access_log)
    log.info("api.listening", host=settings.host, port=listener.getsockname()[1])
    closing = asyncio.create_task(
        _when(process.stop, process.services.streams.close_all), name="api-close-streams"
    )
    try:
        if access_log is None:
            await serve(app, listener, process.stop)
        else:
            async with access_log.running():
                await serve(app, listener, process.stop)
    finally:
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)


async def run_gateway(process: Process) -> None:
    """Serve the agents."""
    settings = process.settings
    rooms = process.services.rooms
    gateway = Gateway(
        process.database,
        await process.open_database(Role.TELEMETRY, size=2),
        bus=process.bus,
        signing=rooms.signing,
        clock=process.services.clock,
        options=GatewayOptions(
            agent_domain=f"agents.{settings.agent_domain}" if settings.agent_domain else None,
            trusted_proxies=settings.trusted_proxies,
            intervals=Intervals(
                heartbeat_seconds=settings.heartbeat_seconds, poll_seconds=settings.heartbeat_seconds
            ),
            logs_bytes_per_day=settings.logs_bytes_per_day,
        ),
        reported=delivery_jobs.defer_advance,
        releases=rooms.releases,
    )
    warn_of_few_open_files()
    listener = bind(settings.gateway_host, settings.gateway_port, "VECTORFLOW_GATEWAY_PORT")
    log.info("gateway.listening", host=settings.gateway_host, port=listener.getsockname()[1])
    async with gateway.running():
        beside = [
            asyncio.create_task(_when(process.stop, gateway.streams.close_all), name="gateway-close-streams"),
            asyncio.create_task(
                GatewayMetrics(gateway, process.metrics.registry).watch(), name="gateway-metrics"
            ),
        ]
        try:
            await serve(gateway, listener, process.stop, headers=PROGRAM_HEADERS)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def run_signer(process: Process) -> None:
    """Seal and sign what nodes should run."""
    database = await process.open_database(Role.SIGNER, size=8)
    keys = process.new_keys(database)
    clock = process.services.clock
    signing = SigningService(keys, clock)
    outside = OutsideFetcher(database, keys, process.egress)
    signer = BundleSigner(database, VaultService(keys, outside=outside), signing, clock, outside=outside)
    statements = StatementSigner(database, signing, clock)
    days = process.settings.key_rotation_days
    care = KeyCare(
        KeyRotation(database, keys, SEALED_COLUMNS, most_age=timedelta(days=days) if days else None),
        PlatformKeyRotation(database, process.platform_keys, PLATFORM_COLUMNS),
        process.bus,
    )
    role = SignerRole(signer, statements, process.bus, exports=ExportSigner(database, signing))

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(role.run())
            group.create_task(care.run())

    try:
        await _until_stop(process.stop, work())
    finally:
        keys.close()


async def run_worker(process: Process) -> None:
    """Run background jobs."""
    await process.open_database(Role.WORKER)
    await _until_stop(process.stop, process.jobs.work(process.role_url(Role.WORKER, direct=True)))


async def run_shipper(process: Process) -> None:
    """Bring the logs' proof where nobody can change it, where the settings name a bucket."""
    if process.settings.audit_ship_bucket is None:
        await process.stop.wait()
        return
    database = await process.open_database(Role.WORKER)
    async with shipping(process.settings, database, process.egress, process.metrics) as shipper:
        await _until_stop(process.stop, shipper.run(process.settings.audit_ship_seconds))


async def run_metrics(process: Process) -> None:
    """Serve `GET /metrics` on the internal listener; runs beside whatever roles there are."""
    settings = process.settings
    if settings.metrics_port is None:
        await process.stop.wait()
        return
    listener = bind(settings.metrics_host, settings.metrics_port, "VECTORFLOW_METRICS_PORT")
    log.info("metrics.listening", host=settings.metrics_host, port=listener.getsockname()[1])
    await serve(MetricsApplication(process.metrics), listener, process.stop, headers=PROGRAM_HEADERS)


async def _when(stop: asyncio.Event, call: Callable[[], None]) -> None:
    await stop.wait()
    call()


async def _until_stop(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run work that has no end of its own until the process stops; its failure is passed on."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


ROLES: Final[Mapping[str, RoleRunner]] = MappingProxyType(
    {
        "api": run_api,
        "gateway": run_gateway,
        "signer": run_signer,
        "worker": run_worker,
        "shipper": run_shipper,
    }
)
