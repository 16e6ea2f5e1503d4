"""Reading what people write as a destination: one strict reading, and the canonical form goes everywhere.

Forms that two parsers could read differently (user names in URLs, numbers as hosts, backslashes, control
characters) are refused, never repaired.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

import idna
import msgspec

from vectorflow.platform.egress.addresses import Address
from vectorflow.platform.egress.errors import DestinationInvalid

MAX_URL = 8192  # characters
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~-._"


class Destination(msgspec.Struct, frozen=True):
    """A host and a port. The host is a canonical name (lower case, IDNA, no dot at the end) or an address."""

    host: str
    port: int

    @property
    def address(self) -> Address | None:
        """The address, when the host is one and needs no resolving."""
        return _address(self.host)

    def __str__(self) -> str:
        return authority(self.host, self.port)


class Target(msgspec.Struct, frozen=True):
    """A URL taken apart: where to connect, whether by TLS, and the path with its query."""

    scheme: str
    destination: Destination
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials belong to."""
        return self.scheme, self.destination.host, self.destination.port

    @property
    def url(self) -> str:
        """The canonical URL. It may hold a secret in its path: do not log it."""
        port = self.destination.port
        host = authority(self.destination.host, None if _DEFAULT_PORTS[self.scheme] == port else port)
        return f"{self.scheme}://{host}{self.path}"

    def __repr__(self) -> str:
        """Leave the path out: many services put the credential there."""
        return f"Target({self.scheme}://{self.destination}/…)"


def authority(host: str, port: int | None) -> str:
    """Write host and port as they stand in a URL or a Host header."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def parse_destination(host: str, port: int) -> Destination:
    """Read a host name or address with a port; raises `DestinationInvalid`."""
    if not 1 <= port <= 65535:
        raise DestinationInvalid("The port must be between 1 and 65535.")
    return Destination(_canonical_host(host), port)


def parse_url(url: str) -> Target:
    """Read an http or https URL; raises `DestinationInvalid`. A fragment is dropped."""
    if len(url) > MAX_URL:
        raise DestinationInvalid(f"The URL is longer than {MAX_URL} characters.")
    if _FORBIDDEN.search(url):
        raise DestinationInvalid("The URL holds a space, a backslash or a control character; encode it.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DestinationInvalid("The URL cannot be read; write it as https://host/path.") from None
    host, port = _host_and_port(parts)
    scheme = parts.scheme.lower()
    destination = parse_destination(host, _DEFAULT_PORTS[scheme] if port is None else port)
    path = quote(parts.path or "/", safe=_URL_SAFE)
    query = f"?{quote(parts.query, safe=_URL_SAFE)}" if parts.query else ""
    return Target(scheme, destination, path + query)


def _host_and_port(parts: SplitResult) -> tuple[str, int | None]:
    if parts.scheme.lower() not in _DEFAULT_PORTS:
        raise DestinationInvalid("Only http and https URLs can be called.")
    if "@" in parts.netloc:
        raise DestinationInvalid("The URL must not hold a user name or password; give them as credentials.")
    # The library's own reading of host and port passes over what stands between them.
    match = _AUTHORITY.fullmatch(parts.netloc)
    if match is None:
        raise DestinationInvalid("The URL cannot be read; write it as https://host/path.")
    return match["host"], int(match["port"]) if match["port"] else None


def _canonical_host(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        return _canonical_ipv6(bare)
    if bare != text:
        raise DestinationInvalid("Only an IPv6 address stands in square brackets.")
    host = _ascii_host(text).removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # The resolver would read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses; only the plain form is one.
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise DestinationInvalid("Write an IPv4 address as four decimal numbers.") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise DestinationInvalid("The host is not a valid name.")
    return host


def _canonical_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise DestinationInvalid("The host is not a valid IPv6 address.") from None
    if address.scope_id is not None:
        raise DestinationInvalid("An IPv6 address with a zone cannot be called.")
    return str(address)


def _ascii_host(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        raise DestinationInvalid("The host is not a valid international name.") from None


def _address(host: str) -> Address | None:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(host)
        except ValueError:
            continue
    return None
