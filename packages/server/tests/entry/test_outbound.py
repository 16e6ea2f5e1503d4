"""The wiring of egress: the operator's settings make the policy, and an organisation finds its calls in its log."""

import pytest
from packages.server.tests.platform.egress.servers import answer, http_server

from vectorflow.audit.service import AuditService
from vectorflow.audit.types import AuditFilter
from vectorflow.entry.outbound import OutboundAudit, build_egress, outbound_policy
from vectorflow.platform.egress.errors import EgressFailed, EgressPolicyInvalid, EgressRefused
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.policy import Kind
from vectorflow.platform.egress.record import Caller, EgressRecord, Outcome
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.settings import Settings


@pytest.fixture
async def outbound(database):
    """Make the process's egress with these inner destinations allowed."""
    made = []

    def make(*allow: str):
        metrics = Metrics()
        made.append(build_egress(Settings(egress_allow=allow), database, metrics))
        return made[-1], metrics

    yield make
    for each in made:
        await each.aclose()


async def test_a_call_for_an_organisation_stands_in_its_log_and_in_nobody_elses(
    outbound, services, world, other
) -> None:
    async with http_server(answer(200, b"yes")) as server:
        egress, metrics = outbound(f"127.0.0.1:{server.port}")
        async with egress.http(Caller("vault.read", world.organization_id)) as client:
            url = f"http://127.0.0.1:{server.port}/v1/a-path-with-a-token"
            await client.request(HttpRequest(url=url, headers={"x-token": "t0p"}))
            with pytest.raises(EgressRefused):
                await client.request(HttpRequest(url="http://10.0.0.1/"))
    audit = AuditService(services.database)
    wanted = AuditFilter(object_type="egress", object_id="vault.read")
    rows = await audit.records(world.organization_id, wanted=wanted)
    assert [(row.action, row.object_id, row.after.get("outcome")) for row in reversed(rows)] == [
        ("egress.started", "vault.read", None),
        ("egress.finished", "vault.read", "ok"),
        ("egress.started", "vault.read", None),
        ("egress.finished", "vault.read", "refused"),
    ]
    assert "a-path" not in str(rows)
    assert "t0p" not in str(rows)
    assert rows[0].actor["kind"] == "system"
    assert await audit.records(other.organization_id, wanted=wanted) == []
    text = metrics.exposition().decode()
    for outcome in ("ok", "refused"):
        assert f'vectorflow_egress_calls_total{{kind="http",outcome="{outcome}"}} 1.0' in text


def calls(rows):
    """The records of calls, oldest first: what happened, how it ended, and what was counted before it."""
    return [
        (
            row.action.removeprefix("egress."),
            row.after.get("outcome"),
            row.after.get("repeated"),
        )
        for row in reversed(rows)
    ]


async def test_what_fails_again_and_again_is_counted_until_it_changes_or_an_hour_is_over(
    services, world, other
) -> None:
    now = [0.0]
    log = OutboundAudit(services.database, monotonic=lambda: now[0])

    async def call(outcome, host="hooks.example.com", of=world) -> None:
        record = EgressRecord(of.organization_id, "alerts.webhook", Kind.HTTP, host, 443)
        await log.egress_started(record)
        await log.egress_finished(record, outcome)

    async def found(of=world):
        wanted = AuditFilter(object_type="egress", object_id="alerts.webhook")
        return calls(await AuditService(services.database).records(of.organization_id, wanted=wanted))

    first = [("started", None, None), ("finished", "failed", None)]
    for _ in range(40):
        await call(Outcome.FAILED)
        now[0] += 60
    assert await found() == first
    # Another place, another organisation, another end: each is a matter of its own.
    await call(Outcome.FAILED, host="other.example.com")
    await call(Outcome.FAILED, of=other)
    assert await found(other) == first
    assert await found() == first * 2
    await call(Outcome.TIMED_OUT)
    assert (await found())[4:] == [("finished", "timed-out", 40)]
    now[0] += 1800
    await call(Outcome.TIMED_OUT)
    now[0] += 1801
    await call(Outcome.TIMED_OUT)
    assert (await found())[5:] == [
        ("started", None, 1),
        ("finished", "timed-out", None),
    ]
    await call(Outcome.TIMED_OUT)
    await call(Outcome.OK)
    # What succeeds is written each time, as ever.
    await call(Outcome.OK)
    assert (await found())[7:] == [
        ("finished", "ok", 2),
        ("started", None, None),
        ("finished", "ok", None),
    ]
    await call(Outcome.REFUSED)
    await call(Outcome.REFUSED)
    await log.egress_closed()
    assert (await found())[10:] == [
        ("started", None, None),
        ("finished", "refused", None),
        ("finished", "refused", 1),
    ]


