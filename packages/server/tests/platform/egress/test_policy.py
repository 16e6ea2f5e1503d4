"""The operator's settings: what can be allowed, what never, and the proxy."""

from ipaddress import ip_address, ip_network

import msgspec
import pytest

from vectorflow.platform.egress.errors import EgressPolicyInvalid
from vectorflow.platform.egress.policy import (
    AllowRule,
    EgressLimits,
    EgressPolicy,
    EgressProxy,
    Kind,
    proxy_from_environment,
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("vault.corp.example", AllowRule(host="vault.corp.example")),
        (" Vault.Corp.Example:8200", AllowRule(host="vault.corp.example", port=8200)),
        (".corp.example:8443", AllowRule(host=".corp.example", port=8443)),
        ("10.1.0.0/16", AllowRule(network=ip_network("10.1.0.0/16"))),
        ("10.1.0.5:8200", AllowRule(network=ip_network("10.1.0.5/32"), port=8200)),
        ("10.1.0.0/16:8200", AllowRule(network=ip_network("10.1.0.0/16"), port=8200)),
        ("fd00:1::/64", AllowRule(network=ip_network("fd00:1::/64"))),
        ("[fd00:1::/64]:8200", AllowRule(network=ip_network("fd00:1::/64"), port=8200)),
        ("[::1]", AllowRule(network=ip_network("::1/128"))),
    ],
)
def test_rules_are_read(text: str, rule: AllowRule) -> None:
    assert AllowRule.parse(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "169.254.0.0/16",
        "169.254.170.2:80",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::/64",
        "fe80::1",
        "224.0.0.0/8",
        "0.0.0.0",
        "10.1.2.3/16",
        "10.0.0.0/33",
        "host:0",
        "host:65536",
        "[::1]x",
        "2130706433",
        "",
        ".",
        "*",
        "a b",
    ],
)
def test_bad_rules_stop_the_start(text: str) -> None:
    with pytest.raises(EgressPolicyInvalid):
        AllowRule.parse(text)


def test_rules_cover_hosts_networks_and_ports() -> None:
    address = ip_address("10.1.0.5")
    assert AllowRule.parse("a.example").covers("a.example", address)
    assert not AllowRule.parse("a.example").covers("b.a.example", address)
    assert AllowRule.parse(".a.example").covers("b.a.example", address)
    assert not AllowRule.parse(".a.example").covers("ba.example", address)
    assert AllowRule.parse("10.1.0.0/16").covers("any.example", address)
    assert not AllowRule.parse("10.1.0.0/16").covers("any.example", ip_address("10.2.0.0"))
    assert not AllowRule.parse("10.1.0.0/16").covers("any.example", ip_address("::ffff:10.1.0.5"))
    usual = frozenset({443})
    assert AllowRule.parse("a.example").covers_port(443, usual)
    assert not AllowRule.parse("a.example").covers_port(8200, usual)
    assert AllowRule.parse("a.example:8200").covers_port(8200, usual)
    assert not AllowRule.parse("a.example:8200").covers_port(443, usual)


def test_cloud_mode_refuses_an_allow_list() -> None:
    assert EgressPolicy(cloud=True).allow == ()
    with pytest.raises(EgressPolicyInvalid, match="cloud"):
        EgressPolicy(cloud=True, allow=(AllowRule.parse("10.0.0.0/8"),))


def test_ports_by_kind() -> None:
    policy = EgressPolicy(allow=(AllowRule.parse("vault.example:8200"),))
    assert [port for port in (22, 25, 80, 443, 465, 587, 8080) if policy.port_possible(Kind.HTTP, port)] == [
        80,
        443,
    ]
    assert [port for port in (22, 25, 80, 443, 465, 587) if policy.port_possible(Kind.SMTP, port)] == [
        25,
        465,
        587,
    ]
    assert [port for port in (22, 80, 443, 9418) if policy.port_possible(Kind.GIT, port)] == [443]
    assert [port for port in (80, 443, 465) if policy.port_possible(Kind.TLS, port)] == [443]
    assert policy.port_possible(Kind.HTTP, 8200)


def test_the_proxy_is_read_and_its_password_hidden() -> None:
    proxy, direct = proxy_from_environment(
        {"https_proxy": "http://me:s%40cret@Proxy.corp:3128/", "NO_PROXY": "10.0.0.0/8, .corp.example,"}
    )
    assert proxy is not None
    assert str(proxy.destination) == "proxy.corp:3128"
    assert proxy.authorization == "Basic bWU6c0BjcmV0"
    assert "bWU6" not in repr(proxy)
    assert [rule.host for rule in direct] == [None, ".corp.example"]
    assert proxy_from_environment({"HTTP_PROXY": "http://other:1"}) == (None, ())


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@p:1",
        "socks5://secret",
        "http://",
        "secret:3128",
        "http://secret:x",
        "http://p/secret",
    ],
)
def test_a_bad_proxy_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(EgressPolicyInvalid) as caught:
        EgressProxy.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("redirects", [-1, 4])
def test_redirects_are_at_most_three(redirects: int) -> None:
    with pytest.raises(ValueError, match="redirects"):
        EgressLimits(redirects=redirects)


def test_the_policy_is_frozen() -> None:
    with pytest.raises(AttributeError):
        EgressPolicy().cloud = True  # type: ignore[misc]
    assert msgspec.structs.replace(EgressPolicy(), cloud=True).cloud
