"""Sockets for a git client in a thread."""

import asyncio
import ssl

import pytest
from packages.server.tests.platform.egress.servers import answer, http_server

from vectorflow.platform.egress.errors import EgressRefused, EgressTimedOut
from vectorflow.platform.egress.git import GitSockets
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller

pytestmark = pytest.mark.usefixtures("strict_egress_guard")


async def test_a_thread_gets_a_blocking_socket_to_the_vetted_address(make, resolver, authority) -> None:
    resolver.set("git.example", ["127.0.0.1"])
    context = authority.server_context("git.example")
    async with http_server(answer(200, b"refs"), context=context) as server:
        bench = make(f"127.0.0.1:{server.port}")
        sockets = bench.egress.git(Caller("delivery.git"))
        assert isinstance(sockets, GitSockets)

        def work() -> bytes:
            trusting = ssl.create_default_context(cadata=authority.pem)
            with sockets.connect("git.example", server.port) as opened:
                assert opened.getpeername()[0] == "127.0.0.1"
                assert opened.gettimeout() == 5
                with trusting.wrap_socket(opened, server_hostname="git.example") as wrapped:
                    wrapped.sendall(b"GET /info/refs HTTP/1.1\r\nhost: git.example\r\n\r\n")
                    return wrapped.recv(1000)

        assert b"200" in await asyncio.to_thread(work)
        assert bench.calls("git", "ok") == 1


async def test_refusals_reach_the_thread(make, resolver) -> None:
    resolver.set("git.example", ["192.168.0.1"])
    bench = make()
    sockets = bench.egress.git(Caller("delivery.git"))
    for port in (443, 22, 9418):
        with pytest.raises(EgressRefused):
            await asyncio.to_thread(sockets.connect, "git.example", port)
    assert bench.calls("git", "refused") == 3
    resolver.delay = 1
    slow = bench.egress.git(Caller("delivery.git"), limits=EgressLimits(total_seconds=0.1))
    with pytest.raises(EgressTimedOut):
        await asyncio.to_thread(slow.connect, "git.example")
