"""HTTP against real servers: pinning, certificates, redirects, limits, and nothing ambient."""

import asyncio
import gzip
import time
from uuid import uuid4

import msgspec
import pytest
from packages.server.tests.platform.egress.servers import answer, http_server, listening
from tests.patience import patience

from vectorflow.kernel.errors import InvalidInputError
from vectorflow.platform.egress.errors import (
    EgressCertificateRefused,
    EgressFailed,
    EgressRefused,
    EgressTimedOut,
    EgressTooLarge,
)
from vectorflow.platform.egress.http_client import HttpClient
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.http_wire import MAX_CONNECTIONS
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller

pytestmark = pytest.mark.usefixtures("strict_egress_guard")
PLATFORM = Caller("test")


def client_of(bench, **options) -> HttpClient:
    return bench.egress.http(PLATFORM, **options)


async def test_host_sni_and_certificate_are_those_of_the_name(make, resolver, authority) -> None:
    context = authority.server_context("a.example")
    async with http_server(answer(200, b"hello", x_one="1"), context=context) as server:
        resolver.set("a.example", ["127.0.0.1"])
        bench = make(f"127.0.0.1:{server.port}")
        async with client_of(bench) as client:
            request = HttpRequest(
                url=f"https://A.example:{server.port}/p?q=1",
                method="POST",
                body=b"data",
                headers={"X-Key": "k"},
            )
            got = await client.request(request)
        assert (got.status, got.body, got.headers.get("X-One")) == (200, b"hello", "1")
        seen = server.requests[0]
        assert (seen.method, seen.target, seen.body, seen.sni) == ("POST", "/p?q=1", b"data", "a.example")
        assert seen.headers["host"] == f"a.example:{server.port}"
        assert seen.headers["x-key"] == "k"
        assert resolver.asked == ["a.example"]
        assert bench.calls("http", "ok") == 1


@pytest.mark.parametrize("names", [("b.example",), ("127.0.0.1",)])
async def test_a_certificate_for_another_name_is_refused(make, resolver, authority, names) -> None:
    context = authority.server_context(*names)
    async with http_server(answer(200), context=context) as server:
        resolver.set("a.example", ["127.0.0.1"])
        bench = make(f"127.0.0.1:{server.port}")
        async with client_of(bench) as client:
            with pytest.raises(EgressCertificateRefused, match=r"a\.example"):
                await client.request(HttpRequest(url=f"https://a.example:{server.port}/"))
        assert server.requests == []
        assert bench.calls("http", "certificate") == 1


@pytest.mark.parametrize(("age", "trusted"), [(3, True), (1, False)])
async def test_expired_and_unknown_certificates_are_refused(make, resolver, authority, age, trusted) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    settings = {} if trusted else {"ca_file": None}
    context = authority.server_context("a.example", age=age)
    async with (
        http_server(answer(200), context=context) as server,
        client_of(make(f"127.0.0.1:{server.port}", **settings)) as client,
    ):
        with pytest.raises(EgressCertificateRefused, match="expired" if trusted else "certificate"):
            await client.request(HttpRequest(url=f"https://a.example:{server.port}/"))
        assert server.requests == []


async def test_a_caller_may_trust_its_own_authority_only(make, resolver, authority) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(200), context=authority.server_context("a.example")) as server:
        bench = make(f"127.0.0.1:{server.port}", ca_file=None)
        async with client_of(bench, ca_pem=authority.pem) as client:
            assert (await client.request(HttpRequest(url=f"https://a.example:{server.port}/"))).status == 200
        with pytest.raises(InvalidInputError):
            client_of(bench, ca_pem="nonsense")


async def test_a_server_that_does_not_speak_tls_is_a_clear_error(make, resolver) -> None:
    async def greet(reader, writer) -> None:
        writer.write(b"220 this is not TLS\r\n")
        await writer.drain()

    resolver.set("a.example", ["127.0.0.1"])
    async with listening(greet) as port, client_of(make(f"127.0.0.1:{port}")) as client:
        with pytest.raises(EgressFailed, match="TLS"):
            await client.request(HttpRequest(url=f"https://a.example:{port}/"))


