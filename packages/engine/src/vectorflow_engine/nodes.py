"""Components wired together: what a transform or a sink is in the running graph."""

import asyncio
import time

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Consumer, Output, Sink, Transform
from vectorflow_engine.events import Batch, Status
from vectorflow_engine.metrics import Busy


class TransformNode(Consumer):
    """A transform and its outputs: batches pass through at once, in the sender's task."""

    def __init__(self, transform: Transform, ports: tuple[str, ...], accepts: frozenset[str]) -> None:
        self.transform = transform
        self.outputs = {port: Output(transform.context, transform.meter, port) for port in ports}
        self._busy = Busy(transform.meter)
        # Nothing queues in front of a transform here, so an event's time in it is the work on its batch.
        self._latency = transform.meter.histogram("component_latency_seconds")
        self._accepts = accepts

    async def accept(self, batch: Batch) -> None:
        """Transform a batch and pass on what comes of it."""
        if ("metric" if batch.metric else "log") not in self._accepts:
            batch.release()
            return
        transform = self.transform
        transform.meter.received(batch.events)
        began = time.perf_counter()
        made = transform.process(batch.events, metric=batch.metric)
        spent = time.perf_counter() - began
        self._busy.add(spent)
        self._latency.add(spent, len(batch))
        for port, events in made.items():
            if events:
                passed = batch.with_events(events)
                passed.metric = batch.metric or transform.makes_metrics
                await self.outputs[port].send(passed)
        batch.release()


class SinkNode(Consumer):
    """A sink behind its buffer, running in its own task."""

    def __init__(self, sink: Sink, buffer: Buffer, accepts: frozenset[str], *, acknowledges: bool) -> None:
        self.sink, self.buffer = sink, buffer
        self.task: asyncio.Task[None] | None = None
        self._accepts, self.acknowledges = accepts, acknowledges

    def start(self) -> None:
        """Begin to deliver."""
        self.task = asyncio.create_task(self.sink.run(self.buffer), name=f"sink {self.sink.context.id}")

    def give_up(self) -> None:
        """The sink has crashed: take what comes and fail it, so that the others can finish."""
        self.task = asyncio.create_task(self._refuse(), name=f"sink {self.sink.context.id}")

    async def _refuse(self) -> None:
        while (batch := await self.buffer.get()) is not None:
            self.sink.meter.discarded(len(batch), intentional=False)
            batch.release(Status.ERRORED)

    async def accept(self, batch: Batch) -> None:
        """Put a batch into the buffer; waits for room."""
        if ("metric" if batch.metric else "log") not in self._accepts:
            batch.release()
            return
        self.sink.meter.received(batch.events)
        if batch.ack is not None and not self.acknowledges:
            loose = Batch(batch.events, metric=batch.metric)
            batch.release()
            batch = loose
        await self.buffer.put(batch)
