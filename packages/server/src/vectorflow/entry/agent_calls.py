"""One call of an agent: its head, its body within limits of size and time, and how it is refused."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.http.asgi import Receive, Scope, Send, answer
from vectorflow.platform.http.context import ProxyTrust
from vectorflow.platform.http.problems import TooLargeError
from vectorflow_wire.messages import ENROLL_PATH, HEARTBEAT_PATH, MACHINE_PATH, REPORTS_PATH
from vectorflow_wire.renewal import CHALLENGE_PATH, ROTATE_PATH

T = TypeVar("T")

PROBLEM = "application/problem+json"
BODY_SECONDS = 20.0
_MOST_BODY = {
    CHALLENGE_PATH: 16 * 1024,
    ROTATE_PATH: 16 * 1024,
    ENROLL_PATH: 64 * 1024,
    MACHINE_PATH: 64 * 1024,
    HEARTBEAT_PATH: 1024 * 1024,
    REPORTS_PATH: 4 * 1024 * 1024,
}
_ONCE = frozenset({b"host", b"authorization"})


class GatewayBodyTimeout(VectorFlowError, status=408, code="gateway.body-timeout"):
    """The request's body did not arrive in time."""


class ServerUnavailable(VectorFlowError, status=503, code="gateway.unavailable"):
    """The database cannot be reached right now; go on with what you have and try again."""


class Call(msgspec.Struct, frozen=True):
    """One request, with what is needed of its head."""

    path: str
    headers: Mapping[bytes, bytes]
    address: str
    receive: Receive
    send: Send

    def header(self, name: bytes) -> str | None:
        """Return a header's value."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


def call_of(scope: Scope, receive: Receive, send: Send, trust: ProxyTrust) -> Call:
    """Take what is needed of a request's head. Raises `AgentRequestInvalid` for a host or a token that stands twice."""
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]):
        names = [name for name, _ in scope["headers"]]
        if any(names.count(name) > 1 for name in _ONCE):
            raise AgentRequestInvalid("Host and Authorization may be sent once")
    client = scope.get("client")
    peer = client[0] if client else "unknown"
    forwarded = headers.get(b"x-forwarded-for")
    address = trust.client(peer, forwarded.decode("latin-1")) if forwarded else peer
    return Call(scope["path"], headers, address, receive, send)


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode a body. Raises `AgentRequestInvalid`."""
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AgentRequestInvalid(str(error)[:300]) from error


async def body_of(call: Call, most: int = 0) -> bytes:
    """Read the whole body, bounded in size and time. Raises `TooLargeError`, `GatewayBodyTimeout`."""
    most = most or _MOST_BODY[call.path]
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await call.receive()
                if message["type"] == "http.disconnect":
                    raise GatewayBodyTimeout("the connection was closed")
                size += len(message.get("body", b""))
                if size > most:
                    raise TooLargeError(f"This call takes at most {most} bytes.")
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise GatewayBodyTimeout from None


async def refuse(send: Send, error: VectorFlowError) -> None:
    """Answer with a problem, unless an answer has begun."""
    problem = {
        "type": error.problem_type(),
        "title": error.title(),
        "status": error.status,
        "detail": error.detail,
    }
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    with contextlib.suppress(RuntimeError):  # the answer had begun, or the agent has gone
        await answer(send, error.status, PROBLEM, msgspec.json.encode(problem), *headers)
