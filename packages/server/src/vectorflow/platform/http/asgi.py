"""ASGI's own types, as plain as the specification; Litestar's are narrower than what passes by here."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from litestar import Request

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AnyRequest: TypeAlias = Request[Any, Any, Any]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer(
    send: Send, status: int, content_type: str, body: bytes, *headers: tuple[bytes, bytes]
) -> None:
    """Send a whole answer."""
    head = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})
