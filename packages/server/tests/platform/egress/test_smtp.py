"""Mail against a real mail server: TLS by name, no password in the clear, errors without the server's words."""

import asyncio
from contextlib import asynccontextmanager
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from packages.server.tests.platform.egress.servers import listening

from vectorflow.platform.egress.errors import (
    DestinationInvalid,
    EgressCertificateRefused,
    EgressFailed,
    EgressRefused,
    EgressTimedOut,
)
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.smtp import MailSecurity, MailServer

pytestmark = pytest.mark.usefixtures("strict_egress_guard")


class Mailbox:
    """Takes mail; refuses recipients at `refused.example`."""

    def __init__(self) -> None:
        self.mails = []
        self.sign_ins = []
        self.greetings = []

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        self.greetings.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address.endswith("refused.example"):
            return "550 no such <script>person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append((session.ssl is not None, list(envelope.rcpt_tos), envelope.content))
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.sign_ins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def mail_server(context=None, *, implicit=False):
    box = Mailbox()
    made = []

    def protocol():
        made.append(
            SMTP(
                box,
                tls_context=None if implicit else context,
                authenticator=box.authenticate,
                auth_require_tls=not implicit,
                hostname="mail.example",
            )
        )
        return made[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if implicit else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for each in made:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0.01)


def message(text="hello\n") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "News"
    mail["From"] = "vectorflow@a.example"
    mail["To"] = "me@b.example"
    mail.set_content(text)
    return mail


async def send(bench, port, *, to=("me@b.example",), limits=None, sender="vectorflow@a.example", **settings):
    client = bench.egress.smtp(Caller("mail"), limits=limits)
    server = MailServer(host="mail.example", port=port, **settings)
    return await client.send(server, message(), sender=sender, recipients=to)


@pytest.fixture(autouse=True)
def _names(resolver) -> None:
    resolver.set("mail.example", ["127.0.0.1"])


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
async def test_mail_goes_out_encrypted_and_signed_in(make, authority, security) -> None:
    context = authority.server_context("mail.example")
    async with mail_server(context, implicit=security is MailSecurity.TLS) as box:
        bench = make(f"127.0.0.1:{box.port}")
        refused = await send(bench, box.port, security=security, username="me", password="right")
        assert refused == ()
        ((encrypted, recipients, content),) = box.mails
        assert encrypted or security is MailSecurity.TLS
        assert recipients == ["me@b.example"]
        assert b"Subject: News" in content
        assert box.sign_ins == [(b"me", b"right")]
        assert set(box.greetings) == {"localhost"}
        assert bench.calls("smtp", "ok") == 1


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
async def test_a_certificate_for_another_name_gets_no_password(make, authority, security) -> None:
    context = authority.server_context("other.example", "127.0.0.1")
    async with mail_server(context, implicit=security is MailSecurity.TLS) as box:
        bench = make(f"127.0.0.1:{box.port}")
        with pytest.raises(EgressCertificateRefused, match=r"mail\.example"):
            await send(bench, box.port, security=security, username="me", password="right")
        assert (box.mails, box.sign_ins) == ([], [])
        assert bench.calls("smtp", "certificate") == 1


async def test_a_server_without_starttls_gets_nothing(make) -> None:
    async with mail_server() as box:
        with pytest.raises(EgressFailed):
            await send(make(f"127.0.0.1:{box.port}"), box.port, username="me", password="right")
        assert (box.mails, box.sign_ins) == ([], [])


async def test_plain_mail_goes_to_allowed_servers_only_and_without_a_password(make, resolver) -> None:
    async with mail_server() as box:
        bench = make(f"127.0.0.1:{box.port}")
        await send(bench, box.port, security=MailSecurity.PLAIN)
        assert len(box.mails) == 1
        with pytest.raises(EgressRefused, match="password"):
            await send(bench, box.port, security=MailSecurity.PLAIN, username="me", password="right")
    resolver.set("mail.example", ["1.1.1.1"])
    with pytest.raises(EgressRefused, match="unencrypted"):
        await send(make(), 25, security=MailSecurity.PLAIN)


async def test_wrong_password_and_refused_recipients_are_told(make, authority) -> None:
    async with mail_server(authority.server_context("mail.example")) as box:
        bench = make(f"127.0.0.1:{box.port}")
        with pytest.raises(EgressFailed, match="password") as caught:
            await send(bench, box.port, username="me", password="wrong-secret")
        assert "wrong-secret" not in str(caught.value)
        assert await send(bench, box.port, to=("me@b.example", "x@refused.example")) == ("x@refused.example",)
        with pytest.raises(EgressFailed, match="all recipients") as caught:
            await send(bench, box.port, to=("x@refused.example",))
        assert "script" not in str(caught.value)


@pytest.mark.parametrize("address", ["a@b.example\r\nRCPT TO:<c@d.example>", "a@b.example\nDATA"])
async def test_addresses_cannot_add_commands(make, authority, address) -> None:
    async with mail_server(authority.server_context("mail.example")) as box:
        bench = make(f"127.0.0.1:{box.port}")
        with pytest.raises(EgressRefused):
            await send(bench, box.port, to=(address,))
        with pytest.raises(EgressRefused):
            await send(bench, box.port, sender=address)
        assert box.mails == []


async def test_inner_addresses_wrong_ports_and_large_mails_are_refused(make, resolver) -> None:
    resolver.set("mail.example", ["1.1.1.1"], ["10.0.0.1"])
    bench = make()
    with pytest.raises(EgressRefused, match="Port 80"):
        await send(bench, 80)
    resolver.set("mail.example", ["10.0.0.1"])
    with pytest.raises(EgressRefused):
        await send(bench, 587)
    with pytest.raises(EgressRefused, match="larger"):
        await send(bench, 587, limits=EgressLimits(max_request_bytes=10))
    with pytest.raises(DestinationInvalid):
        await bench.egress.smtp(Caller("mail")).send(
            MailServer(host="0x7f.1"), message(), sender="a@b.example", recipients=["c@d.example"]
        )


async def test_a_slow_server_is_given_up(make) -> None:
    async def trickle(reader, writer) -> None:
        while True:
            writer.write(b"220-wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with listening(trickle) as port:
        with pytest.raises(EgressTimedOut):
            await send(make(f"127.0.0.1:{port}"), port, limits=EgressLimits(total_seconds=0.3))


async def test_a_flood_of_greeting_is_cut_off(make) -> None:
    async def flood(reader, writer) -> None:
        while True:
            writer.write(b"220-" + b"x" * 4000 + b"\r\n")
            await writer.drain()

    async with listening(flood) as port:
        with pytest.raises(EgressFailed):
            await send(make(f"127.0.0.1:{port}"), port)


def test_credentials_stay_out_of_texts() -> None:
    assert "secret" not in repr(MailServer(host="a.example", username="u", password="secret"))
