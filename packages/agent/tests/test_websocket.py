"""Engines that speak no WebSocket, or end in the middle: `test_tapping` shows those that do."""

import asyncio
import contextlib

import pytest

from vectorflow_agent.shell.websocket import SubscriptionFailed, subscription


async def asked(answer):
    over = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with server, subscription(port, "/graphql", {}) as payloads:
            return [payload async for payload in payloads]
    finally:
        await over.wait()


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
)
async def test_no_websocket_is_a_failure_with_words(answer):
    with pytest.raises(SubscriptionFailed, match="the engine"):
        await asked(answer)
