"""The installation's mail server: one sender, every message through egress."""

from collections.abc import Sequence
from email.message import EmailMessage
from uuid import UUID

from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.egress.smtp import MailSecurity, MailServer
from vectorflow.platform.settings import Settings


class Mail:
    """Hands messages over to the mail server of the settings."""

    def __init__(self, egress: Egress, server: MailServer, sender: str) -> None:
        self._egress = egress
        self._server = server
        self.sender = sender
        """The address that messages come from."""

    async def send(self, message: EmailMessage, to: Sequence[str], organization_id: UUID) -> tuple[str, ...]:
        """Hand an organisation's message over; return the recipients that were refused.

        Raises the errors of `egress.errors`.
        """
        client = self._egress.smtp(Caller("mail.send", organization_id))
        return await client.send(self._server, message, sender=self.sender, recipients=to)


def build_mail(settings: Settings, egress: Egress) -> Mail | None:
    """Return the mail of the settings, or None where no server is set. Raises OSError for its password file."""
    if settings.smtp_host is None:
        return None
    password = None
    if settings.smtp_password_file is not None:
        password = settings.smtp_password_file.read_text().strip()
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=MailSecurity(settings.smtp_security),
        username=settings.smtp_username,
        password=password,
    )
    return Mail(egress, server, settings.mail_from or f"vectorflow@{settings.smtp_host}")
