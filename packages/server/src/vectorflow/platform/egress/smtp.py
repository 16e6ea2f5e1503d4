"""Mail: messages handed to a mail server at a vetted address, with its certificate checked for its name."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from enum import StrEnum

import aiosmtplib
import msgspec

from vectorflow.platform.egress.destination import Destination, parse_destination
from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.errors import (
    EgressCertificateRefused,
    EgressFailed,
    EgressRefused,
    EgressTimedOut,
)
from vectorflow.platform.egress.http_wire import certificate_reason
from vectorflow.platform.egress.policy import Kind
from vectorflow.platform.egress.vetting import Vetted

_QUIT_SECONDS = 1.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class MailSecurity(StrEnum):
    """How the connection to the mail server is encrypted."""

    TLS = "tls"
    STARTTLS = "starttls"
    PLAIN = "plain"


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server and how to sign in. `PLAIN` is for allow-listed servers, and never with a password."""

    host: str
    port: int = 587
    security: MailSecurity = MailSecurity.STARTTLS
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Leave the credentials out."""
        return f"MailServer({self.host}:{self.port}, {self.security})"


class SmtpClient:
    """Mail for one caller; each message has a connection of its own."""

    def __init__(self, dialer: Dialer, context: ssl.SSLContext) -> None:
        self._dialer = dialer
        self._context = context

    async def send(
        self, server: MailServer, message: EmailMessage, *, sender: str, recipients: Sequence[str]
    ) -> tuple[str, ...]:
        """Hand a message over and return the recipients that the server refused, if it took others.

        Raises the errors of `egress.errors`; `EgressFailed` when the server took none.
        """
        if server.security is MailSecurity.PLAIN and server.username is not None:
            raise EgressRefused(
                "A password is not sent over a connection that is not encrypted; use starttls or tls."
            )
        if any(_CONTROL.search(address) for address in (sender, *recipients)):
            raise EgressRefused("An address holds a control character.")
        if len(message.as_bytes()) > self._dialer.limits.max_request_bytes:
            raise EgressRefused(f"The message is larger than {self._dialer.limits.max_request_bytes} bytes.")
        destination = parse_destination(server.host, server.port)
        async with self._dialer.call(Kind.SMTP, destination):
            vetted = await self._dialer.vet(Kind.SMTP, destination)
            if server.security is MailSecurity.PLAIN and not vetted.ruled:
                raise EgressRefused("Mail goes unencrypted only to servers that the operator allows.")
            return await self._deliver(vetted, server, message, sender, recipients)

    async def _deliver(
        self,
        vetted: Vetted,
        server: MailServer,
        message: EmailMessage,
        sender: str,
        recipients: Sequence[str],
    ) -> tuple[str, ...]:
        opened = await self._dialer.connect(vetted)
        try:
            client = self._client(opened, vetted.destination, server)
        except ValueError:
            opened.close()
            raise EgressRefused("The mail server's settings cannot be used.") from None
        # From here on the socket is the library's: closing it as well would close somebody else's later.
        try:
            await client.connect()
            refused, _ = await client.send_message(message, sender=sender, recipients=recipients)
            # The mail is taken; a server that will not say goodbye does not make it untaken.
            with contextlib.suppress(aiosmtplib.SMTPException):
                await client.quit(timeout=_QUIT_SECONDS)
            return tuple(refused)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _named(vetted.destination, error) from None
        finally:
            transport = client.transport
            client.close()
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    def _client(self, opened: socket.socket, destination: Destination, server: MailServer) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=destination.host,
            sock=opened,
            local_hostname="localhost",  # without it the library would look up and tell the machine's name
            timeout=self._dialer.limits.total_seconds,
            use_tls=server.security is MailSecurity.TLS,
            start_tls=server.security is MailSecurity.STARTTLS,
            tls_context=self._context,
            username=server.username,
            password=server.password,
        )


def _named(destination: Destination, error: Exception) -> Exception:
    """Turn the library's error into ours. The server's own text stays out: it may repeat what was sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return EgressCertificateRefused(certificate_reason(destination.host, cause))
        cause = cause.__cause__
    match error:
        case aiosmtplib.SMTPTimeoutError() | asyncio.TimeoutError():
            return EgressTimedOut(f"{destination.host} did not answer in time.")
        case aiosmtplib.SMTPAuthenticationError():
            return EgressFailed(f"{destination.host} refused the user name or password.")
        case aiosmtplib.SMTPRecipientsRefused():
            return EgressFailed(f"{destination.host} refused all recipients.")
        case aiosmtplib.SMTPResponseException(code=code):
            return EgressFailed(f"{destination.host} answered {code}.")
        case aiosmtplib.SMTPNotSupported():
            return EgressFailed(f"{destination.host} does not offer STARTTLS, or no known way to sign in.")
        case ValueError():
            return EgressRefused("The message or an address in it cannot be sent.")
        case _:
            return EgressFailed(f"{destination.host} could not be reached, or broke off.")
