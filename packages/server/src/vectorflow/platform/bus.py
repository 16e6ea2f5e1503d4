"""The bus: small messages between processes over LISTEN/NOTIFY. A message holds ids, never data.

A subscriber that was disconnected may have missed messages, so `Bus` tells it to drop what it cached.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import psycopg
import structlog

from vectorflow.platform.database import BUS_CHANNEL, timeouts
from vectorflow.platform.direct import PooledAddress, pooled
from vectorflow.platform.pauses import jittered

log = structlog.get_logger()
Handler = Callable[[Mapping[str, Any]], Awaitable[None] | None]
_PING_SECONDS = 10.0
_SILENT_SECONDS = 5.0


class Bus:
    """Listens on one direct connection and calls the handlers of each topic."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._handlers: dict[str, list[Handler]] = {}
        self._on_reconnect: list[Callable[[], None]] = []
        self.connected = asyncio.Event()

    def subscribe(self, topic: str, handler: Handler) -> Callable[[], None]:
        """Call ``handler`` with each message of the topic; returns a function that ends the subscription."""
        handlers = self._handlers.setdefault(topic, [])
        handlers.append(handler)

        def end() -> None:
            with contextlib.suppress(ValueError):
                handlers.remove(handler)

        return end

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call a plain function whenever messages may have been missed: drop caches there."""
        self._on_reconnect.append(call)

    async def run(self) -> None:
        """Listen until cancelled, reconnecting with growing, jittered pauses."""
        pause = 0.1
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=5, **timeouts(self._url)
                ) as connection:
                    async with asyncio.timeout(_SILENT_SECONDS):
                        through = await pooled(connection)
                        if not through:
                            await connection.execute("listen vectorflow")
                    if through:
                        log.error("bus.pooled", reason=PooledAddress.__doc__)
                    else:
                        for call in self._on_reconnect:
                            call()
                        self.connected.set()
                        pause = 0.1
                        await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("bus.disconnected", error=type(error).__name__)
            finally:
                self.connected.clear()
            await asyncio.sleep(jittered(pause))
            pause = min(pause * 2, 5.0)

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            async for notification in connection.notifies(timeout=_PING_SECONDS):
                if notification.channel == BUS_CHANNEL:
                    await self._dispatch(notification.payload)
            async with asyncio.timeout(_SILENT_SECONDS):
                await connection.execute("select 1")  # finds out that the connection has gone

    async def _dispatch(self, payload: str) -> None:
        try:
            message = msgspec.json.decode(payload, type=dict[str, Any])
            topic = message["topic"]
        except (msgspec.DecodeError, KeyError):
            log.warning("bus.malformed")
            return
        for handler in list(self._handlers.get(topic, ())):
            try:
                result = handler(message)
                if result is not None:
                    await result
            except Exception:
                log.exception("bus.handler-failed", topic=topic)
