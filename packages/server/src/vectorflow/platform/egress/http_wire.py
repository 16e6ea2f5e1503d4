"""The HTTP library on our own sockets: its connections are opened, and its errors named, here."""

import select
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import anyio
import httpcore2
import httpx2
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from vectorflow.platform.egress.destination import parse_destination
from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.errors import (
    EgressCertificateRefused,
    EgressFailed,
    EgressRefused,
    EgressTimedOut,
)
from vectorflow.platform.egress.policy import Kind

MAX_CONNECTIONS = 10
KEEP_ALIVE_SECONDS = 15.0
_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError, ssl.SSLError)


class PinnedStream(httpcore2.AsyncNetworkStream):
    """One connection to a vetted address, plain or by TLS. One that is not `writable` waits for TLS."""

    def __init__(self, stream: ByteStream, host: str, *, writable: bool = True) -> None:
        self._stream = stream
        self._host = host
        self._writable = writable

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return what has come; nothing when the other side is done."""
        try:
            with _within(timeout, self._host):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except _BROKEN:
            raise httpcore2.ReadError from None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send all bytes. Raises `EgressRefused` when they would go out unencrypted and may not."""
        if not self._writable:
            raise EgressRefused(
                f"{self._host} is asked over https only; http is for hosts that the operator allows."
            )
        if buffer:
            try:
                with _within(timeout, self._host):
                    await self._stream.send(buffer)
            except _BROKEN:
                raise httpcore2.WriteError from None

    async def aclose(self) -> None:
        """Close the connection."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(1):
            await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> "PinnedStream":
        """Go over to TLS; the certificate is checked for the name, not for the address."""
        try:
            with _within(timeout, self._host):
                wrapped = await TLSStream.wrap(
                    self._stream, ssl_context=ssl_context, hostname=server_hostname, standard_compatible=False
                )
        except BaseException as error:
            await self.aclose()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise EgressCertificateRefused(certificate_reason(self._host, error)) from None
            if isinstance(error, (anyio.EndOfStream, *_BROKEN)):
                raise EgressFailed(f"{self._host} does not speak TLS as it should.") from None
            raise
        return PinnedStream(wrapped, self._host)

    def get_extra_info(self, info: str) -> Any:
        """Return what the library asks about the connection."""
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - no query of Django
        if info == "is_readable":
            return _readable(self._stream.extra(SocketAttribute.raw_socket).fileno())  # noqa: S610
        return None


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Gives the library connections; each is resolved, vetted and opened here, once.

    Without `plain` only what the operator's allow-list names is written to before TLS stands.
    """

    def __init__(self, dialer: Dialer, *, plain: bool = True) -> None:
        self._dialer = dialer
        self._plain = plain

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> PinnedStream:
        """Connect to a vetted address of the host."""
        vetted = await self._dialer.vet(Kind.HTTP, parse_destination(host, port))
        opened = await self._dialer.connect(vetted)
        try:
            stream = await SocketStream.from_socket(opened)
            return PinnedStream(stream, host, writable=self._plain or vetted.ruled)
        except BaseException:
            opened.close()
            raise


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with named_errors():
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        close = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()


class PinnedTransport(httpx2.AsyncBaseTransport):
    """An httpx2 transport whose connections go to vetted addresses. It follows nothing and reads no environment."""

    def __init__(self, dialer: Dialer, context: ssl.SSLContext, *, plain: bool = True) -> None:
        self._connect_seconds = dialer.limits.connect_seconds
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            network_backend=PinnedBackend(dialer, plain=plain),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return the answer, its body still to be read."""
        url = request.url
        wanted = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=cast("AsyncIterable[bytes]", request.stream),
            extensions={"timeout": {"connect": self._connect_seconds}},
        )
        with named_errors():
            answer = await self._pool.handle_async_request(wanted)
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(cast("AsyncIterable[bytes]", answer.stream))
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn the library's errors into ours, without its texts: they repeat what the other side sent."""
    try:
        yield
    except httpcore2.TimeoutException:
        raise EgressTimedOut from None
    except (httpcore2.NetworkError, httpcore2.RemoteProtocolError):
        raise EgressFailed("The other side broke off, or does not speak HTTP as it should.") from None
    except (httpcore2.ProtocolError, httpx2.DecodingError):
        raise EgressFailed("What was sent or came back is not valid HTTP.") from None


def certificate_reason(host: str, error: ssl.SSLCertVerificationError) -> str:
    """Return one sentence on a refused certificate."""
    return f"The certificate of {host} was refused: {error.verify_message or 'not valid'}."


@contextmanager
def _within(seconds: float | None, host: str) -> Iterator[None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise EgressTimedOut(f"{host} did not answer in time.") from None


def _readable(number: int) -> bool:
    """Tell whether bytes, or the end, wait on an idle connection, which then is not used again."""
    if number < 0:
        return True
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))
