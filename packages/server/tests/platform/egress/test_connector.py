"""Sockets go to vetted addresses and nowhere else, also through a proxy."""

import asyncio
import socket

import pytest
from packages.server.tests.platform.egress.servers import Proxy, answer, http_server, listening, proxy_server

from vectorflow.platform.egress.connector import MAX_ATTEMPTS, Connector, vetted_target
from vectorflow.platform.egress.destination import parse_destination
from vectorflow.platform.egress.errors import EgressFailed, EgressRefused, EgressTimedOut
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.policy import AllowRule, EgressLimits, EgressPolicy, EgressProxy, Kind
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.vetting import Vetter

LIMITS = EgressLimits(connect_seconds=0.5)


async def connect(resolver, host: str, port: int, *allow: str, **settings) -> socket.socket:
    policy = EgressPolicy(allow=tuple(map(AllowRule.parse, allow)), **settings)
    vetter = Vetter(policy, resolver)
    vetted = await vetter.vet(Kind.HTTP, parse_destination(host, port), LIMITS)
    return await Connector(policy, vetter).connect(vetted, LIMITS)


async def test_the_socket_is_at_the_vetted_address(resolver, strict_egress_guard) -> None:
    async with http_server(answer(200)) as server:
        resolver.set("a.example", ["127.0.0.1"])
        with await connect(resolver, "a.example", server.port, f"127.0.0.0/8:{server.port}") as opened:
            assert opened.getpeername() == ("127.0.0.1", server.port)
            assert opened.gettimeout() == 0
        assert vetted_target.get() is None


async def test_the_next_address_is_tried_and_both_families(resolver, strict_egress_guard) -> None:
    async with http_server(answer(200)) as server:
        resolver.set("a.example", ["::1", "127.0.0.9", "127.0.0.1"])
        rules = (f"127.0.0.0/8:{server.port}", f"[::1]:{server.port}")
        with await connect(resolver, "a.example", server.port, *rules) as opened:
            assert opened.getpeername()[0] == "127.0.0.1"


async def test_a_hundred_dead_addresses_cost_four_attempts(resolver, monkeypatch) -> None:
    tried = []

    async def refuse(self, opened, address):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", refuse)
    resolver.set("many.example", [f"1.1.1.{number}" for number in range(100)])
    with pytest.raises(EgressFailed):
        await connect(resolver, "many.example", 443)
    assert len(tried) == MAX_ATTEMPTS
    assert vetted_target.get() is None


async def test_silence_times_out(resolver, monkeypatch) -> None:
    async def hang(self, opened, address):
        await asyncio.sleep(60)

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", hang)
    resolver.set("a.example", ["1.1.1.1"])
    with pytest.raises(EgressTimedOut):
        await connect(resolver, "a.example", 443)


async def test_a_connection_that_was_led_elsewhere_is_closed(resolver, monkeypatch) -> None:
    async with http_server(answer(200)) as server:

        async def divert(self, opened, address):
            opened.setblocking(True)
            opened.connect(("127.0.0.1", server.port))

        monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", divert)
        resolver.set("a.example", ["1.1.1.1"])
        with pytest.raises(EgressRefused, match="vetted"):
            await connect(resolver, "a.example", 443)


def through(proxy: Proxy, credentials: str = "") -> EgressProxy:
    return EgressProxy.parse(f"http://{credentials}proxy.corp:{proxy.port}")


async def test_connect_names_the_vetted_address_and_never_the_host(make, resolver, authority) -> None:
    context = authority.server_context("hooks.example")
    async with proxy_server(Proxy()) as proxy, http_server(answer(200, b"ok"), context=context) as server:
        resolver.set("proxy.corp", ["127.0.0.1"])
        resolver.set("hooks.example", ["1.1.1.1"])
        bench = make(f"hooks.example:{server.port}", proxy=through(proxy, "me:pw@"))
        async with bench.egress.http(Caller("test")) as client:
            response = await client.request(HttpRequest(url=f"https://hooks.example:{server.port}/x"))
        assert response.body == b"ok"
        head = proxy.heads[0]
        assert head.startswith(f"CONNECT 1.1.1.1:{server.port} HTTP/1.1\r\nHost: 1.1.1.1:{server.port}\r\n")
        assert "Proxy-Authorization: Basic bWU6cHc=" in head
        assert "hooks.example" not in head
        # Inside the tunnel the name is back: in the handshake and in the request.
        assert server.requests[0].sni == "hooks.example"
        assert server.requests[0].headers["host"] == f"hooks.example:{server.port}"
        assert "proxy-authorization" not in server.requests[0].headers


async def test_what_is_refused_is_not_asked_of_the_proxy(make, resolver) -> None:
    async with proxy_server(Proxy()) as proxy:
        resolver.set("proxy.corp", ["127.0.0.1"])
        resolver.set("inner.example", ["169.254.169.254"])
        bench = make(proxy=through(proxy))
        async with bench.egress.http(Caller("test")) as client:
            with pytest.raises(EgressRefused):
                await client.request(HttpRequest(url="http://inner.example/"))
        assert proxy.heads == []


async def test_direct_destinations_pass_by_the_proxy(resolver) -> None:
    async with proxy_server(Proxy()) as proxy, http_server(answer(200)) as server:
        resolver.set("a.corp", ["127.0.0.1"])
        settings = {"proxy": through(proxy), "direct": (AllowRule.parse("a.corp"),)}
        with await connect(resolver, "a.corp", server.port, f"a.corp:{server.port}", **settings):
            assert proxy.heads == []


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway", "1", "200OK"])
async def test_a_refusing_proxy_is_a_clear_error_without_its_name(resolver, status: str) -> None:
    async with proxy_server(Proxy(status)) as proxy:
        resolver.set("proxy.corp", ["127.0.0.1"])
        resolver.set("a.example", ["1.1.1.1"])
        with pytest.raises(EgressFailed, match="proxy") as caught:
            await connect(resolver, "a.example", 443, proxy=through(proxy, "me:pw@"))
        assert "proxy.corp" not in str(caught.value)


async def test_a_silent_or_endless_proxy_is_given_up(resolver) -> None:
    async def silent(reader, writer):
        await asyncio.sleep(60)

    async def endless(reader, writer):
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()

    resolver.set("proxy.corp", ["127.0.0.1"])
    resolver.set("a.example", ["1.1.1.1"])
    for serve, error in ((silent, EgressTimedOut), (endless, EgressFailed)):
        async with listening(serve) as port:
            proxy = EgressProxy.parse(f"http://proxy.corp:{port}")
            with pytest.raises(error):
                await connect(resolver, "a.example", 443, proxy=proxy)


async def test_an_unreachable_proxy_is_not_passed_by(resolver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    resolver.set("proxy.corp", ["127.0.0.1"])
    resolver.set("a.example", ["1.1.1.1"])
    with pytest.raises(EgressFailed, match="proxy"):
        await connect(resolver, "a.example", 443, proxy=EgressProxy.parse(f"http://proxy.corp:{port}"))
