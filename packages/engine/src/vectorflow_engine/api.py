"""The engine's API on the loopback address: health, and Vector's gRPC methods for components and taps.

HTTP/1.1 cannot carry gRPC, so the methods are served as gRPC-Web: the same messages in the same frames.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from vectorflow_engine.events import Buckets, Metric
from vectorflow_engine.http_listener import HttpListener, Receive, Scope, Send, answer, read_body
from vectorflow_engine.taps import Tap, TapBook, Tapped
from vectorflow_engine.vrl.timestamps import Timestamp

SERVICE: Final = "/vector.observability.v1.ObservabilityService/"
_MOST_REQUEST: Final = 64 * 1024
_MOST_LIMIT: Final = 100_000
_SHORTEST: Final = 0.1
_WEB: Final = b"application/grpc-web+proto"
_DEEPEST: Final = 64


class Api:
    """`GET|HEAD /health`: 200 while running, 503 before and while draining; and the two methods."""

    def __init__(self, address: str, book: TapBook, components: Callable[[], list[str]]) -> None:
        self._listener = HttpListener("api", address, self._app)
        self._book = book
        self._components = components
        self._streams: set[asyncio.Task[None]] = set()
        self.healthy = False

    async def start(self) -> None:
        """Listen; raises `StartError`."""
        await self._listener.start()

    async def stop(self) -> None:
        """End the taps and stop listening."""
        for stream in self._streams:
            stream.cancel()
        await self._listener.stop()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["path"], scope["method"]:
            case "/health", "GET" | "HEAD":
                body = msgspec.json.encode({"ok": self.healthy})
                await answer(send, 200 if self.healthy else 503, body, b"application/json")
            case path, "POST" if path == SERVICE + "GetComponents":
                message = b"".join(_text(1, _text(1, each.encode())) for each in self._components())
                await answer(send, 200, _frame(message) + _TRAILERS, _WEB)
            case path, "POST" if path == SERVICE + "StreamOutputEvents":
                await self._tap(receive, send)
            case "/health", _:
                await answer(send, 405)
            case _:
                await answer(send, 404)

    async def _tap(self, receive: Receive, send: Send) -> None:
        body = await read_body(receive, _MOST_REQUEST)
        try:
            patterns, limit, interval = _asked(body or b"")
        except (ValueError, IndexError):
            await answer(send, 400)
            return
        if self._book.full:
            await answer(send, 429)
            return
        head = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", _WEB)]}
        await send(head)
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        sending = asyncio.create_task(self._send(Tap(patterns, limit), interval, send))
        gone = asyncio.create_task(_disconnected(receive))
        self._streams.add(sending)
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.discard(sending)
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, tap: Tap, interval: float, send: Send) -> None:
        batches = self._book.batches(tap, interval)
        async with contextlib.aclosing(batches):
            async for chosen in batches:
                if chosen:
                    body = b"".join(_frame(_response(each)) for each in chosen)
                    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _asked(body: bytes) -> tuple[list[str], int, float]:
    """Patterns, limit and interval (seconds) of a `StreamOutputEventsRequest`. Raises ValueError, IndexError."""
    patterns, limit, interval = [], 0, 0
    at = 5
    while at < len(body):
        tag, at = body[at], at + 1
        length = shift = 0
        while True:
            byte, at = body[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift > 63:
                raise ValueError("a number is too long")
        match tag:
            case 0x0A:
                patterns.append(body[at : at + length].decode())
                at += length
            case 0x12:
                at += length
            case 0x18:
                limit = length
            case 0x20:
                interval = length
            case _:
                raise ValueError("an unknown field")
    if not patterns or not 1 <= limit <= _MOST_LIMIT:
        raise ValueError("patterns and a limit are needed")
    return patterns, limit, max(_SHORTEST, interval / 1000)


def _response(tapped: Tapped) -> bytes:
    event = tapped.event
    metric = isinstance(event, Metric)
    wrapped = _text(2, _metric(event)) if metric else _text(1, _text(2, _value(event, 0)))
    fields = _text(1, tapped.component.encode()) + _text(2, tapped.type.encode())
    return _text(1, fields + _text(3, tapped.kind.encode()) + _text(4, wrapped))


def _value(value: Any, depth: int) -> bytes:
    if depth > _DEEPEST or value is None:
        return b"\x48\x00"
    if isinstance(value, Timestamp):
        return _text(2, _moment(str(value)))
    if isinstance(value, str):
        return _text(1, value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return _text(1, value)
    if isinstance(value, bool):
        return b"\x30" + (b"\x01" if value else b"\x00")
    if isinstance(value, int):
        return b"\x20" + _number(value & (2**64 - 1))
    if isinstance(value, float):
        return b"\x29" + struct.pack("<d", value)
    if isinstance(value, dict):
        entries = (
            _text(1, _text(1, str(name).encode("utf-8", "replace")) + _text(2, _value(inner, depth + 1)))
            for name, inner in value.items()
        )
        return _text(7, b"".join(entries))
    if isinstance(value, (list, tuple)):
        return _text(8, b"".join(_text(1, _value(inner, depth + 1)) for inner in value))
    return _text(1, str(value).encode())


def _metric(metric: Metric) -> bytes:
    made = _text(1, metric.name.encode())
    if metric.timestamp:
        made += _text(2, _moment(metric.timestamp))
    for name, value in metric.tags.items():
        made += _text(3, _text(1, name.encode()) + _text(2, value.encode()))
    made += b"\x20" + (b"\x01" if metric.kind == "absolute" else b"\x00")
    if metric.buckets is None:
        made += _text(5 if metric.type == "counter" else 6, b"\x09" + struct.pack("<d", metric.value))
    else:
        made += _text(16, _histogram(metric.buckets))
    if metric.namespace:
        made += _text(11, metric.namespace.encode())
    return made


def _histogram(held: Buckets) -> bytes:
    listed = (
        _text(1, b"\x09" + struct.pack("<d", bound) + b"\x10" + _number(count))
        for bound, count in held.counts
    )
    return b"".join(listed) + b"\x10" + _number(held.count) + b"\x19" + struct.pack("<d", held.sum)


def _moment(text: str) -> bytes:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return b""
    seconds = int(moment.timestamp())
    return b"\x08" + _number(seconds & (2**64 - 1)) + b"\x10" + _number(moment.microsecond * 1000)


def _text(number: int, value: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(value)) + value


def _number(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _frame(message: bytes, flag: bytes = b"\0") -> bytes:
    return flag + len(message).to_bytes(4, "big") + message


_TRAILERS: Final = _frame(b"grpc-status:0\r\n", b"\x80")
