"""The cheapest HTTP/1.1 client that is still honest: one connection, one request at a time, whole answers."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast


class Answer(NamedTuple):
    """A whole answer; `etag` is empty where there was none."""

    status: int
    etag: bytes
    body: bytes


class Wire(asyncio.Protocol):
    """One kept-alive connection of an agent."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._head: tuple[int, bytes] | None = None
        self._length = 0
        self._answer: asyncio.Future[Answer] | None = None

    @property
    def open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by duck type

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the gateway closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer."""
        buffer = self._buffer + data if self._buffer else data
        if self._head is None:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            head, buffer = buffer[: end + 2].lower(), buffer[end + 4 :]
            self._head = int(head[9:12]), _header(head, b"etag")
            self._length = int(_header(head, b"content-length") or b"0")
        if len(buffer) < self._length:
            self._buffer = buffer
            return
        (status, etag), self._head, self._buffer = self._head, None, b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, etag, buffer))

    def send(self, request: bytes) -> "asyncio.Future[Answer]":
        """Send a whole request; the future is its answer."""
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class EventWire(asyncio.Protocol):
    """A stream of server-sent events: calls `told` with the data of each event."""

    def __init__(self, request: bytes, told: Callable[[bytes], None]) -> None:
        self._request = request
        self._told = told
        self._buffer = b""
        self.begun = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by duck type
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Pass events on; chunk marks are skipped, since only `data:` lines are looked for."""
        self._buffer += data
        if not self.begun.done() and b"\r\n\r\n" in self._buffer:
            self.begun.set_result(int(self._buffer[9:12]))
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                self._told(line[6:])

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so to whoever waits for the beginning."""
        if not self.begun.done():
            self.begun.set_exception(exc or ConnectionResetError("the gateway closed the stream"))

    def close(self) -> None:
        """Close the stream."""
        if self._transport is not None:
            self._transport.close()


def _header(head: bytes, name: bytes) -> bytes:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    return head[start : head.index(b"\r\n", start)].strip()
