"""The roles a process can run. A room plugs its role in by one line in `ROLES`.

A role is a coroutine that works until `process.stop` is set, then ends by itself within ten seconds.
One that ends or fails before ends the whole process, so that whoever supervises it starts it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

import structlog

from vectorflow.entry.api import build_api
from vectorflow.entry.listeners import bind, serve
from vectorflow.entry.process import Process
from vectorflow.platform.http.access_log import AccessLog
from vectorflow.platform.metrics import MetricsApplication

log = structlog.get_logger()

RoleRunner = Callable[[Process], Awaitable[None]]


async def run_api(process: Process) -> None:
    """Serve API and web application."""
    settings = process.settings
    listener = bind(settings.host, settings.port, "VECTORFLOW_PORT")
    access_log = AccessLog(settings.access_log, process.metrics) if settings.access_log else None
    app = build_api(process.services, access_log=access_log)
    log.info("api.listening", host=settings.host, port=listener.getsockname()[1])
    closing = asyncio.create_task(_close_streams(process), name="api-close-streams")
    try:
        if access_log is None:
            await serve(app, listener, process.stop)
        else:
            async with access_log.running():
                await serve(app, listener, process.stop)
    finally:
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)


async def run_metrics(process: Process) -> None:
    """Serve `GET /metrics` on the internal listener; runs beside whatever roles there are."""
    settings = process.settings
    if settings.metrics_port is None:
        await process.stop.wait()
        return
    listener = bind(settings.metrics_host, settings.metrics_port, "VECTORFLOW_METRICS_PORT")
    log.info("metrics.listening", host=settings.metrics_host, port=listener.getsockname()[1])
    await serve(MetricsApplication(process.metrics), listener, process.stop)


async def _close_streams(process: Process) -> None:
    await process.stop.wait()
    process.services.streams.close_all()


ROLES: Final[Mapping[str, RoleRunner]] = MappingProxyType({"api": run_api})
