"""What is known about a request before any room sees it: its id, where it came from, its CSP nonce."""

import functools
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
import structlog

from vectorflow.kernel.ids import new_id
from vectorflow.platform import reading
from vectorflow.platform.http.asgi import ASGIApp, Receive, Scope, Send

_KEY = "vectorflow.request"


class RequestContext(msgspec.Struct, frozen=True):
    """One request. `address` is the client's, believed only from trusted proxies."""

    id: str
    address: str
    secure: bool
    nonce: str


def request_context(scope: Mapping[str, Any]) -> RequestContext:
    """Return the context of this request; the middleware must have run."""
    return cast("RequestContext", scope[_KEY])


def header(scope: Mapping[str, Any], name: bytes) -> str | None:
    """Return one header's value, or None when it is missing or sent more than once."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


_MOST_ADDRESSES = 32_768


@functools.lru_cache(maxsize=_MOST_ADDRESSES)
def _canonical(address: str) -> str:
    """Return an address as it is written everywhere else. Raises ValueError."""
    return str(ipaddress.ip_address(address))


class ProxyTrust:
    """Decides whose forwarding headers are believed."""

    def __init__(self, proxies: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
        # Each agent calls again and again from its address, and all of them through few proxies.
        self._found = functools.lru_cache(maxsize=_MOST_ADDRESSES)(self._within)

    def trusts(self, address: str) -> bool:
        """Tell whether a peer at this address is one of our proxies."""
        return self._found(address)

    def _within(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client(self, peer: str, forwarded: str | None) -> str:
        """Return the client's address: the rightmost one that no trusted proxy has."""
        address = peer
        hops = [hop.strip() for hop in (forwarded or "").split(",") if hop.strip()]
        while hops and self.trusts(address):
            address = hops.pop()
        try:
            return _canonical(address)
        except ValueError:
            return peer  # what a proxy passed on is no address: better the proxy than a made-up name


class RequestContextMiddleware:
    """Outermost: gives each request its context and binds the id to the logs."""

    def __init__(self, app: ASGIApp, *, proxies: Iterable[str], tls: bool) -> None:
        self._app = app
        self._trust = ProxyTrust(proxies)
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on with its context set."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        peer = client[0] if client else "0.0.0.0"  # noqa: S104 - the unknown address, not a listener
        trusted = self._trust.trusts(peer)
        forwarded_proto = header(scope, b"x-forwarded-proto") if trusted else None
        context = RequestContext(
            id=str(new_id()),
            address=self._trust.client(peer, header(scope, b"x-forwarded-for")),
            secure=self._tls or forwarded_proto == "https" or scope.get("scheme") == "https",
            nonce=secrets.token_urlsafe(18),
        )
        scope[_KEY] = context
        with reading.afresh(), structlog.contextvars.bound_contextvars(request_id=context.id):
            await self._app(scope, receive, send)
