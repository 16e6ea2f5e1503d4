"""Raw TLS: a checked, encrypted stream of bytes to a vetted address."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vectorflow.platform.egress.destination import parse_destination
from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.errors import EgressCertificateRefused, EgressFailed
from vectorflow.platform.egress.http_wire import certificate_reason
from vectorflow.platform.egress.policy import Kind

_BUFFER = 64 * 1024  # bytes the reader holds at most twice over


class TlsClient:
    """TLS connections for one caller."""

    def __init__(self, dialer: Dialer, context: ssl.SSLContext) -> None:
        self._dialer = dialer
        self._context = context

    @asynccontextmanager
    async def open(
        self, host: str, port: int = 443
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect, check the certificate for the name, and give reader and writer for the block.

        The limit of total time covers the block; bytes are bounded by what the block reads.
        """
        destination = parse_destination(host, port)
        async with self._dialer.call(Kind.TLS, destination):
            vetted = await self._dialer.vet(Kind.TLS, destination)
            opened = await self._dialer.connect(vetted)
            try:
                reader, writer = await asyncio.open_connection(
                    sock=opened, ssl=self._context, server_hostname=destination.host, limit=_BUFFER
                )
            except ssl.SSLCertVerificationError as error:
                raise EgressCertificateRefused(certificate_reason(destination.host, error)) from None
            except OSError:
                raise EgressFailed(f"{destination.host} does not speak TLS as it should.") from None
            try:
                yield reader, writer
            except (OSError, asyncio.IncompleteReadError):
                raise EgressFailed(f"{destination.host} broke off.") from None
            finally:
                writer.transport.abort()
