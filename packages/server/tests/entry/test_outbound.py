"""The wiring of egress: the operator's settings make the policy, and an organisation finds its calls in its log."""

import pytest
from packages.server.tests.platform.egress.servers import answer, http_server

from vectorflow.audit.service import AuditService
from vectorflow.audit.types import AuditFilter
from vectorflow.entry.outbound import build_egress, outbound_policy
from vectorflow.platform.egress.errors import EgressPolicyInvalid, EgressRefused
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.record import Caller
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