async def test_a_channel_that_cannot_be_reached_leaves_two_records_not_two_for_each_try(
    outbound, services, world
) -> None:
    egress, metrics = outbound("127.0.0.1:9")
    async with egress.http(Caller("alerts.unreachable", world.organization_id)) as client:
        for _ in range(5):
            with pytest.raises(EgressFailed):
                await client.request(HttpRequest(url="http://127.0.0.1:9/"))
    wanted = AuditFilter(object_type="egress", object_id="alerts.unreachable")
    audit = AuditService(services.database)
    assert len(await audit.records(world.organization_id, wanted=wanted)) == 2
    assert b'kind="http",outcome="failed"} 5.0' in metrics.exposition()
    await egress.aclose()
    assert calls(await audit.records(world.organization_id, wanted=wanted))[2:] == [("finished", "failed", 4)]


async def test_the_platforms_own_call_is_in_the_metric_only(outbound, services, world) -> None:
    before = await AuditService(services.database).records(world.organization_id)
    async with http_server(answer(200)) as server:
        egress, metrics = outbound(f"127.0.0.1:{server.port}")
        async with egress.http(Caller("audit.ship")) as client:
            await client.request(HttpRequest(url=f"http://127.0.0.1:{server.port}/"))
    assert b'outcome="ok"} 1.0' in metrics.exposition()
    assert await AuditService(services.database).records(world.organization_id) == before


async def test_without_a_log_nothing_leaves(outbound, world, bare_database) -> None:
    """`bare_database` was wired without a log, so the record cannot be written."""
    async with http_server(answer(200)) as server:
        allow = (f"127.0.0.1:{server.port}",)
        egress = build_egress(Settings(egress_allow=allow), bare_database, Metrics())
        async with egress.http(Caller("vault.read", world.organization_id)) as client:
            with pytest.raises(RuntimeError, match="without an audit log"):
                await client.request(HttpRequest(url=f"http://127.0.0.1:{server.port}/"))
        await egress.aclose()
        assert server.connections == 0


def test_the_policy_is_the_operators(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@proxy.corp.example:3128")
    monkeypatch.setenv("NO_PROXY", ".corp.example,10.0.0.0/8")
    policy = outbound_policy(Settings(egress_allow=("10.1.0.0/16",), egress_ca_file=tmp_path / "ca"))
    assert (str(policy.allow[0].network), policy.ca_file) == ("10.1.0.0/16", tmp_path / "ca")
    assert str(policy.proxy.destination) == "proxy.corp.example:3128"
    assert [each.host or str(each.network) for each in policy.direct] == [".corp.example", "10.0.0.0/8"]


@pytest.mark.parametrize("never", ["169.254.169.254", "169.254.0.0/16", "fd00:ec2::254", "168.63.129.16/32"])
def test_metadata_is_never_allowed(never) -> None:
    with pytest.raises(EgressPolicyInvalid, match="never"):
        outbound_policy(Settings(egress_allow=(never,)))


def test_in_cloud_mode_nothing_inner_is_allowed() -> None:
    with pytest.raises(EgressPolicyInvalid, match="cloud"):
        outbound_policy(Settings(mode="cloud", egress_allow=("10.1.0.0/16",)))
