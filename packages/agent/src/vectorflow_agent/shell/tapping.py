"""Taps: reading events of an engine's output, and sending what may leave to whoever asked.

Every tap reads a stream of its own from the engine, which chooses by chance when there are too many, and
sends numbered batches until somebody answers that nobody wants more. What has no room is dropped and
counted: neither the engine nor the agent ever waits for a requester.
"""

import asyncio
import gzip
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from typing import Final

import httpx2
import msgspec

from vectorflow_agent.core import engine_events, observability
from vectorflow_agent.core.engine_events import EngineEvent
from vectorflow_agent.core.event_redaction import Redactor
from vectorflow_agent.core.tap_rules import RulesInvalid, TapRules, tap_event
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.hiding import given
from vectorflow_agent.shell.judging import MOST_EVENTS, Judge, JudgeFailed, can_judge
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.obeying import CannotObey
from vectorflow_agent.shell.websocket import SubscriptionFailed, subscription
from vectorflow_wire.messages import EngineKind, ReportReason
from vectorflow_wire.statements import TapArguments
from vectorflow_wire.taps import TapBatch, TapEnd, TapEvent, TapOperator

_log = logging.getLogger(__name__)

MOST_TAPS: Final = 16
MOST_SECONDS: Final = 3600.0
MOST_PER_SECOND: Final = 500.0
_INTERVAL_MS: Final = 500
_SEARCHED: Final = 250
"""Events an interval that are looked at when there are conditions, since few of them may fulfil these."""
_MOST_FAILURES: Final = 3
"""So many times in a row VRL may fail before the tap ends."""
_QUEUE_BYTES: Final = 1024 * 1024
_BATCH_BYTES: Final = 512 * 1024
_GATHER_SECONDS: Final = 0.3
_SILENT_SECONDS: Final = 5.0
_WAIT_FOR_ENGINE: Final = 15.0
_AGAIN_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 5.0
_GIVE_UP_SECONDS: Final = 60.0


