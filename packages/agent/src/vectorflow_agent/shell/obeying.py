"""Acting on signed statements: restart an engine, another log level, taps, and leaving for good.

A statement is believed by the same rules as a bundle. Its id is on disk before anything is done: acting
twice is worse than not acting. Whatever is refused is reported with its code, and what runs goes on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import read_optional, write_atomic
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.told import Told
from vectorflow_wire import envelope
from vectorflow_wire.messages import Report, ReportKind, ReportReason
from vectorflow_wire.statements import (
    LogLevel,
    LogLevelArguments,
    RestartArguments,
    SampleArguments,
    SpentStatements,
    Statement,
    StatementKeyUnknown,
    StatementKind,
    StatementKindUnknown,
    StatementNotNoted,
    StatementRefused,
    StatementSpent,
    TapArguments,
    UpdateArguments,
    WipeArguments,
    verify_statement,
)

_log = logging.getLogger(__name__)
_QUEUE: Final = 32
_REFUSED_KEPT: Final = 100
LEVELS: Final = {
    LogLevel.TRACE: logging.DEBUG,
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


class CannotObey(Exception):
    """What a good statement asks for cannot be done here and now; says why."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class Obeying:
    """Takes statements from stream and heartbeat, and acts on each once."""

    def __init__(
        self,
        context: Context,
        link: Link,
        told: Told,
        *,
        restart: Callable[[RestartArguments], Awaitable[None]],
        wipe: Callable[[Statement, WipeArguments], Awaitable[None]],
        tap: Callable[[TapArguments], None],
        update: Callable[[str, UpdateArguments], int],
        lines: Callable[[str, str, int], None],
    ) -> None:
        self._context = context
        self._link = link
        self._told = told
        self._restart = restart
        self._wipe = wipe
        self._tap = tap
        self._update = update
        self._lines = lines
        self._waiting: asyncio.Queue[envelope.Envelope] = asyncio.Queue(maxsize=_QUEUE)
        self._spent: SpentStatements | None = None
        self._refused: dict[str, None] = {}
        self._usual = logging.getLogger().level
        self._quiet: asyncio.TimerHandle | None = None

    def take(self, *statements: envelope.Envelope) -> None:
        """Note statements; what there is no room for comes again with the next heartbeat."""
        for statement in statements:
            if self._waiting.full():
                return
            self._waiting.put_nowait(statement)

    async def loop(self) -> None:
        """Act on one after another."""
        while True:
            await self._one(await self._waiting.get())

    async def _one(self, signed: envelope.Envelope) -> None:
        try:
            statement = await self._verified(signed)
        except StatementSpent:
            return
        except StatementKeyUnknown:
            # Newer keys come with the desired state, and the statement comes again with a heartbeat.
            self._link.ask_now()
            return
        except StatementRefused as refusal:
            self._told.warn("statement", f"refused: {refusal}")
            await self._tell_refused(refusal.statement, refusal.code, str(refusal))
            return
        try:
            done = await self._act(statement)
        except CannotObey as error:
            await self._tell_refused(statement.id, error.reason, str(error))
        except StatementRefused as refusal:
            await self._tell_refused(statement.id, refusal.code, str(refusal))
        else:
            if done:
                await self._tell(ReportKind.STATEMENT_DONE, statement.id, "", done)

    async def _verified(self, signed: envelope.Envelope) -> Statement:
        enrolment, trust = self._context.enrolment, self._link.trust
        if enrolment is None or trust is None:
            raise StatementKeyUnknown("no list of keys is held yet")
        now = now_ms()
        try:
            spent, unread = await self._spent_read(), ""
        except (OSError, msgspec.MsgspecError) as error:
            spent, unread = SpentStatements(), type(error).__name__
        statement = verify_statement(
            signed,
            trust=trust,
            node=enrolment.node_id,
            organization=enrolment.organization,
            spent=spent.until,
            now=now,
        )
        if unread:
            raise _not_noted(statement, f"{self._context.layout.statements} cannot be read: {unread}")
        spent = spent.spend(statement, now)
        try:
            await asyncio.to_thread(write_atomic, self._context.layout.statements, msgspec.json.encode(spent))
        except OSError as error:
            raise _not_noted(statement, f"its id cannot be noted on disk: {error.strerror}") from error
        self._spent = spent
        return statement

    async def _spent_read(self) -> SpentStatements:
        if self._spent is None:
            stored = await asyncio.to_thread(read_optional, self._context.layout.statements)
            self._spent = msgspec.json.decode(stored, type=SpentStatements) if stored else SpentStatements()
        return self._spent

    async def _act(self, statement: Statement) -> str:
        """Do it, and say what was done; empty when the report comes another way."""
        _log.warning("statement %s: %s", statement.id, statement.kind)
        match statement.kind:
            case StatementKind.RESTART:
                await self._restart(statement.read(RestartArguments))
                return "the engine is restarted"
            case StatementKind.LOG_LEVEL:
                return self._level(statement.read(LogLevelArguments))
            case StatementKind.WIPE:
                await self._wipe(statement, statement.read(WipeArguments))
                return ""
            case StatementKind.TAP | StatementKind.SAMPLE if not self._context.policy.tap:
                raise CannotObey("the node's policy forbids taps and samples", ReportReason.POLICY)
            case StatementKind.TAP:
                self._tap(statement.read(TapArguments))
                return "the tap is open"
            case StatementKind.SAMPLE:
                self._tap(_as_tap(statement.read(SampleArguments)))
                return "the sample is taken"
            case StatementKind.UPDATE if not self._context.policy.updates:
                raise CannotObey("the node's policy forbids updates", ReportReason.POLICY)
            case StatementKind.UPDATE:
                # How it goes is told when it is known, maybe by the next version of this agent.
                count = self._update(statement.id, statement.read(UpdateArguments))
                return "" if count else "it names no version, so nothing is to be done"
            case kind:
                raise CannotObey(f"this agent cannot {kind} yet; update the agent", StatementKindUnknown.code)

    def _level(self, wish: LogLevelArguments) -> str:
        if wish.level not in LEVELS:
            raise CannotObey(f"{wish.level[:20]!r} is no level of logs", ReportReason.AGENT_ERROR)
        if wish.pipeline and not self._context.policy.logs:
            raise CannotObey("the node's policy keeps its logs to itself", ReportReason.POLICY)
        self._lines(wish.pipeline, wish.level, wish.until)
        if wish.pipeline:
            return f"lines of the engine are sent from {wish.level} up; the engine itself writes from info up"
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        logging.getLogger().setLevel(LEVELS[wish.level])
        if wish.until:
            seconds = max(0.0, (wish.until - now_ms()) / 1000)
            loop = asyncio.get_running_loop()
            self._quiet = loop.call_later(seconds, logging.getLogger().setLevel, self._usual)
        return f"the agent logs at {wish.level}"

    async def _tell_refused(self, statement: str, code: str, message: str) -> None:
        # A heartbeat repeats what was not answered, so each refusal is reported once.
        key = f"{statement} {code}"
        if key in self._refused:
            return
        self._refused[key] = None
        for oldest in list(self._refused)[:-_REFUSED_KEPT]:
            del self._refused[oldest]
        await self._tell(ReportKind.STATEMENT_REFUSED, statement, code, message)

    async def _tell(self, kind: str, statement: str, reason: str, message: str) -> None:
        generation, issue = self._context.order
        await self._context.spool.add(
            Report(
                node="",
                sequence=0,
                at=now_ms(),
                kind=kind,
                generation=generation,
                issue=issue,
                reason=reason,
                message=message,
                statement=statement,
            )
        )


def _not_noted(statement: Statement, why: str) -> StatementNotNoted:
    refused = StatementNotNoted(why)
    refused.statement = statement.id
    return refused


def _as_tap(sample: SampleArguments) -> TapArguments:
    """A sample is a tap that ends with its last event."""
    events = sample.events * max(1, len(sample.outputs))
    return TapArguments(
        tap=sample.tap,
        pipeline=sample.pipeline,
        outputs=sample.outputs,
        seconds=sample.seconds,
        events_per_second=float(events),
        most_events=events,
        redact=sample.redact,
    )
