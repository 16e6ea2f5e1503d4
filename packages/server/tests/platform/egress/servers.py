"""Real servers of tests: HTTP that answers by script, and a proxy that opens tunnels."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

ANY = "127.0.0.1"


class Received:
    """One request as the server saw it."""

    def __init__(self, head: bytes, body: bytes, sni: str | None) -> None:
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        self.body = body
        self.sni = sni


Handler = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int, body: bytes = b"", **headers: str) -> Handler:
    """Return a handler that always answers the same."""

    async def handle(request: Received, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join([*lines, "", ""])).encode() + body)

    return handle


class Server:
    """Where it listens, what came, and how many connections there were."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Received] = []
        self.connections = 0
        self.port = 0
        self.names: list[str | None] = []  # of the handshakes, in order

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: ([0-9]+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                self.requests.append(Received(head, body, self.names[-1] if self.names else None))
                await self.handler(self.requests[-1], writer)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def http_server(
    handler: Handler, *, context: ssl.SSLContext | None = None, address: str = ANY, port: int = 0
) -> AsyncIterator[Server]:
    """Serve HTTP/1.1 on an ephemeral port, by TLS with a context."""
    server = Server(handler)
    if context is not None:
        context.sni_callback = lambda _, name, __: server.names.append(name)
    async with listening(server.serve, address, port, context) as server.port:
        yield server


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    address: str = ANY,
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Listen, and end every connection's task at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            # Else the loop may end before the socket does, which some later test is blamed for.
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            tasks.discard(task)

    listener = await asyncio.start_server(run, address, port, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        left = list(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class Proxy:
    """A CONNECT proxy; it opens every tunnel to 127.0.0.1, on the port asked for."""

    def __init__(self, status: str = "200 OK") -> None:
        self.status = status
        self.heads: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(f"HTTP/1.1 {self.status}\r\nvia: test\r\n\r\n".encode())
        if not self.status.startswith("200"):
            return
        port = int(head.split(" ")[1].rpartition(":")[2])
        # Made before the guard's eyes: the proxy stands for another machine.
        other_reader, other_writer = await asyncio.open_connection(ANY, port)
        try:
            await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))
        finally:
            other_writer.transport.abort()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy_server(proxy: Proxy) -> AsyncIterator[Proxy]:
    async with listening(proxy.serve) as proxy.port:
        yield proxy