class Taps:
    """The taps that are open on this node."""

    def __init__(
        self, context: Context, gateway: Gateway, link: Link, *, target: Callable[[str], int | None]
    ) -> None:
        """`target` gives the port of the API of a pipeline's running engine."""
        self._context = context
        self._gateway = gateway
        self._link = link
        self._target = target
        self._open: dict[str, asyncio.Task[None]] = {}

    def open(self, wish: TapArguments) -> None:
        """Begin a tap. Raises CannotObey."""
        if not self._context.policy.tap:
            raise CannotObey("the node's policy forbids taps and samples", ReportReason.POLICY)
        if wish.tap in self._open:
            raise CannotObey("this tap is open already", ReportReason.AGENT_ERROR)
        if len(self._open) >= MOST_TAPS:
            raise CannotObey(f"{MOST_TAPS} taps are open on this node already", ReportReason.AGENT_ERROR)
        try:
            tap = _Tap(self._context, self._gateway, self._link, self._target, wish)
        except RulesInvalid as error:
            raise CannotObey(str(error), ReportReason.AGENT_ERROR) from error
        task = asyncio.create_task(tap.run(), name=f"tap {wish.tap}")
        self._open[wish.tap] = task
        task.add_done_callback(lambda _: self._open.pop(wish.tap, None))

    async def close(self) -> None:
        """End all taps."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Tap:
    def __init__(
        self,
        context: Context,
        gateway: Gateway,
        link: Link,
        target: Callable[[str], int | None],
        wish: TapArguments,
    ) -> None:
        self._context, self._gateway, self._link = context, gateway, link
        self._target, self._wish = target, wish
        self._outputs = wish.outputs or ("*",)
        policy = context.policy
        self._redactor = Redactor(names=(*policy.tap_redact, *wish.redact), keep=policy.tap_keep)
        self._judge = _judge_of(context, wish)
        self._rules = TapRules(
            [each for each in wish.where if each.operator != TapOperator.VRL],
            per_second=min(wish.events_per_second, MOST_PER_SECOND),
            redactor=self._redactor,
            now=time.monotonic(),
        )
        self._asked: deque[TapEvent] = deque()
        self._asked_bytes = 0
        self._asking = asyncio.Event()
        self._queue: deque[tuple[TapEvent, int]] = deque()
        self._queued = 0
        self._taken = self._lost = self._passed = self._sequence = 0
        self._ended = ""
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Read and send until the end, whatever it is."""
        reading = asyncio.create_task(self._read_until_end())
        try:
            await self._send_all()
        except Exception:
            _log.exception("tap %s: an unexpected error", self._wish.tap)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read_until_end(self) -> None:
        seconds = max(1.0, min(self._wish.seconds, MOST_SECONDS))
        looking = asyncio.create_task(self._look())
        reading = asyncio.create_task(self._read())
        tasks = [looking, reading]
        if self._judge is not None:
            tasks.append(asyncio.create_task(self._judge_all(self._judge)))
        try:
            done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            self._ended = next((task.result() for task in done), TapEnd.TIME)
        except Exception:
            _log.exception("tap %s: an unexpected error", self._wish.tap)
            self._ended = TapEnd.AGENT_ENDED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._news.set()

    async def _read(self) -> str:
        """Read the engine's events, of the next engine too when one follows another; why it ended."""
        seen_at = time.monotonic()
        while True:
            port = self._target(self._wish.pipeline)
            if port is not None:
                # Of the engine that comes next too: it may have been given others.
                self._redactor.known = await asyncio.to_thread(given, self._context, self._wish.pipeline)
                try:
                    async with self._events(port) as events:
                        async for event in events:
                            seen_at = time.monotonic()
                            self._take(event)
                            if self._passed >= self._wish.most_events:
                                return TapEnd.MOST_EVENTS
                except ValueError as error:
                    _log.info("tap %s: %s", self._wish.tap, error)
                    return TapEnd.NOT_SUPPORTED
                except (httpx2.HTTPError, SubscriptionFailed, OSError) as error:
                    _log.debug("tap %s: the engine's stream ended: %s", self._wish.tap, error)
                    if (
                        self._target(self._wish.pipeline) == port
                        and time.monotonic() - seen_at > _WAIT_FOR_ENGINE
                    ):
                        return TapEnd.NOT_SUPPORTED
            elif time.monotonic() - seen_at > _WAIT_FOR_ENGINE:
                return TapEnd.NOT_RUNNING
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _look(self) -> str:
        """Return when the engine knows none of the outputs, twice: once may be a hand-over."""
        missed = 0
        while True:
            port = self._target(self._wish.pipeline)
            facts = self._context.engine_facts
            embedded = facts.kind == EngineKind.EMBEDDED
            known = None
            if port is not None:
                known = await self._context.loopback.components(port, facts.version, embedded=embedded)
            names = [output.partition(".")[0] for output in self._outputs]
            gone = known is not None and not any(
                fnmatchcase(component, name) for name in names for component in known
            )
            missed = missed + 1 if gone else 0
            if missed > 1:
                return TapEnd.COMPONENT_GONE
            await asyncio.sleep(_AGAIN_SECONDS if gone else _LOOK_SECONDS)

    @asynccontextmanager
    async def _events(self, port: int) -> AsyncIterator[AsyncIterator[EngineEvent]]:
        facts = self._context.engine_facts
        limit = math.ceil(min(self._wish.events_per_second, MOST_PER_SECOND) * _INTERVAL_MS / 1000)
        limit = max(1, _SEARCHED if self._wish.where else limit)
        embedded = facts.kind == EngineKind.EMBEDDED
        if embedded or observability.speaks_grpc(facts.version):
            body = engine_events.tap_request(self._outputs, limit, _INTERVAL_MS)
            stream = self._context.loopback.grpc_stream(
                port, engine_events.GRPC_PATH, body, http2=not embedded
            )
            async with stream as chunks:
                yield _of_grpc(chunks)
            return
        payload = engine_events.tap_subscription(self._outputs, limit, _INTERVAL_MS)
        async with subscription(port, observability.GRAPHQL_PATH, payload) as payloads:
            yield _of_graphql(payloads)

    def _take(self, found: EngineEvent) -> None:
        self._taken += 1
        if found.component.startswith("vf_"):
            return
        if self._judge is not None:
            self._ask(found)
            return
        judged = self._rules.judge(found, time.monotonic())
        if judged is not None:
            self._put(tap_event(found, self._port_of(found.component), now_ms(), judged))

    def _ask(self, found: EngineEvent) -> None:
        """Let an event wait for its judgement, as it would be sent: VRL learns nothing that its author may not see."""
        if not self._rules.holds(found):
            return
        if self._asked_bytes > _QUEUE_BYTES:
            self._lost += 1
            return
        event = tap_event(found, self._port_of(found.component), now_ms(), self._rules.shown(found))
        self._asked.append(event)
        self._asked_bytes += len(bytes(event.event))
        self._asking.set()

    async def _judge_all(self, judge: Judge) -> str:
        """Judge what waits; why the tap ends."""
        failures = 0
        try:
            while True:
                await self._asking.wait()
                self._asking.clear()
                while batch := [self._asked.popleft() for _ in range(min(MOST_EVENTS, len(self._asked)))]:
                    bodies = [bytes(event.event) for event in batch]
                    self._asked_bytes -= sum(map(len, bodies))
                    try:
                        verdicts = await judge.judged(bodies)
                    except JudgeFailed as error:
                        _log.info("tap %s: %s", self._wish.tap, error)
                        self._lost += len(batch)
                        failures += 1
                        if failures >= _MOST_FAILURES:
                            return TapEnd.CONDITION_FAILED
                        continue
                    failures = 0
                    if self._put_those(batch, verdicts):
                        return TapEnd.MOST_EVENTS
        finally:
            await judge.close()

    def _put_those(self, batch: list[TapEvent], verdicts: list[bool]) -> bool:
        """Send the events that fulfil the condition; whether these were enough."""
        for event, fulfils in zip(batch, verdicts, strict=True):
            if fulfils and self._rules.admit(time.monotonic()):
                self._put(event)
                if self._passed >= self._wish.most_events:
                    return True
        return False

    def _put(self, event: TapEvent) -> None:
        size = len(bytes(event.event)) + 200
        if self._queued + size > _QUEUE_BYTES:
            self._lost += 1
            return
        self._passed += 1
        self._queue.append((event, size))
        self._queued += size
        self._news.set()

    def _port_of(self, component: str) -> str:
        """The port, when only one output of the component was asked for: engines name just the component."""
        ports = {
            port for name, _, port in (each.partition(".") for each in self._outputs) if name == component
        }
        return ports.pop() if len(ports) == 1 and "*" not in next(iter(ports)) else ""

    async def _send_all(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_SILENT_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            batch = self._batch()
            if not await self._deliver(batch) or batch.ended:
                return
            if self._queue or self._ended:
                self._news.set()
            await asyncio.sleep(_GATHER_SECONDS)

    def _batch(self) -> TapBatch:
        events: list[TapEvent] = []
        size = 0
        while self._queue and (not events or size + self._queue[0][1] <= _BATCH_BYTES):
            event, length = self._queue.popleft()
            events.append(event)
            size += length
        self._queued -= size
        self._sequence += 1
        return TapBatch(
            sequence=self._sequence,
            at=now_ms(),
            events=tuple(events),
            taken=self._taken,
            matched=self._rules.matched,
            dropped=self._rules.dropped + self._lost,
            ended=self._ended if not self._queue else "",
        )

    async def _deliver(self, batch: TapBatch) -> bool:
        """Send a batch until it is answered; whether anybody wants more."""
        zipped = await asyncio.to_thread(gzip.compress, msgspec.json.encode(batch), 1)
        deadline, pause = time.monotonic() + _GIVE_UP_SECONDS, 0.5
        while True:
            try:
                answer = await self._gateway.tap_events(self._link.token(), self._wish.tap, zipped)
            except GatewayError as error:
                if error.status in {403, 404, 410, 413, 422} or time.monotonic() >= deadline:
                    _log.info("tap %s ends: %s", self._wish.tap, error)
                    return False
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            else:
                return answer.go_on


def _judge_of(context: Context, wish: TapArguments) -> Judge | None:
    """Who judges the tap's condition in VRL, if it has one. Raises RulesInvalid."""
    conditions = [each.value for each in wish.where if each.operator == TapOperator.VRL]
    if not conditions:
        return None
    if len(conditions) > 1:
        raise RulesInvalid("a tap has one condition in VRL at most")
    if not can_judge(context):
        raise RulesInvalid(
            "conditions in VRL are judged by the embedded engine, which this node has not; use conditions on fields"
        )
    return Judge(context, wish.pipeline, conditions[0])


async def _of_grpc(chunks: AsyncIterator[bytes]) -> AsyncIterator[EngineEvent]:
    frames = engine_events.Frames()
    async for chunk in chunks:
        for message in frames.feed(chunk):
            event = engine_events.event_of_grpc(message)
            if event is not None:
                yield event


async def _of_graphql(payloads: AsyncIterator[object]) -> AsyncIterator[EngineEvent]:
    async for payload in payloads:
        for event in engine_events.events_of_graphql(payload):
            yield event