async def test_rebinding_gets_nowhere(make, resolver) -> None:
    """The first answer is good, all later ones lead inside; the inner server never hears a thing."""
    async with http_server(answer(200, b"outer")) as outer:
        inner_at = {"address": "127.0.0.2", "port": outer.port}
        async with http_server(answer(200, b"inner"), **inner_at) as inner:
            resolver.set("a.example", ["127.0.0.1"], ["127.0.0.2"])
            bench = make(f"127.0.0.1:{outer.port}")
            request = HttpRequest(url=f"http://a.example:{outer.port}/")
            async with client_of(bench) as client:
                assert (await client.request(request)).body == b"outer"
            assert resolver.asked == ["a.example"]
            async with client_of(bench) as client:
                with pytest.raises(EgressRefused):
                    await client.request(request)
            assert (len(outer.requests), inner.connections) == (1, 0)


async def test_alternating_answers_are_never_followed_inside(make, resolver) -> None:
    async with (
        http_server(answer(200, b"outer", connection="close")) as outer,
        http_server(answer(200, b"inner"), address="127.0.0.2", port=outer.port) as inner,
    ):
        resolver.set("a.example", *[["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"]] * 5)
        bench = make(f"127.0.0.1:{outer.port}")
        outcomes = []
        for _ in range(12):
            async with client_of(bench) as client:
                try:
                    got = await client.request(HttpRequest(url=f"http://a.example:{outer.port}/"))
                    outcomes.append(got.body)
                except EgressRefused:
                    outcomes.append(b"refused")
        assert outcomes == [b"outer", b"refused", b"refused"] * 4
        assert inner.connections == 0


METADATA = ["http://169.254.169.254/latest/", "http://[fd00:ec2::254]/", "http://[::ffff:a9fe:a9fe]/"]
METADATA += [
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://metadata.example/",
    "http://168.63.129.16/",
    "http://2852039166/",
]


@pytest.mark.parametrize(
    "location", [*METADATA, "http://10.0.0.1/", "http://localhost/", "http://127.0.0.2/"]
)
async def test_a_redirect_inside_is_refused(make, resolver, location: str) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    resolver.set("metadata.example", ["169.254.169.254"])
    resolver.set("localhost", ["127.0.0.1"])
    async with http_server(answer(302, location=location)) as server:
        bench = make(f"127.0.0.1:{server.port}", f"metadata.example:{server.port}", "metadata.example")
        async with client_of(bench) as client:
            with pytest.raises(EgressRefused):
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
        assert len(server.requests) == 1


async def test_redirects_lose_credentials_and_end_after_three(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    resolver.set("b.example", ["127.0.0.1"])

    async def onward(request, writer) -> None:
        number = int(request.target[1:])
        await answer(302, location=f"http://b.example:{server.port}/{number + 1}")(request, writer)

    async with http_server(onward) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with client_of(bench) as client:
            secret = {"Authorization": "Bearer x", "X-Api-Key": "k"}
            with pytest.raises(EgressRefused, match="3 times"):
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/0", headers=secret))
        assert [request.target for request in server.requests] == ["/0", "/1", "/2", "/3"]
        assert server.requests[0].headers["authorization"] == "Bearer x"
        for request in server.requests[1:]:
            assert not {"authorization", "x-api-key"} & set(request.headers)
            assert request.headers["host"] == f"b.example:{server.port}"


async def test_without_redirects_the_redirect_is_the_answer(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(302, location="http://169.254.169.254/")) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with client_of(bench, limits=EgressLimits(redirects=0)) as client:
            assert (await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))).status == 302


async def endless(request, writer) -> None:
    writer.write(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        await writer.drain()


def bomb(times: int, coding: str):
    body = b"0" * 5_000_000
    for _ in range(times):
        body = gzip.compress(body)
    return answer(200, body, content_encoding=coding)


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (answer(200, b"x" * 100_001), EgressTooLarge),
        (endless, EgressTooLarge),
        (bomb(1, "gzip"), EgressTooLarge),
        (bomb(2, "gzip, gzip"), EgressFailed),
        (answer(200, b"x", content_encoding="br"), EgressFailed),
        (answer(200, b"not gzip", content_encoding="gzip"), EgressFailed),
    ],
)
async def test_large_answers_are_cut_off(make, resolver, handler, error) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(handler) as server, client_of(make(f"127.0.0.1:{server.port}")) as client:
        with pytest.raises(error):
            await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))


