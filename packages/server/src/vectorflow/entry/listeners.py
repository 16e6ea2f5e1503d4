"""HTTP listeners: sockets bound with a clear word when that fails, served by uvicorn until the process stops."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import structlog
import uvicorn

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.http.asgi import ASGIApp

log = structlog.get_logger()

SHUTDOWN_SECONDS = 5
# Longer than an agent's own, so that it never sends on a connection that is just being closed.
KEEP_ALIVE_SECONDS = 75


class PortInUseError(VectorFlowError, status=500, code="entry.port-in-use"):
    """The port is in use; stop what listens there, or choose another by the setting named."""


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the process has one place that listens to signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, setting: str) -> socket.socket:
    """Bind a listening socket; port 0 takes a free one. Raises `PortInUseError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"Cannot listen on {host} port {port} ({error.strerror}); stop what listens there or set {setting}."
        raise PortInUseError(message) from error
    listener.setblocking(False)
    return listener


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Serve until `stop`, then let requests under way finish, at most five seconds.

    `headers` stand on every answer, also on those that the listener itself gives to what is no request.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        headers=[(name.decode(), value.decode()) for name, value in headers],
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        backlog=2048,
    )
    server = _Server(config)
    stopping = asyncio.create_task(_stop_server(server, stop), name="listener-stop")
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        listener.close()


async def _stop_server(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
