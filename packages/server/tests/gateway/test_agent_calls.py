"""`entry.agent_calls`: what is no proper request is refused, and costs nobody else anything."""

import asyncio
import time
from urllib.parse import urlsplit

import msgspec
import pytest
from packages.server.tests.gateway.heads import PROTECTED
from tests.patience import patience

from vectorflow.entry import agent_calls

MEGABYTE = 1024 * 1024


async def speak(house, data: bytes, *, then_close: bool = False) -> bytes:
    """Send bytes as they are; return what comes back until the gateway has answered or closed."""
    address = urlsplit(house.address)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(data)
        await writer.drain()
        if then_close:
            return b""
        async with asyncio.timeout(60):
            return await reader.read(4096)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def head(agent, method: str = "POST", path: str = "/agent/v1/heartbeat", *extra: str) -> bytes:
    lines = (
        f"{method} {path} HTTP/1.1",
        "host: anywhere",
        f"authorization: Bearer {agent.told.node_token}",
        *extra,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def lives(agent) -> None:
    assert (await agent.beat()).at > 0


async def test_what_is_no_request_is_answered_with_the_same_head(world) -> None:
    """Every other test of the gateway looks at the heads too (`heads.protected`)."""
    said = (await speak(world.house, b"no request at all\r\n\r\n")).decode().lower()
    assert said.startswith("http/1.1 400")
    for name, value in PROTECTED.items():
        assert said.count(f"{name}: {value.lower()}\r\n") == 1, name


async def test_a_body_that_is_too_large_is_refused(world) -> None:
    agent = (await world.agents(1))[0]
    for path, most in (("heartbeat", 1), ("reports", 4)):
        answer = await agent.call("POST", f"/agent/v1/{path}", content=b" " * (most * MEGABYTE + 1))
        assert answer.status_code == 413, path
    chunks = head(agent, "POST", "/agent/v1/heartbeat", "transfer-encoding: chunked")
    chunks += (b"10000\r\n" + b" " * 65536 + b"\r\n") * 20
    assert b" 413 " in (await speak(world.house, chunks)).split(b"\r\n", 1)[0]
    await lives(agent)


async def test_a_body_that_does_not_come_is_given_up(world, monkeypatch) -> None:
    agent = (await world.agents(1))[0]
    monkeypatch.setattr(agent_calls, "BODY_SECONDS", 0.3)
    began = time.monotonic()
    begun = head(agent, "POST", "/agent/v1/heartbeat", "content-length: 1000") + b'{"at":'
    assert b" 408 " in (await speak(world.house, begun)).split(b"\r\n", 1)[0]
    assert time.monotonic() - began < 5 * patience()
    await speak(world.house, begun, then_close=True)
    await lives(agent)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\x00" * 5000,
        b"POST /agent/v1/heartbeat HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /agent/v1/heartbeat HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused(world, data) -> None:
    agent = (await world.agents(1))[0]
    answer = await speak(world.house, data)
    assert answer == b"" or answer.split(b" ", 2)[1] in {b"400", b"401"}
    await lives(agent)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"[" * 500_000,
        b'{"at":1,"sequence":1,"unknown":' + b'{"a":' * 150_000,
        b'{"at":1,"sequence":1,"unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"at":1e400,"sequence":1}',
        b'{"at":1,"sequence":1,"pipelines":[{"id":"\\ud800","state":"x"}]}',
        b"null",
    ],
)
async def test_garbage_gets_400(world, body) -> None:
    agent = (await world.agents(1))[0]
    for path in ("heartbeat", "reports", "enroll"):
        token = await world.token() if path == "enroll" else None
        answer = await agent.call("POST", f"/agent/v1/{path}", token=token, content=body)
        assert answer.status_code in ((400, 413) if path == "enroll" else (400,)), (path, answer.text)
        assert msgspec.json.decode(answer.content)["type"].startswith("urn:vectorflow:problem:")
    await lives(agent)


async def test_host_and_token_may_stand_once(world) -> None:
    agent = (await world.agents(1))[0]
    for extra in ("host: elsewhere", f"authorization: Bearer {agent.told.node_token}"):
        answer = await speak(world.house, head(agent, "GET", "/agent/v1/desired", extra))
        assert b" 400 " in answer.split(b"\r\n", 1)[0], extra
    assert (
        b" 200 " in (await speak(world.house, head(agent, "GET", "/agent/v1/desired"))).split(b"\r\n", 1)[0]
    )
