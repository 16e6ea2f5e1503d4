"""HTTP served by components: one listener per address, started and stopped with its component."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn

from vectorflow_engine.component import StartError
from vectorflow_engine.log import logger

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLOSE_SECONDS = 5
_REUSE = getattr(socket, "SO_REUSEADDR", 0)


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: signals are the engine's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def split_address(text: str, where: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as its parts; raises `StartError`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise StartError(f"{where}: address {text!r} is not of the form host:port")
    return host.strip("[]"), int(port)


class HttpListener:
    """An ASGI application at an address."""

    def __init__(self, where: str, address: str, app: App) -> None:
        """``where`` names the component in messages."""
        self._where, self._address, self._app = where, address, app
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._socket is not None  # noqa: S101 - asked after start only
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Bind and listen; raises `StartError` naming address and component."""
        host, port = split_address(self._address, self._where)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, _REUSE, 1)
            listener.bind((host, port))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
            raise StartError(f"{self._where}: cannot listen on {self._address}: {reason}") from None
        listener.setblocking(False)  # noqa: FBT003, RUF100
        self._socket = listener
        config = uvicorn.Config(
            self._guarded,
            interface="asgi3",
            proxy_headers=False,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_CLOSE_SECONDS,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listener]))

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001, RUF100 - one request must never end the component
            logger.error("Failed to answer a request. component=%s error=%r", self._where, error)
            with contextlib.suppress(Exception):
                await answer(send, 500)

    async def stop(self) -> None:
        """Stop listening, let answers under way finish (up to 5 s), close."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._task, _CLOSE_SECONDS + 2)
        if self._socket is not None:
            self._socket.close()
        self._server = None


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body of a request; None when it is longer than ``limit`` bytes."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Send, status: int, body: bytes = b"", content_type: bytes = b"text/plain") -> None:
    """Send a whole response."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
