"""What every component is built from and how it is run."""

import abc
import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.config.graph import DEFAULT_PORT
from vectorflow_engine.events import Ack, Batch, Status
from vectorflow_engine.log import ComponentLog
from vectorflow_engine.metrics import Meter, Registry, SentCounter
from vectorflow_engine.taps import Watched
from vectorflow_engine.vrl.timestamps import Timestamp

LOG = frozenset({"log"})
METRIC = frozenset({"metric"})
LOG_OR_METRIC = LOG | METRIC


class StartError(Exception):
    """A component cannot start: a port is taken, a folder is not writable. The message says what to do."""


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A component's own options; what is not declared is refused by name."""


class Context(msgspec.Struct, frozen=True):
    """What a component may know about its surroundings."""

    id: str
    kind: str
    type: str
    registry: Registry
    data_dir: str
    timezone: str | None = None
    host: str = ""

    def meter(self) -> Meter:
        """The component's own counters."""
        return Meter(self.registry, self.id, self.kind, self.type)

    def log(self) -> ComponentLog:
        """The log with the component's name on it."""
        return ComponentLog(self.id, self.kind, self.type)


class Output(Watched):
    """A port: what is sent here goes to all consumers, in order, and waits for each of them."""

    def __init__(self, context: Context, meter: Meter, port: str = DEFAULT_PORT) -> None:
        self.component, self.kind, self.type = context.id, context.kind, context.type
        self.port = port
        self.consumers: tuple[Consumer, ...] = ()
        self._sent = SentCounter(meter, port)
        self.gate = asyncio.Lock()

    async def send(self, batch: Batch) -> None:
        """Pass a batch on; returns when every consumer has taken it."""
        if not batch.events:
            batch.release()
            return
        self._sent.add(batch.events)
        if self.taps:
            self.show(batch.events)
        consumers = self.consumers
        for consumer in consumers[1:]:
            await consumer.accept(batch.with_events(batch.events))
        if consumers:
            await consumers[0].accept(batch)
        else:
            batch.release()


class Consumer(abc.ABC):
    """Something that takes batches: a transform or a sink's buffer."""

    @abc.abstractmethod
    async def accept(self, batch: Batch) -> None:
        """Take over ``batch`` and its acknowledgement; waits when there is no room."""


class Source(abc.ABC):
    """Where events come from. Order of calls: open, run, (stop), close."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.meter = context.meter()
        self.log = context.log()
        self.output = Output(context, self.meter)
        self._lag = self.meter.histogram("source_lag_time_seconds")
        self.stopping = asyncio.Event()
        self.acknowledge = False  # whether a sink downstream acknowledges

    async def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Take sockets and files; raises `StartError`."""

    @abc.abstractmethod
    async def run(self) -> None:
        """Send events until there are no more or `stop` is called."""

    def stop(self) -> None:
        """Ask `run` to end after what it has begun."""
        self.stopping.set()

    async def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of everything; called when all that can be acknowledged is."""

    async def send(self, events: list[Any], done: Callable[[Status], None] | None = None) -> None:
        """Send logs; ``done`` is called once when they are finished, at once if nobody acknowledges."""
        self.meter.received(events)
        self._measure_lag(events)
        async with self.output.gate:
            if done is None or not self.acknowledge:
                await self.output.send(Batch(events))
            else:
                await self.output.send(Batch(events, Ack(done)))
        if done is not None and not self.acknowledge:
            done(Status.DELIVERED)

    def _measure_lag(self, events: list[Any]) -> None:
        """Note how old the events are by their own timestamp; those without one are not measured."""
        now = datetime.now(UTC)
        stamps = Counter(event["timestamp"] for event in events if type(event.get("timestamp")) is Timestamp)
        for stamp, times in stamps.items():
            try:
                age = (now - datetime.fromisoformat(stamp)).total_seconds()
            except (ValueError, TypeError):
                continue
            self._lag.add(max(0.0, age), times)

    @property
    def unfinished(self) -> int:
        """How many sendings wait for their acknowledgement."""
        return 0

    async def pause(self, seconds: float) -> bool:
        """Sleep, but wake when stopping; True when it is."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return False
        return True


class Transform(abc.ABC):
    """Turns events into events, at once and without waiting."""

    makes_metrics: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.context = context
        self.meter = context.meter()
        self.log = context.log()

    @abc.abstractmethod
    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """The events by port that ``events`` became; what is missing was dropped."""


class Sink(abc.ABC):
    """Where events go. Order of calls: open, run until the buffer is closed and empty, close."""

    accepts: ClassVar[frozenset[str]] = LOG_OR_METRIC

    def __init__(self, context: Context) -> None:
        self.context = context
        self.meter = context.meter()
        self.log = context.log()
        self.sent = SentCounter(self.meter)
        self.sent_bytes = self.meter.counter("component_sent_bytes_total")

    async def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Take sockets and files; raises `StartError`."""

    @abc.abstractmethod
    async def run(self, inbox: Buffer) -> None:
        """Deliver batches until ``inbox.get`` gives None, releasing each when it is delivered."""

    async def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of everything."""
