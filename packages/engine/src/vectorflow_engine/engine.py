"""The program around the running graph: signals, reload, health endpoint, the end."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

from vectorflow_engine import __version__, log, plan
from vectorflow_engine.api import Api
from vectorflow_engine.component import StartError
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.log import logger
from vectorflow_engine.metrics import Registry
from vectorflow_engine.running import Running

EXIT_CONFIG = 78


class Engine:
    """Runs a plan until it is finished or told to stop."""

    def __init__(self, first: plan.Plan, files: Sequence[str], directories: Sequence[str]) -> None:
        """``files`` and ``directories`` are read again at each reload."""
        self._files, self._directories = list(files), list(directories)
        self._registry = Registry()
        self._running = Running(first, self._registry)
        self._api: Api | None = None
        self._stop, self._quit, self._reload = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self, limit: float | None) -> int:
        """Start, serve, drain; gives the exit code. ``limit`` is the time to drain in seconds."""
        self._take_signals()
        try:
            await self._start()
        except StartError as error:
            logger.error("Configuration error. error=%s", error)
            await self._stop_api()
            return EXIT_CONFIG
        await self._serve()
        code = await self._end(limit)
        await self._stop_api()
        return code

    async def _start(self) -> None:
        await self._start_api(self._running.plan.config.api.enabled)
        await self._running.start()
        self._say_healthy()
        self._registry.counter("started_total").add()
        for warning in self._running.plan.graph.warnings:
            logger.warning(warning)
        logger.info('Embedded engine has started; it stands in for Vector. version="%s"', __version__)

    async def _start_api(self, wanted: bool) -> None:  # noqa: FBT001, RUF100 - one obvious flag
        if wanted and self._api is None:
            running = self._running
            self._api = Api(
                running.plan.config.api.address, running.taps, lambda: sorted(running.plan.config.components)
            )
            await self._api.start()
            self._registry.counter("api_started_total").add()

    def _say_healthy(self) -> None:
        if self._api is not None:
            self._api.healthy = True

    async def _stop_api(self) -> None:
        if self._api is not None:
            await self._api.stop()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, number)
        loop.add_signal_handler(signal.SIGQUIT, self._quit.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    def _asked_to_stop(self, number: signal.Signals) -> None:
        logger.info("Signal received. signal=%s", signal.Signals(number).name)
        if self._stop.is_set():
            self._quit.set()
        self._stop.set()

    async def _serve(self) -> None:
        """Until stopped, quit, crashed or finished; reloads in between."""
        running = self._running
        while True:
            names = (self._stop, self._quit, running.crashed, running.finished, self._reload)
            await _first(*names)
            if any(event.is_set() for event in names[:4]):
                return
            self._reload.clear()
            reloading = asyncio.create_task(self._do_reload())
            quitting = asyncio.create_task(self._quit.wait())
            await asyncio.wait({reloading, quitting}, return_when=asyncio.FIRST_COMPLETED)
            quitting.cancel()
            if not reloading.done():
                reloading.cancel()
            await asyncio.gather(reloading, return_exceptions=True)

    async def _end(self, limit: float | None) -> int:
        if self._api is not None:
            self._api.healthy = False
        if self._running.finished.is_set():
            logger.info("All sources have finished.")
        self._registry.counter("stopped_total").add()
        draining = asyncio.create_task(self._running.stop(limit))
        quitting = asyncio.create_task(self._quit.wait())
        await asyncio.wait({draining, quitting}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            self._registry.counter("quit_total").add()
            logger.info("Embedded engine has quit.")
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
            await self._running.abandon()
            return 0
        quitting.cancel()
        logger.info("Embedded engine has stopped.")
        return 0

    async def _do_reload(self) -> None:
        logger.info("Reloading configuration.")
        try:
            fresh = await asyncio.to_thread(self._read)
        except ConfigError as error:
            logger.error("Failed to load the configuration; keeping the old one. error=%s", error)
            self._count_failure("config_load", "topology_build_failed")
            return
        log.hide(fresh.config.secrets)
        if fresh.config.globals != self._running.plan.config.globals:
            logger.error("Global options changed; they cannot be reloaded. Keeping the old configuration.")
            self._count_failure("reload", "global_options_changed")
            return
        try:
            await self._running.change(fresh)
            await self._start_api(fresh.config.api.enabled)
            self._say_healthy()
        except StartError as error:
            logger.error("Reload failed; keeping the old configuration. error=%s", error)
            self._count_failure("reload", "topology_build_failed")
            return
        self._registry.counter("reloaded_total").add()
        logger.info("Embedded engine has reloaded.")

    def _read(self) -> plan.Plan:
        paths: list[Path] = plan.paths_of(self._files, self._directories)
        return plan.make(paths)

    def _count_failure(self, code: str, reason: str) -> None:
        labels = (
            ("error_code", code),
            ("error_type", "configuration_failed"),
            ("reason", reason),
            ("stage", "processing"),
        )
        self._registry.counter("component_errors_total", labels).add()


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
