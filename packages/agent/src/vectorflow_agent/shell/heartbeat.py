"""Telling the control plane: heartbeats that may be lost, reports that may not."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import psutil

from vectorflow_agent import __version__
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.pauses import varied
from vectorflow_agent.shell.runner import Runner
from vectorflow_agent.shell.told import Told
from vectorflow_wire import envelope
from vectorflow_wire.messages import AgentHealth, HeartbeatRequest, HostMetrics, ReportsRequest

_log = logging.getLogger(__name__)
_BATCH: Final = 50
_READ_TIMEOUT: Final = 4.0
_LONGEST_PAUSE: Final = 15.0


class Heartbeats:
    """Reads counters and host figures, and sends them at the interval the gateway wants."""

    def __init__(
        self,
        context: Context,
        gateway: Gateway,
        link: Link,
        told: Told,
        runners: Callable[[], Sequence[Runner]],
        *,
        schema_wanted: Callable[[str], None] = lambda _: None,
        obey: Callable[..., None] = lambda *_: None,
    ) -> None:
        self._context = context
        self._gateway = gateway
        self._link = link
        self._told = told
        self._runners = runners
        self._schema_wanted = schema_wanted
        self._obey = obey
        self._sequence = 0
        self.answered = asyncio.Event()
        """Set once the gateway has answered a heartbeat of this agent."""
        self._errors = 0
        self._patience = 0.0
        self._clock_offset_ms = 0
        self._self = psutil.Process(os.getpid())
        self._started_at = now_ms()
        self.last: HeartbeatRequest | None = None
        psutil.cpu_percent(interval=None)

    async def loop(self) -> None:
        """Send one heartbeat an interval; what goes wrong with one never stops the next."""
        while True:
            began = time.monotonic()
            self._patience = 0.0
            try:
                await self._beat()
            except Exception:
                _log.exception("an unexpected error in a heartbeat")
            await asyncio.sleep(self._patience)
            interval = varied(self._link.intervals.heartbeat_seconds, 0.05, 0.05)
            try:
                async with asyncio.timeout(max(0.0, interval - (time.monotonic() - began))):
                    await self._link.beat_now.wait()
            except TimeoutError:
                pass
            self._link.beat_now.clear()

    async def _beat(self) -> None:
        await self._read_counters()
        self.last = await self._request()
        if self._context.enrolment is None:
            return
        sent_at = now_ms()
        try:
            answer = await self._gateway.heartbeat(self._link.token(), msgspec.json.encode(self.last))
        except GatewayError as error:
            self._errors += 1
            self._patience = error.patience()
            self._told.warn("heartbeat", str(error))
            return
        self.answered.set()
        self._told.well("heartbeat", "is answered again")
        if answer.at:
            self._clock_offset_ms = (sent_at + now_ms()) // 2 - answer.at
        self._link.take_intervals(answer.intervals)
        self._schema_wanted(answer.schema_wanted)
        self._obey(*answer.statements)
        if answer.generation:
            self._link.hint(answer.generation, answer.issue)

    async def _read_counters(self) -> None:
        reading = [asyncio.create_task(runner.counters_read()) for runner in self._runners()]
        if reading:
            # A hanging engine must not hold up the others' heartbeat.
            _, late = await asyncio.wait(reading, timeout=_READ_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def _request(self) -> HeartbeatRequest:
        self._sequence += 1
        generation, issue = self._context.order
        return HeartbeatRequest(
            at=now_ms(),
            sequence=self._sequence,
            generation=generation,
            issue=issue,
            agent=self._health(),
            engine=self._context.engine_facts,
            host=await self._host(),
            pipelines=tuple(runner.status() for runner in self._runners()),
        )

    async def _host(self) -> HostMetrics:
        # psutil keeps the last reading of each thread, so this one is asked always from the same.
        cpu = psutil.cpu_percent(interval=None)
        metrics = await asyncio.to_thread(host_metrics, str(self._context.layout.root))
        return msgspec.structs.replace(metrics, cpu_percent=cpu)

    def _health(self) -> AgentHealth:
        bundle = self._link.bundle
        with self._self.oneshot():
            cpu, memory = self._self.cpu_times(), self._self.memory_info().rss
        return AgentHealth(
            version=__version__,
            started_at=self._started_at,
            cpu_seconds=round(cpu.user + cpu.system, 2),
            memory_bytes=memory,
            stream_connected=self._link.connected,
            poll_errors=self._link.poll_errors,
            heartbeat_errors=self._errors,
            reports_waiting=len(self._context.spool),
            clock_offset_ms=self._clock_offset_ms,
            stale=bundle is not None and now_ms() > bundle.half_life_at,
            message="; ".join(self._told.current())[:1000],
        )


def host_metrics(folder: str) -> HostMetrics:
    """The machine's figures but the processor's, with the disk that the folder is on."""
    memory, disk, network = psutil.virtual_memory(), psutil.disk_usage(folder), psutil.net_io_counters()
    return HostMetrics(
        memory_used_bytes=memory.total - memory.available,
        memory_total_bytes=memory.total,
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        load1=round(psutil.getloadavg()[0], 2),
        network_received_bytes=network.bytes_recv if network else 0,
        network_sent_bytes=network.bytes_sent if network else 0,
        uptime_seconds=round(time.time() - psutil.boot_time(), 1),
    )


class ReportSender:
    """Sends reports until they are acknowledged."""

    def __init__(self, context: Context, gateway: Gateway, link: Link, told: Told) -> None:
        self._context = context
        self._gateway = gateway
        self._link = link
        self._told = told
        self._batch = _BATCH

    async def loop(self) -> None:
        """Send what waits, at once and after failures again with growing pauses."""
        spool, pause = self._context.spool, 1.0
        while True:
            await self._link.enrolled.wait()
            await spool.added.wait()
            spool.added.clear()
            try:
                while len(spool):
                    await self._send()
                pause = 1.0
                self._told.well("reports", "are delivered again")
            except GatewayError as error:
                self._told.warn("reports", f"{error}; {len(spool)} are kept and sent again")
                await asyncio.sleep(max(varied(pause), error.patience()))
                pause = min(pause * 2, _LONGEST_PAUSE)
                spool.added.set()

    async def _send(self) -> None:
        spool, enrolment = self._context.spool, self._context.enrolment
        if enrolment is None:
            raise GatewayError("this node is not enrolled yet")
        # Signed when sent: a node that had to enrol anew signs what it has as its new self.
        reports = [
            msgspec.structs.replace(report, node=enrolment.node_id) for report in spool.waiting(self._batch)
        ]
        signed = tuple(
            envelope.sign(envelope.REPORT, report, self._context.identity.signer) for report in reports
        )
        try:
            answer = await self._gateway.reports(enrolment.node_token, ReportsRequest(reports=signed))
        except GatewayError as error:
            if not error.unreadable:
                raise
            await self._unwelcome([report.sequence for report in reports], error)
            return
        for sequence, why in answer.refused.items():
            _log.error("report %d was refused: %s", sequence, why[:300])
        done = {*answer.accepted, *answer.refused}
        if not done & {report.sequence for report in reports}:
            raise GatewayError("the gateway acknowledged none of the reports", status=200)
        await spool.done(done)
        self._batch = _BATCH

    async def _unwelcome(self, sequences: list[int], error: GatewayError) -> None:
        """The gateway cannot read the batch: find the one it stumbles over and set only that aside."""
        if len(sequences) > 1:
            self._batch = 1
            return
        _log.error("report %d cannot be delivered and is set aside: %s", sequences[0], error)
        await self._context.spool.set_aside(sequences[0])
