"""The bounded buffer in front of every sink: it blocks its writers or drops what is new."""

import asyncio
import time
from collections import deque
from typing import Literal

from vectorflow_engine.events import Batch
from vectorflow_engine.metrics import Idle, Meter


class Buffer:
    """At most ``max_events`` events wait here; several writers, one reader."""

    def __init__(
        self, meter: Meter, *, max_events: int = 500, when_full: Literal["block", "drop_newest"] = "block"
    ) -> None:
        self._batches: deque[Batch] = deque()
        self._held = 0
        self._max = max_events
        self._drop = when_full == "drop_newest"
        self._closed = False
        self._filled, self._freed = asyncio.Event(), asyncio.Event()
        self._meter = meter
        self._idle = Idle(meter)
        where = (("buffer_id", meter.component_id), ("stage", "0"))
        self._in = meter.counter("buffer_received_events_total", *where)
        self._out = meter.counter("buffer_sent_events_total", *where)
        self._lost = meter.counter("buffer_discarded_events_total", *where, ("intentional", "true"))
        meter.gauge("buffer_size_events", lambda: self._held, *where)
        meter.gauge("buffer_max_size_events", lambda: self._max, *where)
        self._waited = meter.histogram("buffer_send_duration_seconds", *where)

    def __len__(self) -> int:
        return self._held

    async def put(self, batch: Batch) -> None:
        """Hand a batch over; waits for room, or drops what does not fit (and says so in metrics)."""
        began = time.perf_counter()
        await self._put(batch)
        self._waited.add(time.perf_counter() - began)

    async def _put(self, batch: Batch) -> None:
        while batch.events:
            room = self._max - self._held
            if room > 0:
                part = batch if len(batch) <= room else batch.take(room)
                self._in.add(len(part))
                self._held += len(part)
                self._batches.append(part)
                self._filled.set()
                if part is batch:
                    return
            elif self._drop:
                self._lost.add(len(batch))
                self._meter.discarded(len(batch), intentional=True)
                break
            else:
                self._freed.clear()
                await self._freed.wait()
        batch.release()

    def close(self) -> None:
        """No more will be put; the reader gets what is left."""
        self._closed = True
        self._filled.set()

    async def get(self, *, until: float | None = None) -> Batch | None:
        """The next batch, None when closed and empty; raises TimeoutError at ``until`` (the loop's time)."""
        while not self._batches:
            if self._closed:
                return None
            self._filled.clear()
            with self._idle:
                async with asyncio.timeout_at(until):
                    await self._filled.wait()
        batch = self._batches.popleft()
        self._out.add(len(batch))
        self._held -= len(batch)
        self._freed.set()
        return batch
