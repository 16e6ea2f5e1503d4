"""Security headers on every answer, whoever made it."""

from collections.abc import Iterable
from typing import Final

from vectorflow.platform.http.asgi import ASGIApp, Message, Receive, Scope, Send
from vectorflow.platform.http.context import RequestContext, request_context

# `style-src-attr` alone is open: positions on the canvas are style attributes, and cannot load anything.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "style-src-elem 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_COMMON: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        b"microphone=(), midi=(), payment=(), usb=()",
    ),
)
# What a program gets that is no browser: nothing may be shown, embedded, guessed at or kept.
PROGRAM_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", _DATA_POLICY.encode()),
    (b"cache-control", b"no-store"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


class SecurityHeadersMiddleware:
    """Adds the headers; what a handler set itself under the same name is replaced."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and complete the head of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = request_context(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = security_headers(context, _content_type(message["headers"]))
                names = {name for name, _ in ours}
                kept = [pair for pair in message["headers"] if pair[0].lower() not in names]
                if scope["path"].startswith("/api/") and not any(
                    pair[0].lower() == b"cache-control" for pair in kept
                ):
                    kept.append((b"cache-control", b"no-store"))
                message["headers"] = [*kept, *ours]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def security_headers(context: RequestContext, content_type: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers for an answer of this content type: pages get the nonce, data nothing at all."""
    policy = (
        _PAGE_POLICY.format(nonce=context.nonce) if content_type.startswith(b"text/html") else _DATA_POLICY
    )
    headers = [
        *_COMMON,
        (b"content-security-policy", policy.encode()),
        (b"x-request-id", context.id.encode()),
    ]
    if context.secure:
        headers.append(_HSTS)
    return headers


def _content_type(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name.lower() == b"content-type":
            return bytes(value)
    return b""
