"""Server-sent events to browsers: authorised per topic and event, bounded, closed when the session ends."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
from litestar.response import Stream

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.metrics import Metrics

KEEP_ALIVE_SECONDS = 15.0
MAX_PENDING = 256
MAX_STREAMS_PER_SESSION = 8

Authorize = Callable[[str], Awaitable[bool]]


class TooManyStreamsError(VectorFlowError, status=429, code="platform.too-many-streams"):
    """This session has too many event streams open; close one, or share one between tabs."""


class EventStream:
    """One browser's stream. Of several waiting events of one topic only the newest is kept:
    events are ids and versions, so the newest tells all."""

    def __init__(
        self,
        session_id: UUID,
        authorize: Authorize,
        *,
        keep_alive: float = KEEP_ALIVE_SECONDS,
        lifetime: float = math.inf,
    ) -> None:
        self._until = time.monotonic() + lifetime
        self.session_id = session_id
        self._authorize = authorize
        self._keep_alive = keep_alive
        self._pending: OrderedDict[str, bytes] = OrderedDict()
        self._wake = asyncio.Event()
        self._closed = False
        self._finished = False
        self._on_close: list[Callable[[], None]] = []

    def offer(self, topic: str, kind: str, data: Any) -> None:
        """Queue an event (`data` becomes JSON). A reader too slow for the queue is closed: it reconnects and reads."""
        if self._closed:
            return
        self._pending.pop(topic, None)
        if len(self._pending) >= MAX_PENDING:
            self.close()
            return
        self._pending[topic] = b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))
        self._wake.set()

    @property
    def pending(self) -> int:
        """How many events wait to be sent."""
        return len(self._pending)

    def finish(self) -> None:
        """End the stream once what waits has been sent."""
        self._finished = True
        self._wake.set()

    def on_close(self, call: Callable[[], None]) -> None:
        """Call a plain function when the stream has ended (to end subscriptions)."""
        self._on_close.append(call)

    def close(self) -> None:
        """End the stream; what waits is not sent."""
        self._closed = True
        self._pending.clear()
        self._wake.set()
        calls, self._on_close = self._on_close, []
        for call in calls:
            call()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the stream's bytes until it is closed or the client has gone."""
        try:
            yield b": open\n\n"
            while not self._closed and time.monotonic() < self._until:
                try:
                    async with asyncio.timeout(self._keep_alive):
                        await self._wake.wait()
                except TimeoutError:
                    yield b": keep-alive\n\n"
                    continue
                self._wake.clear()
                while self._pending:
                    topic, chunk = self._pending.popitem(last=False)
                    if await self._authorize(topic) and not self._closed:
                        yield chunk
                if self._finished:
                    break
        finally:
            self.close()


class EventStreams:
    """All streams this process has open."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._by_session: dict[UUID, set[EventStream]] = {}

    def open(self, session_id: UUID, authorize: Authorize, *, lifetime: float = math.inf) -> EventStream:
        """Open a stream for a session, for at most `lifetime` seconds. Raises `TooManyStreamsError`."""
        streams = self._by_session.setdefault(session_id, set())
        if len(streams) >= MAX_STREAMS_PER_SESSION:
            raise TooManyStreamsError
        stream = EventStream(session_id, authorize, lifetime=lifetime)
        streams.add(stream)
        self._metrics.event_streams.inc()
        stream.on_close(lambda: self._forget(stream))
        return stream

    def close_session(self, session_id: UUID) -> None:
        """Close every stream of a session that ended."""
        for stream in tuple(self._by_session.get(session_id, ())):
            stream.close()

    def close_all(self) -> None:
        """Close every stream: the process ends."""
        for session_id in tuple(self._by_session):
            self.close_session(session_id)

    def _forget(self, stream: EventStream) -> None:
        streams = self._by_session.get(stream.session_id, set())
        if stream in streams:
            streams.discard(stream)
            self._metrics.event_streams.dec()
        if not streams:
            self._by_session.pop(stream.session_id, None)


def event_response(stream: EventStream) -> Stream:
    """Answer a request with a stream."""
    return Stream(
        stream.chunks(),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
