"""The node's log lines for the control plane: collected, kept on disk, sent until they are acknowledged.

By default warnings and errors go, of engines and of the agent itself; a signed statement lowers that for a while.
What goes beyond the allowance, or could not be kept, is counted and told in a line of its own.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from vectorflow_agent.core.loglines import Allowance, Line, at_least, clean, cut
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.hiding import opened
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.logspool import LogSpool
from vectorflow_agent.shell.logtail import Tail
from vectorflow_agent.shell.pauses import varied
from vectorflow_agent.shell.told import Told
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.logs import AGENT, MOST_LINES, LogLine
from vectorflow_wire.statements import LogLevel

PER_SECOND: Final = 20.0
BURST: Final = 500.0
_ROUND_SECONDS: Final = 1.0
_OWN_WAITING: Final = 1000
_LONGEST_PAUSE: Final = 60.0
_BATCH_BYTES: Final = 2 * 1024 * 1024
_TOO_FAST: Final = f"more than {PER_SECOND:g} lines a second"
_PASSED_OVER: Final = "the log grew faster than it could be read"
_UNCLEAN: Final = "the secrets to take out of them could not be opened"
_REFUSED: Final = "the control plane could not read the batch"
_NAMES: Final = {
    logging.DEBUG: LogLevel.DEBUG,
    logging.INFO: LogLevel.INFO,
    logging.WARNING: LogLevel.WARN,
    logging.ERROR: LogLevel.ERROR,
    logging.CRITICAL: LogLevel.ERROR,
}


class OwnLines(logging.Handler):
    """What the agent itself logs, waiting to be collected."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=_OWN_WAITING)
        self._formatter = logging.Formatter()
        self.missed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; of too many the oldest go."""
        try:
            text = record.getMessage()
            if record.exc_info:
                text += " | " + self._formatter.formatException(record.exc_info)
        except (TypeError, ValueError):
            self.handleError(record)
            return
        if len(self._lines) == _OWN_WAITING:
            self.missed += 1
        level = _NAMES.get(record.levelno, LogLevel.INFO)
        self._lines.append(Line(int(record.created * 1000), level, "", text))

    def taken(self) -> list[Line]:
        """Take what waits."""
        return [self._lines.popleft() for _ in range(len(self._lines))]


class Logs:
    """Collects and sends. `collect_loop` and `send_loop` run for as long as the agent does."""

    def __init__(self, context: Context, gateway: Gateway, link: Link, told: Told) -> None:
        self._context, self._gateway, self._link, self._told = context, gateway, link, told
        self._spool = LogSpool(context.layout.logs)
        self._tails: dict[str, Tail] = {}
        self._allowances: dict[str, Allowance] = {}
        self._levels: dict[str, tuple[str, int]] = {}
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._added = asyncio.Event()
        self._loaded = False
        self.own = OwnLines()

    def level_set(self, pipeline: str, level: str, until: int) -> None:
        """Send lines from this level up, of the agent or of a pipeline's engine, until then (epoch ms, 0: for good)."""
        self._levels[pipeline] = (level, until)

    async def collect_loop(self) -> None:
        """Look for new lines every second."""
        logging.getLogger().addHandler(self.own)
        try:
            while True:
                await asyncio.to_thread(self._collect)
                if len(self._spool):
                    self._added.set()
                await asyncio.sleep(_ROUND_SECONDS)
        finally:
            logging.getLogger().removeHandler(self.own)

    async def send_loop(self) -> None:
        """Send batch after batch; when the control plane says later, later."""
        pause = 1.0
        while True:
            await self._link.enrolled.wait()
            await self._added.wait()
            self._added.clear()
            try:
                while (batch := await asyncio.to_thread(self._spool.oldest)) is not None:
                    await self._send(*batch)
                pause = 1.0
                self._told.well("logs", "are delivered again")
            except GatewayError as error:
                self._told.warn("logs", f"{error}; lines are kept and sent again")
                await asyncio.sleep(max(varied(pause), error.patience()))
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._added.set()

    async def _send(self, number: int, zipped: bytes) -> None:
        try:
            answer = await self._gateway.logs(self._link.token(), zipped)
        except GatewayError as error:
            if not error.unreadable:
                raise
            self._spool.drop(number, _REFUSED)
            return
        if answer.accepted != number:
            raise GatewayError("the gateway acknowledged another batch of log lines", status=200)
        await asyncio.to_thread(self._spool.done, number)

    def _collect(self) -> None:
        if not self._loaded:
            self._spool.load()
            self._loaded = True
        now = now_ms()
        self._spool.bound(now)
        lines = [*self._own_lines(now), *self._engine_lines(now)]
        lines += self._gaps(now)
        offsets = {name: tail.offset for name, tail in self._tails.items()}
        batches = list(_batches(lines))
        for number, batch in enumerate(batches, start=1):
            # Cut off between two of them, the later is made again and some lines come twice; none is lost.
            self._spool.add(batch, offsets if number == len(batches) else self._spool.offsets, now)

    def _own_lines(self, now: int) -> Iterator[LogLine]:
        known = [secret for tail in self._tails.values() for secret in tail.secrets]
        self._note(AGENT, _PASSED_OVER, self.own.missed)
        self.own.missed = 0
        lines = [
            line._replace(text=cut(clean(line.text, known), len(line.text))) for line in self.own.taken()
        ]
        return self._allowed(AGENT, lines, now)

    def _engine_lines(self, now: int) -> Iterator[LogLine]:
        self._find()
        for tail in self._tails.values():
            lines = tail.read(self._opened)
            self._note(tail.pipeline, _PASSED_OVER, tail.missed)
            self._note(tail.pipeline, _UNCLEAN, tail.unclean)
            tail.missed = tail.unclean = 0
            yield from self._allowed(tail.pipeline, lines, now)

    def _find(self) -> None:
        found: dict[str, Tail] = {}
        for folder in sorted(self._context.layout.pipelines.glob("*/engines/*")):
            pipeline = folder.parent.parent.name
            name = f"{pipeline}/{folder.name}"
            found[name] = self._tails.get(name) or Tail(folder, pipeline, self._spool.offsets.get(name, 0))
        self._tails = found

    def _opened(self, spec: BundlePipeline) -> list[str]:
        return opened(self._context, spec)

    def _allowed(self, source: str, lines: list[Line], now: int) -> Iterator[LogLine]:
        least = self._least(source, now)
        allowance = self._allowances.setdefault(source, Allowance(PER_SECOND, BURST, time.monotonic()))
        for line in lines:
            if not line.text or not at_least(line.level, least):
                continue
            if not allowance.take(time.monotonic()):
                self._note(source, _TOO_FAST, 1)
                continue
            yield LogLine(
                sequence=0,
                at=line.at or now,
                level=line.level,
                text=line.text,
                pipeline=source,
                component=line.component,
            )

    def _least(self, source: str, now: int) -> str:
        level, until = self._levels.get(source, (LogLevel.WARN, 0))
        if until and until < now:
            del self._levels[source]
            return LogLevel.WARN
        return level

    def _note(self, source: str, reason: str, count: int) -> None:
        if count:
            self._dropped[source, reason] += count

    def _gaps(self, now: int) -> list[LogLine]:
        """What was dropped since the last round, as lines."""
        gone, self._dropped = self._dropped + self._spool.dropped_taken(), Counter()
        return [
            LogLine(
                sequence=0,
                at=now,
                level=LogLevel.WARN,
                text=f"{count} {'line was' if count == 1 else 'lines were'} not sent: {reason}",
                pipeline=source,
                dropped=count,
            )
            for (source, reason), count in gone.items()
        ]


def _batches(lines: list[LogLine]) -> Iterator[list[LogLine]]:
    batch: list[LogLine] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == MOST_LINES or size + len(line.text) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.text)
    if batch:
        yield batch
