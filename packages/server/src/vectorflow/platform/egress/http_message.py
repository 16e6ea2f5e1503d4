"""HTTP requests and answers as rooms see them, and how a request goes on after a redirect. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import urljoin

import msgspec

from vectorflow.kernel.errors import InvalidInputError
from vectorflow.platform.egress.destination import Target, parse_url
from vectorflow.platform.egress.errors import DestinationInvalid, EgressRefused

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_METHOD = re.compile(r"[A-Z]{3,10}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Set by the connection; a caller's own value could disagree with what was vetted, or smuggle a second request.
_RESERVED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# All that goes on to another origin. A credential may stand in any header, so the list is of harmless ones.
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
_BODY_HEADERS = frozenset({"content-type", "content-encoding", "content-language"})


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a room wants to send. Headers may hold credentials; they never leave the URL's origin."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        """Leave out everything that may be secret."""
        return f"HttpRequest({self.method})"


class HttpHeaders:
    """Headers of an answer. They come from outside: hostile until checked."""

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.pairs = pairs

    def get(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.pairs if key.lower() == wanted), None)


class HttpAnswer(msgspec.Struct, frozen=True):
    """A whole answer: status, headers, body, and the URL's origin that gave it after redirects."""

    status: int
    headers: HttpHeaders
    body: bytes
    origin: tuple[str, str, int]


class Prepared(msgspec.Struct, frozen=True):
    """A request that has been checked."""

    method: str
    target: Target
    headers: Mapping[str, str]
    body: bytes


def prepare(request: HttpRequest, max_bytes: int) -> Prepared:
    """Check a request; raises `DestinationInvalid` or `InvalidInputError`."""
    target = parse_url(request.url)
    if not _METHOD.fullmatch(request.method) or request.method == "CONNECT":
        raise InvalidInputError("This is not a method that can be sent.")
    if len(request.body) > max_bytes:
        raise InvalidInputError(f"The body is longer than {max_bytes} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInputError("A header's name or value holds characters that cannot be sent.")
        if name in _RESERVED or name.startswith("proxy-"):
            raise InvalidInputError(f"The header {name} is set by the connection; leave it out.")
    return Prepared(request.method, target, headers, request.body)


def following(current: Prepared, status: int, location: str | None) -> Prepared:
    """Return the request that a redirect asks for, or raise `EgressRefused`.

    No step from https to http. Another origin gets harmless headers only, and never the body.
    """
    target = _next_target(current.target, location)
    elsewhere = target.origin != current.target.origin
    if current.target.scheme == "https" and target.scheme == "http":
        raise EgressRefused("The other side redirects from https to http.")
    becomes_get = status == 303 or (status not in _KEEP_METHOD and current.method == "POST")
    method = "GET" if becomes_get and current.method != "HEAD" else current.method
    body = b"" if becomes_get else current.body
    if elsewhere and (body or method not in ("GET", "HEAD")):
        raise EgressRefused("The other side redirects what was sent to another host.")
    headers = dict(current.headers)
    if becomes_get:
        headers = {name: value for name, value in headers.items() if name not in _BODY_HEADERS}
    if elsewhere:
        headers = {name: value for name, value in headers.items() if name in _HARMLESS}
    return Prepared(method, target, headers, body)


def _next_target(current: Target, location: str | None) -> Target:
    if not location:
        raise EgressRefused("The other side redirects without saying where.")
    try:
        return parse_url(urljoin(current.url, location))
    except (DestinationInvalid, ValueError):
        raise EgressRefused("The other side redirects to what cannot be called.") from None
