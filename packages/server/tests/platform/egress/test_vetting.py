"""The choke point: every address of an answer is judged, and the worst decides."""

from ipaddress import ip_address

import pytest

from vectorflow.platform.egress.destination import parse_destination
from vectorflow.platform.egress.errors import EgressRefused, EgressTimedOut
from vectorflow.platform.egress.policy import AllowRule, EgressLimits, EgressPolicy, Kind
from vectorflow.platform.egress.vetting import Vetter

LIMITS = EgressLimits(resolve_seconds=0.05)


async def vet(resolver, host: str, *allow: str, port: int = 443, kind: Kind = Kind.HTTP):
    policy = EgressPolicy(allow=tuple(map(AllowRule.parse, allow)))
    return await Vetter(policy, resolver).vet(kind, parse_destination(host, port), LIMITS)


async def test_public_addresses_pass_in_order(resolver) -> None:
    resolver.set("a.example", ["2606:4700::1", "1.1.1.1"])
    vetted = await vet(resolver, "a.example")
    assert list(map(str, vetted.addresses)) == ["2606:4700::1", "1.1.1.1"]
    assert not vetted.ruled
    assert resolver.asked == ["a.example"]


@pytest.mark.parametrize(
    "inner",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "64:ff9b::a00:1",
        "::ffff:10.0.0.1",
        "2002:a00:1::",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "192.168.1.1",
        "168.63.129.16",
    ],
)
@pytest.mark.parametrize("position", [0, 1, 99])
async def test_one_inner_address_refuses_the_whole_answer(resolver, inner: str, position: int) -> None:
    answer = [f"1.1.{number}.1" for number in range(100)]
    answer.insert(position, inner)
    resolver.set("many.example", answer)
    with pytest.raises(EgressRefused):
        await vet(resolver, "many.example")
    answer.remove(inner)
    assert len((await vet(resolver, "many.example")).addresses) == 100


async def test_literals_are_not_resolved(resolver) -> None:
    assert (await vet(resolver, "1.1.1.1")).addresses == (ip_address("1.1.1.1"),)
    for literal in ("127.0.0.1", "::1", "[::ffff:169.254.169.254]", "10.0.0.1"):
        with pytest.raises(EgressRefused):
            await vet(resolver, literal)
    assert resolver.asked == []


async def test_unknown_and_inner_names_answer_the_same(resolver) -> None:
    resolver.set("inner.example", ["10.0.0.1"])
    resolver.set("empty.example", [])
    texts = []
    for host in ("inner.example", "empty.example", "unknown.example"):
        with pytest.raises(EgressRefused) as caught:
            await vet(resolver, host)
        texts.append(str(caught.value).replace(host, "HOST"))
        assert "10.0.0.1" not in str(caught.value)
    assert len(set(texts)) == 1


@pytest.mark.parametrize(
    ("kind", "port"), [(Kind.HTTP, 22), (Kind.HTTP, 25), (Kind.SMTP, 80), (Kind.GIT, 80)]
)
async def test_a_port_is_refused_before_the_name_is_asked(resolver, kind: Kind, port: int) -> None:
    resolver.set("a.example", ["1.1.1.1"])
    with pytest.raises(EgressRefused, match="Port"):
        await vet(resolver, "a.example", port=port, kind=kind)
    assert resolver.asked == []


async def test_a_slow_resolver_times_out(resolver) -> None:
    resolver.set("a.example", ["1.1.1.1"])
    resolver.delay = 1
    with pytest.raises(EgressTimedOut):
        await vet(resolver, "a.example")


@pytest.mark.parametrize(
    ("rule", "host", "answer", "port", "passes"),
    [
        ("vault.corp", "vault.corp", "10.0.0.1", 443, True),
        ("vault.corp", "vault.corp", "10.0.0.1", 8200, False),
        ("vault.corp:8200", "vault.corp", "10.0.0.1", 8200, True),
        ("vault.corp:8200", "vault.corp", "10.0.0.1", 443, False),
        ("vault.corp:8200", "other.corp", "10.0.0.1", 8200, False),
        ("vault.corp:8200", "vault.corp", "1.1.1.1", 8200, True),
        ("10.0.0.0/8", "any.corp", "10.9.9.9", 443, True),
        ("10.0.0.0/8", "any.corp", "192.168.0.1", 443, False),
        ("10.0.0.0/8:8200", "any.corp", "10.9.9.9", 8200, True),
        ("10.0.0.0/8:8200", "any.corp", "1.1.1.1", 8200, False),
        ("10.0.0.0/8", "any.corp", "::ffff:10.9.9.9", 443, False),
        ("vault.corp", "vault.corp", "169.254.169.254", 443, False),
        ("vault.corp", "vault.corp", "::ffff:169.254.169.254", 443, False),
        ("vault.corp", "vault.corp", "fd00:ec2::254", 443, False),
        ("100.64.0.0/10", "any.corp", "100.100.100.200", 443, False),
        ("0.0.0.0/0", "any.corp", "169.254.169.254", 443, False),
        ("0.0.0.0/0", "any.corp", "0.0.0.0", 443, False),
        ("::/0", "any.corp", "fd00:ec2::254", 443, False),
        ("64:ff9b::/96", "any.corp", "64:ff9b::808:808", 443, True),
        ("64:ff9b::/96", "any.corp", "64:ff9b::a00:1", 443, False),
        ("64:ff9b::/96", "any.corp", "64:ff9b::a9fe:a9fe", 443, False),
        ("::1", "any.corp", "::1", 443, True),
    ],
)
async def test_allow_rules(resolver, rule: str, host: str, answer: str, port: int, passes: bool) -> None:  # noqa: PLR0917
    resolver.set(host, [answer])
    if passes:
        assert (await vet(resolver, host, rule, port=port)).ruled
    else:
        with pytest.raises(EgressRefused):
            await vet(resolver, host, rule, port=port)


async def test_a_nat64_prefix_and_a_network_together(resolver) -> None:
    resolver.set("a.corp", ["64:ff9b::a00:1"])
    assert (await vet(resolver, "a.corp", "64:ff9b::/96", "10.0.0.0/8")).ruled


async def test_the_proxy_may_be_private_but_no_metadata_service(resolver) -> None:
    resolver.set("proxy.corp", ["10.0.0.1"], ["169.254.169.254"], [])
    vetter = Vetter(EgressPolicy(cloud=True), resolver)
    assert (await vetter.vet_proxy(parse_destination("proxy.corp", 3128), LIMITS)).ruled
    for _ in range(2):
        with pytest.raises(EgressRefused):
            await vetter.vet_proxy(parse_destination("proxy.corp", 3128), LIMITS)
