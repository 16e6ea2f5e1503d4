"""Calls go over the connection of the call before: behind TLS a handshake costs more than a heartbeat."""

import asyncio
import contextlib

from vectorflow_agent.shell.client import Gateway

_ANSWER = b'HTTP/1.1 304 Not Modified\r\netag: "1.1"\r\n\r\n'
_LONGER_THAN_THE_LIBRARY_KEEPS_ONE = 5.5


async def test_a_call_seconds_later_needs_no_new_connection():
    connections, calls = 0, 0

    async def answer(reader, writer):
        nonlocal connections, calls
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                calls += 1
                writer.write(_ANSWER)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = Gateway(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        assert await client.desired("token", '"1.1"') is None
        await asyncio.sleep(_LONGER_THAN_THE_LIBRARY_KEEPS_ONE)
        assert await client.desired("token", '"1.1"') is None
        assert (connections, calls) == (1, 2)
    finally:
        await client.close()
        server.close()
        await server.wait_closed()
