"""HTTP(S) calls: every hop is vetted, recorded and bounded in time and size."""

import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self

import httpx2

from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.errors import DestinationInvalid, EgressFailed, EgressRefused, EgressTooLarge
from vectorflow.platform.egress.http_message import (
    REDIRECTS,
    HttpAnswer,
    HttpHeaders,
    HttpRequest,
    Prepared,
    following,
    prepare,
)
from vectorflow.platform.egress.http_wire import PinnedTransport, named_errors
from vectorflow.platform.egress.policy import Kind

_ENCODINGS = (None, "", "identity", "gzip", "deflate")
_DEFAULT_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "VectorFlow"}


class HttpStream:
    """An answer whose body is still to be read, within the block that `HttpClient.stream` opened."""

    def __init__(self, response: httpx2.Response, request: Prepared, max_bytes: int) -> None:
        self._response = response
        self._max_bytes = max_bytes
        self.status = response.status_code
        self.headers = HttpHeaders(tuple(response.headers.multi_items()))
        self.origin = request.target.origin

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, decoded; raises `EgressTooLarge` when it is over the limit."""
        # Several codings on top of each other are a bomb; one was not asked for, but some stores send it.
        if self.headers.get("content-encoding") not in _ENCODINGS:
            raise EgressFailed("The other side sent a coding that was not asked for.")
        size = 0
        with named_errors():
            async for chunk in self._response.aiter_bytes():
                size += len(chunk)
                if size > self._max_bytes:
                    raise EgressTooLarge(f"The answer is larger than {self._max_bytes} bytes.")
                yield chunk


class HttpClient:
    """Calls for one caller. Its connections are its own, so no two organisations ever share one.

    Use it as a context manager, or call `aclose`. It keeps no cookies and reads no environment.
    """

    def __init__(self, dialer: Dialer, context: ssl.SSLContext, *, plain: bool = True) -> None:
        self._dialer = dialer
        self._limits = dialer.limits
        self._transport = PinnedTransport(dialer, context, plain=plain)

    async def request(self, request: HttpRequest) -> HttpAnswer:
        """Send a request and return the whole answer, whatever its status.

        Redirects are followed up to the limit; with `redirects=0` they are answers like others. Raises the
        errors of `egress.errors`.
        """
        async with self.stream(request) as stream:
            body = b"".join([chunk async for chunk in stream.chunks()])
            return HttpAnswer(stream.status, stream.headers, body, stream.origin)

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncIterator[HttpStream]:
        """Send a request and open its answer; the limit of total time covers the block."""
        prepared = prepare(request, self._limits.max_request_bytes)
        moment = self._dialer.deadline()
        for hop in range(self._limits.redirects + 1):
            async with self._hop(prepared, moment) as stream:
                if stream.status not in REDIRECTS or self._limits.redirects == 0:
                    yield stream
                    return
                if hop == self._limits.redirects:
                    raise EgressRefused(f"The other side redirects more than {hop} times.")
                prepared = following(prepared, stream.status, stream.headers.get("location"))

    @asynccontextmanager
    async def _hop(self, prepared: Prepared, moment: float) -> AsyncIterator[HttpStream]:
        destination = prepared.target.destination
        async with self._dialer.call(Kind.HTTP, destination, moment):
            response = await self._transport.handle_async_request(_wire_request(prepared))
            async with aclosing(response):
                yield HttpStream(response, prepared, self._limits.max_response_bytes)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self.aclose()


def _wire_request(prepared: Prepared) -> httpx2.Request:
    headers = {**_DEFAULT_HEADERS, **prepared.headers}
    try:
        request = httpx2.Request(
            prepared.method, prepared.target.url, headers=headers, content=prepared.body or None
        )
    except httpx2.InvalidURL:
        raise DestinationInvalid from None
    # The library reads the URL once more; were it to see another host, the vetted one is not what it calls.
    destination = prepared.target.destination
    if (request.url.raw_host.decode("ascii"), request.url.port or _port(prepared)) != (
        destination.host,
        destination.port,
    ):
        raise DestinationInvalid
    return request


def _port(prepared: Prepared) -> int:
    return 443 if prepared.target.scheme == "https" else 80
