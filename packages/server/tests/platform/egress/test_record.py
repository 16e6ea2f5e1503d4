"""Every call is counted; those of an organisation are on its record before anything leaves."""

import asyncio
from uuid import uuid4

import msgspec
import pytest
from packages.server.tests.platform.egress.servers import answer, http_server

from vectorflow.platform.egress.destination import Destination
from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.errors import EgressRefused, EgressTimedOut, EgressTooLarge
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.policy import EgressLimits, Kind
from vectorflow.platform.egress.record import Caller, Outcome, outcome_of
from vectorflow.platform.egress.service import Egress

ORGANIZATION = uuid4()
TENANT = Caller("alerts.webhook", ORGANIZATION)


async def test_each_hop_of_a_tenant_is_recorded_without_its_path(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    resolver.set("b.example", ["10.0.0.1"])
    async with http_server(answer(302, location="https://b.example/")) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with bench.egress.http(TENANT) as client:
            with pytest.raises(EgressRefused):
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/SECRET"))
        assert [(each.host, each.port) for each in bench.audit.started] == [
            ("a.example", server.port),
            ("b.example", 443),
        ]
        assert [outcome for _, outcome in bench.audit.finished] == [Outcome.OK, Outcome.REFUSED]
        record = bench.audit.started[0]
        assert (record.organization_id, record.purpose, record.kind) == (
            ORGANIZATION,
            "alerts.webhook",
            Kind.HTTP,
        )
        assert b"SECRET" not in msgspec.json.encode(bench.audit.started)
        assert bench.calls("http", "ok") == 1
        assert bench.calls("http", "refused") == 1


async def test_what_cannot_be_recorded_does_not_leave(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(200)) as server:
        bench = make(f"127.0.0.1:{server.port}")
        bench.audit.broken = True
        async with bench.egress.http(TENANT) as client:
            with pytest.raises(RuntimeError):
                await client.request(HttpRequest(url=f"http://a.example:{server.port}/"))
        assert resolver.asked == []
        assert server.connections == 0


async def test_a_lost_ending_does_not_lose_the_answer(make, resolver) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with http_server(answer(200, b"taken")) as server:
        bench = make(f"127.0.0.1:{server.port}")
        request = HttpRequest(url=f"http://a.example:{server.port}/")
        async with bench.egress.http(TENANT) as client, client.stream(request) as stream:
            bench.audit.broken = True
            assert [chunk async for chunk in stream.chunks()] == [b"taken"]
        assert len(bench.audit.started) == 1
        assert bench.audit.finished == []


async def test_the_platform_s_own_calls_are_counted_only(make, resolver) -> None:
    bench = make()
    assert isinstance(bench.egress, Egress)
    async with bench.egress.http(Caller("keys.kms")) as client:
        with pytest.raises(EgressRefused):
            await client.request(HttpRequest(url="https://unknown.example/"))
    assert bench.audit.started == []
    assert bench.calls("http", "refused") == 1


async def test_labels_are_of_the_program(make, resolver) -> None:
    bench = make()
    async with bench.egress.http(TENANT) as client:
        with pytest.raises(EgressRefused):
            await client.request(HttpRequest(url="https://unknown.example/"))
    for metric in bench.registry.collect():
        for sample in metric.samples:
            assert set(sample.labels) <= {"kind", "outcome", "le"}
            assert "unknown" not in str(sample)
            assert str(ORGANIZATION) not in str(sample)


async def test_a_cancelled_call_is_recorded(make, resolver) -> None:
    resolver.set("a.example", ["1.1.1.1"])
    resolver.delay = 5
    bench = make()
    async with bench.egress.http(TENANT) as client:
        task = asyncio.create_task(client.request(HttpRequest(url="https://a.example/")))
        while not resolver.asked:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [outcome for _, outcome in bench.audit.finished] == [Outcome.CANCELLED]


async def test_the_deadline_is_told_from_a_timeout_inside(make) -> None:
    bench = make()
    dialer = Dialer(
        TENANT, bench.egress._vetter, bench.egress._connector, bench.egress._recorder, EgressLimits()
    )
    place = Destination("a.example", 443)
    with pytest.raises(EgressTimedOut, match=r"a\.example"):
        async with dialer.call(Kind.TLS, place, asyncio.get_running_loop().time() + 0.02):
            await asyncio.sleep(5)
    with pytest.raises(TimeoutError):
        async with dialer.call(Kind.TLS, place):
            raise TimeoutError
    assert bench.calls("tls", "timed-out") == 2


def test_errors_become_outcomes() -> None:
    assert outcome_of(EgressTooLarge()) is Outcome.TOO_LARGE
    assert outcome_of(ValueError()) is Outcome.FAILED