async def test_a_small_gzip_that_was_not_asked_for_is_read(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(200, gzip.compress(b"hello"), content_encoding="gzip")) as server:
        async with client_of(make(f"127.0.0.1:{server.port}")) as client:
            assert (
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
            ).body == b"hello"
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def trickled_head(request, writer) -> None:
    writer.write(b"HTTP/1.1 200 X\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def trickled_body(request, writer) -> None:
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 99999\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(request, writer) -> None:
    await asyncio.sleep(60)


async def trickled_redirects(request, writer) -> None:
    await asyncio.sleep(0.15)
    await answer(302, location="/")(request, writer)


@pytest.mark.parametrize("handler", [trickled_head, trickled_body, silence, trickled_redirects])
async def test_slow_answers_end_with_the_total_time(make, resolver, handler) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(handler) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with client_of(bench, limits=EgressLimits(total_seconds=0.4)) as client:
            started = time.monotonic()
            with pytest.raises(EgressTimedOut):
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
            assert time.monotonic() - started < 2 * patience()
        assert bench.calls("http", "timed-out") == 1


async def test_a_handshake_that_never_ends_times_out(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(silence) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with client_of(bench, limits=EgressLimits(connect_seconds=0.2)) as client:
            with pytest.raises(EgressTimedOut):
                await client.request(HttpRequest(url=f"https://a.example:{server.port}/"))


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\nab", b"HTTP/1.1 9\r\n\r\n"]
)
async def test_broken_answers_are_clear_errors(make, resolver, raw: bytes) -> None:
    async def broken(request, writer) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(broken) as server, client_of(make(f"127.0.0.1:{server.port}")) as client:
        with pytest.raises(EgressFailed) as caught:
            await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
        assert "nonsense" not in str(caught.value)


async def test_cookies_and_environment_are_not_used(make, resolver, monkeypatch, tmp_path) -> None:
    (tmp_path / "netrc").write_text("machine a.example login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.2:9")
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(200, set_cookie="session=1")) as server:
        async with client_of(make(f"127.0.0.1:{server.port}")) as client:
            for _ in range(2):
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
        assert len(server.requests) == 2
        for request in server.requests:
            assert not {"cookie", "authorization", "proxy-authorization"} & set(request.headers)


async def test_one_client_reuses_its_connection_and_two_clients_never_share(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(200)) as server:
        bench = make(f"127.0.0.1:{server.port}")
        request = HttpRequest(url=f"http://a.example:{server.port}/")
        one = bench.egress.http(Caller("test", uuid4()))
        two = bench.egress.http(Caller("test", uuid4()))
        async with one, two:
            await one.request(request)
            await one.request(request)
            assert server.connections == 1
            await two.request(request)
            assert server.connections == 2


async def test_many_calls_at_once_are_bounded(make, resolver) -> None:
    async def slow(request, writer) -> None:
        await asyncio.sleep(0.05)
        await answer(200)(request, writer)

    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(slow) as server:
        async with client_of(make(f"127.0.0.1:{server.port}")) as client:
            request = HttpRequest(url=f"http://a.example:{server.port}/")
            answers = await asyncio.gather(*(client.request(request) for _ in range(30)))
        assert [each.status for each in answers] == [200] * 30
        assert server.connections <= MAX_CONNECTIONS


async def test_a_stream_is_read_as_it_comes(make, resolver) -> None:
    async def events(request, writer) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await writer.drain()
        await asyncio.sleep(60)

    resolver.set("a.example", ["127.0.0.1"])
    async with (
        http_server(events) as server,
        client_of(make(f"127.0.0.1:{server.port}")) as client,
        client.stream(HttpRequest(url=f"http://a.example:{server.port}/")) as stream,
    ):
        assert stream.status == 200
        assert await anext(stream.chunks()) == b"one"


async def test_without_plain_only_what_is_allowed_is_written_to_before_tls(
    make, resolver, authority, monkeypatch
) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    context = authority.server_context("a.example")
    async with (
        http_server(answer(200, b"ok")) as open_server,
        http_server(answer(200, b"ok"), context=context) as server,
    ):
        bench = make(f"127.0.0.1:{open_server.port}", f"127.0.0.1:{server.port}")
        plain, tls = (HttpRequest(url=f"{scheme}://a.example:{each.port}/") for scheme, each in
                      (("http", open_server), ("https", server)))  # fmt: skip
        async with client_of(bench, plain=False) as client:
            assert (await client.request(plain)).status == 200
        vet = bench.egress._vetter.vet

        async def as_if_public(*given):
            return msgspec.structs.replace(await vet(*given), ruled=False)

        monkeypatch.setattr(bench.egress._vetter, "vet", as_if_public)
        async with client_of(bench, plain=False) as client:
            with pytest.raises(EgressRefused, match="https only"):
                await client.request(plain)
            assert (await client.request(tls)).status == 200
        async with client_of(bench) as client:
            assert (await client.request(plain)).status == 200
        assert len(open_server.requests) == 2
