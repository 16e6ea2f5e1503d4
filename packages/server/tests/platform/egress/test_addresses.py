"""Every special-purpose range of both families, the edges around them, and IPv4 inside IPv6."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow.platform.egress.addresses import NEVER, SPECIAL, Standing, embedded_addresses, standing

PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0"]
PUBLIC += ["198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "11.0.0.0", "128.0.0.0"]
PUBLIC += [
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2400::1",
    "3ffd::1",
]

SPECIAL_ONES = ["10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255"]
SPECIAL_ONES += [
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.0.170",
    "192.0.0.255",
    "192.0.2.1",
]
SPECIAL_ONES += [
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "192.175.48.1",
]
SPECIAL_ONES += [
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.0",
    "255.255.255.254",
]
SPECIAL_ONES += [
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fdff:ffff::1",
    "fec0::1",
    "feff::1",
    "100::1",
    "100:0:0:1::1",
]
SPECIAL_ONES += [
    "2001:db8::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
]
SPECIAL_ONES += [
    "2001:1::1",
    "2001:3::1",
    "2001:4:112::1",
    "2620:4f:8000::1",
    "4000::1",
    "8000::1",
    "e000::1",
]
SPECIAL_ONES += [
    "::ffff:8.8.8.8",
    "::ffff:10.0.0.1",
    "::8.8.8.8",
    "::127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::808:808",
]
SPECIAL_ONES += ["64:ff9b::a00:1", "2002:808:808::1", "2002:a00:1::1", "2002:7f00:1::", "1::1", "64:ff9c::1"]
SPECIAL_ONES += ["2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1", "200::1"]

NEVER_ONES = [
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
]
NEVER_ONES += [
    "169.254.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
]
NEVER_ONES += [
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe90::1",
    "febf::1",
    "fe80::a9fe:a9fe",
    "ff02::1",
    "ff0e::1",
]
NEVER_ONES += ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"]
NEVER_ONES += ["64:ff9b:1::1", "64:ff9b:1:a00:0:100::", "::ffff:169.254.169.254", "::169.254.169.254"]
NEVER_ONES += [
    "::ffff:0:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::100.100.100.200",
    "2002:a9fe:a9fe::1",
]
NEVER_ONES += [
    "64:ff9b::168.63.129.16",
    "2606:4700::5efe:169.254.169.254",
    "::ffff:0.0.0.0",
    "::2",
    "ff02::1%1",
]
NEVER_ONES += [
    "2001:0:a9fe:a9fe::1",
    "2001:0:808:808::5601:5601",
]  # Teredo: as server, and as client, inverted


@pytest.mark.parametrize(
    ("text", "expected"),
    [(text, Standing.PUBLIC) for text in PUBLIC]
    + [(text, Standing.SPECIAL) for text in SPECIAL_ONES]
    + [(text, Standing.NEVER) for text in NEVER_ONES],
)
def test_an_address_stands_where_the_registries_put_it(text: str, expected: Standing) -> None:
    assert standing(ip_address(text)) is expected


def edges():
    for network in (*NEVER, *SPECIAL):
        for number in (int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1):
            if 0 <= number < 2**network.max_prefixlen:
                yield ip_address(number) if network.version == 4 else IPv6Address(number)


@pytest.mark.parametrize("address", sorted(set(edges()), key=lambda each: (each.version, int(each))), ids=str)
def test_no_edge_is_more_open_than_the_standard_library_thinks(address) -> None:
    if standing(address) is Standing.PUBLIC:
        assert address.is_global
        assert not address.is_multicast


@given(st.integers(0, 2**32 - 1))
def test_what_the_library_calls_private_is_never_public_in_ipv4(number: int) -> None:
    address = IPv4Address(number)
    if standing(address) is Standing.PUBLIC:
        assert address.is_global
        library = (address.is_multicast, address.is_reserved, address.is_loopback, address.is_link_local)
        assert not any(library)


@given(st.integers(0, 2**128 - 1) | st.integers(0x2000 << 112, (0x2003 << 112) - 1))
def test_what_the_library_calls_private_is_never_public_in_ipv6(number: int) -> None:
    address = IPv6Address(number)
    if standing(address) is Standing.PUBLIC:
        assert address.is_global
        assert address in ip_network("2000::/3")
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.sampled_from(["::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "::"]), st.integers(2, 2**32 - 1))
def test_ipv4_inside_ipv6_counts_at_least_as_much_as_outside(prefix: str, number: int) -> None:
    inside = IPv6Address(int(IPv6Address(prefix)) | number)
    assert list(embedded_addresses(inside)) == [IPv4Address(number)]
    assert standing(inside) >= max(standing(IPv4Address(number)), Standing.SPECIAL)


@given(st.integers(0, 2**32 - 1))
def test_teredo_and_6to4_are_taken_apart_as_the_library_does(number: int) -> None:
    six = IPv6Address(0x2002 << 112 | number << 80)
    assert list(embedded_addresses(six)) == [six.sixtofour]
    teredo = IPv6Address(0x20010000 << 96 | 0x01020304 << 64 | number)
    assert tuple(embedded_addresses(teredo)) == teredo.teredo
