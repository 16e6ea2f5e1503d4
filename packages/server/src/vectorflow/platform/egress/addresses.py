"""Which addresses are public, by IANA's special-purpose registries for both families, and which never may be reached.

Everything that is not surely public is refused. An IPv6 address that carries an IPv4 one is judged for both.
"""

from collections.abc import Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Standing(IntEnum):
    """How an address stands: reachable, reachable once the operator allows it, or never."""

    PUBLIC = 0
    SPECIAL = 1
    NEVER = 2


# No allow-list opens these: addresses of metadata services, and what is no single host at all.
NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this network"; Linux takes 0.0.0.0 for itself
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the wire server of Azure; public by its number
        "169.254.0.0/16",  # link-local: metadata of nearly every cloud, credentials of containers
        "192.0.0.192/32",  # metadata of Oracle Cloud, classic
        "224.0.0.0/4",  # multicast
        "255.255.255.255/32",  # broadcast
        "::/128",  # unspecified; Linux takes it for itself
        "64:ff9b:1::/48",  # local NAT64: how it embeds is the network's own affair, so it cannot be judged
        "fd00:42::42/128",  # metadata of Scaleway
        "fd00:c1::a9fe:a9fe/128",  # metadata of Oracle Cloud
        "fd00:ec2::/32",  # metadata, DNS, time and credentials of AWS
        "fd20:ce::254/128",  # metadata of Google Cloud
        "fe80::/10",  # link-local
        "ff00::/8",  # multicast
    )
)

# Not public; an operator of a self-hosted installation may allow parts of it.
SPECIAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared address space of carriers (CGNAT)
        "127.0.0.0/8",  # loopback
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "240.0.0.0/4",  # reserved
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID, drone identities
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the 6bone, given back
        "3fff::/20",  # documentation
    )
)

# All of IPv6 that is given out as global unicast. The rest (loopback, mapped, unique local, site-local,
# NAT64, discard, segment routing, reserved) is special without being listed.
_GLOBAL_UNICAST = IPv6Network("2000::/3")

# The last 32 bits of these are an IPv4 address: compatible, mapped, translated, well-known NAT64.
_TAIL_IS_IPV4 = tuple(
    IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_TEREDO = IPv6Network("2001::/32")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_ISATAP_MARKS = (0x0000_5EFE, 0x0200_5EFE)


def embedded_addresses(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address leads to by a transition mechanism."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    tail = IPv4Address(number & 0xFFFF_FFFF)
    if any(address in network for network in _TAIL_IS_IPV4):
        if number > 1:  # ::1 is the loopback address, not 0.0.0.1
            yield tail
    elif address in _SIX_TO_FOUR:
        yield IPv4Address(number >> 80 & 0xFFFF_FFFF)
    elif address in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFF_FFFF)  # the server
        yield IPv4Address(int(tail) ^ 0xFFFF_FFFF)  # the client
    elif number >> 32 & 0xFFFF_FFFF in _ISATAP_MARKS:
        yield tail


def own_standing(address: Address) -> Standing:
    """Judge an address by itself, without what it embeds."""
    if any(address in network for network in NEVER):
        return Standing.NEVER
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GLOBAL_UNICAST):
        return Standing.SPECIAL
    if any(address in network for network in SPECIAL):
        return Standing.SPECIAL
    return Standing.PUBLIC


def standing(address: Address) -> Standing:
    """Judge an address and all that it embeds; the worst counts."""
    return max(map(own_standing, (address, *embedded_addresses(address))))
