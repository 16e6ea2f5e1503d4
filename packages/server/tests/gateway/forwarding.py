"""A reverse proxy as stands before a gateway, and requests written byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from packages.server.tests.platform.egress.servers import listening

SILENCE_SECONDS = 30.0


async def _head(reader: asyncio.StreamReader) -> list[bytes]:
    async with asyncio.timeout(SILENCE_SECONDS):
        return (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")


def _passed_on(lines: list[bytes], client: str) -> bytes:
    """The head as a proxy sends it on: the host that was asked for, and who asked; one request a connection.

    A target with a host in it outranks the header, as RFC 9112 has it.
    """
    method, target, version = lines[0].split(b" ")
    fields = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])
    ]
    host = dict(fields).get(b"host", b"")
    if target.startswith(b"http://"):
        host, _, path = target.removeprefix(b"http://").partition(b"/")
        target = b"/" + path
    kept = [
        (name, value) for name, value in fields if name not in (b"host", b"connection", b"x-forwarded-for")
    ]
    sent = [(b"host", host), (b"x-forwarded-for", client.encode()), (b"connection", b"close"), *kept]
    return b"\r\n".join(
        [b" ".join((method, target, version)), *(b": ".join(each) for each in sent), b"", b""]
    )


@asynccontextmanager
async def proxy_before(port: int) -> AsyncIterator[int]:
    """Forward requests without a body to a port; gives the proxy's own."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = _passed_on(await _head(reader), writer.get_extra_info("peername")[0])
            inner, out = await asyncio.open_connection("127.0.0.1", port)
            out.write(head)
            try:
                while data := await inner.read(65_536):
                    writer.write(data)
                    await writer.drain()
            finally:
                out.close()
                await out.wait_closed()
        finally:
            writer.close()

    async with listening(pass_on) as listens_on:
        yield listens_on


async def status_of(port: int, target: str, *headers: tuple[str, str]) -> int:
    """Send a GET exactly as written, and return the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        return int((await _head(reader))[0].split(b" ")[1])
    finally:
        writer.close()
        await writer.wait_closed()
