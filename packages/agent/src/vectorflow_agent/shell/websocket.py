"""GraphQL subscriptions over a WebSocket to an engine on the loopback address, for Vector up to 0.54.

The protocol is that of subscriptions-transport-ws: connection_init, start, then messages `data`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

MOST_MESSAGE: Final = 16 * 1024 * 1024
_OPEN_SECONDS: Final = 5.0
_READ: Final = 64 * 1024


class SubscriptionFailed(Exception):
    """The engine's API does not take the subscription; says why."""


@contextlib.asynccontextmanager
async def subscription(port: int, path: str, payload: Any) -> AsyncIterator[AsyncIterator[Any]]:
    """Open a subscription; gives the payloads of its data. Raises OSError, SubscriptionFailed."""
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except TimeoutError as error:
        raise SubscriptionFailed("the engine's API does not answer") from error
    socket = _Socket(reader, writer)
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            await socket.open(port, path)
        await socket.send({"type": "connection_init", "payload": {}})
        await socket.send({"id": "tap", "type": "start", "payload": payload})
        yield socket.data()
    except TimeoutError as error:
        raise SubscriptionFailed("the engine's API does not answer") from error
    finally:
        writer.close()


class _Socket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._wire = WSConnection(ConnectionType.CLIENT)

    async def open(self, port: int, path: str) -> None:
        request = Request(host=f"127.0.0.1:{port}", target=path, subprotocols=["graphql-ws"])
        await self._write(self._wire.send(request))
        while True:
            for event in await self._events():
                if isinstance(event, AcceptConnection):
                    return
                if isinstance(event, RejectConnection):
                    raise SubscriptionFailed(f"the engine's API answered {event.status_code}")

    async def send(self, message: Any) -> None:
        await self._write(self._wire.send(TextMessage(data=msgspec.json.encode(message).decode())))

    async def data(self) -> AsyncIterator[Any]:
        text = ""
        while True:
            for event in await self._events():
                if isinstance(event, Ping):
                    await self._write(self._wire.send(event.response()))
                elif isinstance(event, CloseConnection):
                    return
                elif isinstance(event, TextMessage):
                    text += event.data
                    if len(text) > MOST_MESSAGE:
                        raise SubscriptionFailed("the engine sent a message that is too long")
                    if event.message_finished:
                        message, text = _decoded(text), ""
                        if message.get("type") == "data":
                            yield message.get("payload")
                        elif message.get("type") in {"error", "connection_error"}:
                            raise SubscriptionFailed("the engine's API refused the subscription")
                        elif message.get("type") == "complete":
                            return

    async def _events(self) -> list[Any]:
        """What came with the next bytes. Raises SubscriptionFailed when the engine has gone."""
        data = await self._reader.read(_READ)
        if not data:
            raise SubscriptionFailed("the engine closed its API")
        try:
            self._wire.receive_data(data)
            return list(self._wire.events())
        except ProtocolError as error:
            raise SubscriptionFailed("the engine's API does not speak WebSocket") from error

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _decoded(text: str) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SubscriptionFailed("the engine's API sent no JSON") from error
    return message if isinstance(message, dict) else {}
