"""What may be reached: kinds of call and their ports, limits, and the operator's allow-list and proxy."""

import base64
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from vectorflow.platform.egress.addresses import NEVER, Address, Network
from vectorflow.platform.egress.destination import Destination, parse_destination
from vectorflow.platform.egress.errors import DestinationInvalid, EgressPolicyInvalid

MAX_REDIRECTS = 3
_PORT_SUFFIX = re.compile(r"(?P<host>.+?):(?P<port>[0-9]{1,5})")


class Kind(StrEnum):
    """The protocols that leave the server."""

    HTTP = "http"
    SMTP = "smtp"
    TLS = "tls"
    GIT = "git"


DEFAULT_PORTS: Mapping[Kind, frozenset[int]] = {
    Kind.HTTP: frozenset({80, 443}),
    Kind.SMTP: frozenset({25, 465, 587}),
    Kind.TLS: frozenset({443}),
    Kind.GIT: frozenset({443}),
}


class AllowRule(msgspec.Struct, frozen=True):
    """One destination the operator allows although it is not public: a host or a network, and maybe one port.

    Without a port the rule holds for the usual ports of the kind of call. A host that begins with a dot
    stands for all names below it.
    """

    host: str | None = None
    network: Network | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "AllowRule":
        """Read `vault.corp.example`, `.corp.example`, `10.1.0.0/16`, `fd00:1::/64`, each maybe with a port.

        An IPv6 network with a port stands in brackets: `[fd00:1::/64]:8200`. Raises `EgressPolicyInvalid`.
        """
        place, port = _split_port(text.strip())
        network = _network(place)
        if network is None:
            try:
                host = parse_destination(place.removeprefix("."), port or 1).host
            except DestinationInvalid as error:
                raise EgressPolicyInvalid(f"{text!r} cannot be used: {error.detail}") from None
            return cls(host=f".{host}" if place.startswith(".") else host, port=port)
        if any(network.version == each.version and network.subnet_of(each) for each in NEVER):  # type: ignore[arg-type]
            raise EgressPolicyInvalid(
                f"{text!r} cannot be allowed: metadata, link-local and multicast addresses are never reached."
            )
        return cls(network=network, port=port)

    def covers_port(self, port: int, usual: frozenset[int]) -> bool:
        """Tell whether the rule holds for this port; `usual` are those of the kind of call."""
        return port in usual if self.port is None else port == self.port

    def covers(self, host: str, address: Address) -> bool:
        """Tell whether the rule names this host, or a network that holds this address."""
        return self.covers_host(host) if self.network is None else address in self.network

    def covers_host(self, host: str) -> bool:
        """Tell whether the rule names this host."""
        if self.host is not None and self.host.startswith("."):
            return host.endswith(self.host)
        return host == self.host


class EgressLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one call; seconds and bytes. A room may pass its own."""

    resolve_seconds: float = 5.0
    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    max_request_bytes: int = 16 * 2**20
    max_response_bytes: int = 4 * 2**20
    redirects: int = MAX_REDIRECTS

    def __post_init__(self) -> None:
        if not 0 <= self.redirects <= MAX_REDIRECTS:
            message = f"redirects must be between 0 and {MAX_REDIRECTS}"
            raise ValueError(message)


class EgressProxy(msgspec.Struct, frozen=True):
    """A proxy that connections are opened through by CONNECT; `authorization` is the header's value."""

    destination: Destination
    authorization: str | None = None

    @classmethod
    def parse(cls, url: str) -> "EgressProxy":
        """Read `http://user:password@proxy:3128`; raises `EgressPolicyInvalid`, which never repeats the URL."""
        try:
            parts = urlsplit(url)
            if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
                raise ValueError
            destination = parse_destination(parts.hostname, parts.port or 80)
        except (ValueError, DestinationInvalid):
            raise EgressPolicyInvalid("The proxy must be written as http://host:port.") from None
        if parts.username is None:
            return cls(destination)
        user, password = unquote(parts.username), unquote(parts.password or "")
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return cls(destination, f"Basic {credentials}")

    def __repr__(self) -> str:
        """Leave the credentials out."""
        return f"EgressProxy({self.destination})"


class EgressPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings for everything that leaves the server.

    `allow` opens destinations that are not public, `direct` are those not called through `proxy`. In cloud
    mode an allow-list is refused. `ca_file` holds authorities to trust beside the system's.
    """

    cloud: bool = False
    allow: tuple[AllowRule, ...] = ()
    proxy: EgressProxy | None = None
    direct: tuple[AllowRule, ...] = ()
    ca_file: Path | None = None
    limits: EgressLimits = EgressLimits()
    ports: Mapping[Kind, frozenset[int]] = msgspec.field(default_factory=lambda: dict(DEFAULT_PORTS))

    def __post_init__(self) -> None:
        if self.cloud and self.allow:
            raise EgressPolicyInvalid("In cloud mode no destination can be allowed; take the allow-list out.")

    def may_name(self, kind: Kind, destination: Destination) -> bool:
        """Tell whether the allow-list may name a destination; for a name, a network is judged when it is called."""
        literal = destination.address
        rules = [rule for rule in self.allow if rule.covers_port(destination.port, self.ports[kind])]
        if literal is None:
            return any(rule.network is not None or rule.covers_host(destination.host) for rule in rules)
        return any(rule.covers(destination.host, literal) for rule in rules)

    def port_possible(self, kind: Kind, port: int) -> bool:
        """Tell whether any destination of this kind may have this port, before a name is resolved."""
        usual = self.ports[kind]
        return port in usual or any(rule.port == port for rule in self.allow)


def proxy_from_environment(
    environment: Mapping[str, str],
) -> tuple[EgressProxy | None, tuple[AllowRule, ...]]:
    """Read `HTTPS_PROXY` and `NO_PROXY` (hosts and networks, by commas), in capitals or not."""
    url = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    without = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    rules = tuple(AllowRule.parse(each) for each in without.split(",") if each.strip())
    return (EgressProxy.parse(url) if url else None), rules


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        inner, _, rest = text[1:].partition("]")
        text, port = inner, rest.removeprefix(":")
        return text, _port(port) if rest else None
    match = _PORT_SUFFIX.fullmatch(text)
    if match is None or ":" in match["host"]:
        return text, None
    return match["host"], _port(match["port"])


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise EgressPolicyInvalid("A port must be between 1 and 65535.")
    return int(text)


def _network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        if "/" in text:
            raise EgressPolicyInvalid(
                f"{text!r} is not a network; write its first address and the length, such as 10.1.0.0/16."
            ) from None
        return None
