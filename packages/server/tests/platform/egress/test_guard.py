"""The guard itself: it stops and remembers what egress did not vet."""

import asyncio
import contextlib
import socket

import httpx2
import pytest
from packages.server.tests.platform.egress.guard import UnvettedConnection, _guards, guarding
from packages.server.tests.platform.egress.servers import answer, http_server

from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.record import Caller

OUTSIDE = ("192.0.2.1", 443)  # documentation: nobody answers there


def swallowing(address) -> None:
    with contextlib.suppress(OSError), socket.socket() as opened:
        opened.settimeout(0.1)
        opened.connect(address)


def test_a_connection_outside_fails_the_test_even_when_the_error_is_swallowed() -> None:
    with pytest.raises(AssertionError, match=r"192\.0\.2\.1:443"), guarding():
        swallowing(OUTSIDE)


def test_the_connection_is_stopped_on_the_spot() -> None:
    with socket.socket() as opened, contextlib.suppress(AssertionError), guarding():
        opened.settimeout(0.1)
        with pytest.raises(UnvettedConnection):
            opened.connect_ex(OUTSIDE)


def test_datagrams_are_seen() -> None:
    with (
        pytest.raises(UnvettedConnection),
        guarding(),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened,
    ):
        opened.sendto(b"x", OUTSIDE)


async def swallowing_client() -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=0.2) as client:
        with contextlib.suppress(httpx2.TransportError, OSError):
            await client.get("http://192.0.2.1/")


async def test_an_unvetted_library_call_on_the_loop_is_seen() -> None:
    with pytest.raises(AssertionError, match=r"192\.0\.2\.1"), guarding():
        await swallowing_client()


async def test_loopback_is_for_databases_and_servers_unless_strict() -> None:
    async with http_server(answer(200)) as server:
        with guarding():
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.close()
        with pytest.raises(AssertionError, match=r"127\.0\.0\.1"), guarding(strict=True):
            swallowing(("127.0.0.1", server.port))


async def test_egress_passes_and_its_mark_does_not_last(make, resolver) -> None:
    async with http_server(answer(200, b"yes")) as server:
        bench = make(f"127.0.0.1:{server.port}")
        resolver.set("a.example", ["127.0.0.1"])
        with guarding(strict=True) as guard:
            async with bench.egress.http(Caller("test")) as client:
                assert (
                    await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
                ).body == b"yes"
        assert guard.unvetted == []
        with pytest.raises(UnvettedConnection), guarding(strict=True), socket.socket() as opened:
            opened.connect(("127.0.0.1", server.port))


def test_the_fixture_is_usable(egress_guard, strict_egress_guard) -> None:
    assert strict_egress_guard.strict
    assert not egress_guard.strict


def test_unix_sockets_are_left_alone(tmp_path) -> None:
    with guarding(strict=True), socket.socket(socket.AF_UNIX) as opened, pytest.raises(FileNotFoundError):
        opened.connect(str(tmp_path / "none"))


def test_every_test_of_the_server_is_guarded() -> None:
    """This test asks for no guard, and is stopped all the same."""
    with socket.socket() as opened:
        opened.settimeout(0.1)
        with pytest.raises(UnvettedConnection):
            opened.connect(OUTSIDE)
    _guards[-1].unvetted.clear()  # it was meant
