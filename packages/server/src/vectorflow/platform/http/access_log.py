"""The access log: one JSON line per request, written by one task through a bounded queue.

A full queue drops lines and counts them: a slow disk never slows an answer. What clients send is
escaped, so a line can neither be split nor drive a terminal.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import structlog

from vectorflow.kernel.clock import Clock, SystemClock, rfc3339
from vectorflow.platform.http.asgi import ASGIApp, Message, Receive, Scope, Send
from vectorflow.platform.http.context import header, request_context
from vectorflow.platform.logs import clean_text
from vectorflow.platform.metrics import Metrics

log = structlog.get_logger()

MAX_PATH = 1024
MAX_AGENT = 256
_QUEUE_LINES = 20_000
_STOP = b""
# JSON leaves these raw; inside a JSON string an escape means the same.
_RAW = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class AccessRecord(msgspec.Struct, frozen=True):
    """One line. `duration_ms` runs to the last byte; `bytes` counts the body's."""

    at: str
    method: str
    path: str
    status: int
    duration_ms: float
    bytes: int
    request_id: str
    address: str
    user_agent: str | None


def encode_record(record: AccessRecord) -> bytes:
    """Write a record as one line of pure JSON, safe to print."""
    text = msgspec.json.encode(record).decode()
    return (_RAW.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n").encode()


class AccessLog:
    """The queue and its writer. Use `running()` around the life of the server."""

    def __init__(self, path: Path, metrics: Metrics) -> None:
        self._path = path
        self._metrics = metrics
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE_LINES)
        self._file: IO[bytes] | None = None
        self._complained = False

    def put(self, record: AccessRecord) -> None:
        """Queue one record; when the queue is full it is dropped and counted."""
        try:
            self._lines.put_nowait(encode_record(record))
        except asyncio.QueueFull:
            self._metrics.access_log_dropped.inc()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the writer; what is queued when this ends is still written."""
        writer = asyncio.create_task(self._write_all(), name="access-log")
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError, asyncio.QueueFull):
                async with asyncio.timeout(5):
                    await self._lines.put(_STOP)
                    await asyncio.shield(writer)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            if self._file is not None:
                self._file.close()

    async def _write_all(self) -> None:
        stop = False
        while not stop:
            batch = [await self._lines.get()]
            while not self._lines.empty() and len(batch) < 1000:
                batch.append(self._lines.get_nowait())
            stop = _STOP in batch
            lines = [line for line in batch if line]
            if lines:
                await self._write(lines)

    async def _write(self, lines: list[bytes]) -> None:
        try:
            await asyncio.to_thread(self._append, b"".join(lines))
            self._complained = False
        except OSError as error:
            self._metrics.access_log_dropped.inc(len(lines))
            if not self._complained:  # once per trouble, not once per line
                log.error("access-log.not-written", path=str(self._path), reason=error.strerror)
                self._complained = True

    def _append(self, data: bytes) -> None:
        if self._file is not None and self._rotated(self._file):
            self._file.close()
            self._file = None
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _rotated(self, file: IO[bytes]) -> bool:
        try:
            here = self._path.stat()
        except FileNotFoundError:
            return True
        opened = os.fstat(file.fileno())
        return (here.st_dev, here.st_ino) != (opened.st_dev, opened.st_ino)


class AccessLogMiddleware:
    """Measures every request, for the metrics and, where there is one, the access log."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, access_log: AccessLog | None, clock: Clock | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log = access_log
        self._clock = clock or SystemClock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and record it once it has been answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        at = rfc3339(self._clock.now())
        # The path is taken now: the router rewrites it.
        answered: dict[str, Any] = {"path": scope["path"], "status": 500, "bytes": 0, "stream": False}

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
                answered["stream"] = any(
                    value.startswith(b"text/event-stream") for _, value in message["headers"]
                )
            elif message["type"] == "http.response.body":
                answered["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counting_send)
        finally:
            self._record(scope, at, time.perf_counter() - began, answered)

    def _record(self, scope: Scope, at: str, seconds: float, answered: dict[str, Any]) -> None:
        route = str(scope.get("path_template") or "other")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.http_requests.labels(method, route, str(answered["status"])).inc()
        if not answered["stream"]:
            self._metrics.http_seconds.labels(route).observe(seconds)
        if self._log is None:
            return
        context = request_context(scope)
        agent = header(scope, b"user-agent")
        self._log.put(
            AccessRecord(
                at=at,
                method=clean_text(scope["method"])[:16],
                path=clean_text(answered["path"])[:MAX_PATH],  # never the query: people paste secrets there
                status=answered["status"],
                duration_ms=round(seconds * 1000, 3),
                bytes=answered["bytes"],
                request_id=context.id,
                address=context.address,
                user_agent=None if agent is None else clean_text(agent)[:MAX_AGENT],
            )
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
