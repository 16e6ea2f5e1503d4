"""The way to the gateway: a certificate authority of one's own, certificates for nodes, and a proxy between."""

import asyncio
import contextlib
import datetime as dt
import ssl

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .mini_gateway import Served

DAY = dt.timedelta(days=1)


class Authority:
    """A private certificate authority, and files of what it issues."""

    def __init__(self, folder):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of our own")])
        made = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, None), True)
        self.file = self._write("ca.pem", made.sign(self.key, hashes.SHA256()))

    def _builder(self, subject, key):
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return made.not_valid_before(now - DAY).not_valid_after(now + DAY)

    def issue(self, name):
        """Files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key).add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), False
        )
        path = self.folder / f"{name}.key"
        form = serialization.PrivateFormat.PKCS8
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return self._write(f"{name}.pem", made.sign(self.key, hashes.SHA256())), str(path)

    def _write(self, name, certificate):
        (self.folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(self.folder / name)


class Proxy:
    """A proxy that really tunnels, and remembers where to."""

    def __init__(self):
        self.asked, self.tasks = [], set()

    async def up(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def down(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        method, where, _ = head.split(b" ", 2)
        self.asked.append((method, where))
        host, _, port = where.decode().partition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))
        finally:
            for each in (writer, there_writer):
                each.close()
                with contextlib.suppress(OSError):
                    await each.wait_closed()

    async def _pass(self, source, target):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
async def tls(served, authority):
    """The same gateway by TLS, with a certificate of the private authority; asks nodes for one if told to."""
    certificate, key = authority.issue("gateway")
    made = []

    async def serve(*, ask=False):
        server = Served(served.app)
        config = uvicorn.Config(
            served.app,
            port=0,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            ssl_ca_certs=authority.file if ask else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if ask else ssl.CERT_NONE,
        )
        server._server = uvicorn.Server(config)
        server._server.install_signal_handlers = lambda: None
        server._task = asyncio.create_task(server._server._serve())
        while not server._server.started:
            await asyncio.sleep(0.01)
        made.append(server)
        return f"https://localhost:{server._server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server in made:
        await server.down()


async def test_a_private_authority_is_believed_when_it_is_named_and_not_else(
    agent, gateway, eventually, tls, authority
):
    url = await tls()
    agent.start(VECTORFLOW_URL=url)
    await eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in agent.log.read_text(), why=agent.log.read_text)
    assert gateway.enrolments == 0
    agent.kill()
    agent.start(VECTORFLOW_URL=url, VECTORFLOW_CA_FILE=authority.file)
    await eventually(lambda: gateway.heartbeats, why=agent.log.read_text)


async def test_a_node_shows_its_certificate_where_one_is_asked_for(
    agent, gateway, eventually, tls, authority
):
    url = await tls(ask=True)
    agent.start(VECTORFLOW_URL=url, VECTORFLOW_CA_FILE=authority.file)
    await eventually(lambda: "cannot be reached" in agent.log.read_text(), why=agent.log.read_text)
    assert gateway.enrolments == 0
    agent.kill()
    certificate, key = authority.issue("node")
    agent.start(
        VECTORFLOW_URL=url,
        VECTORFLOW_CA_FILE=authority.file,
        VECTORFLOW_CLIENT_CERT=certificate,
        VECTORFLOW_CLIENT_KEY=key,
    )
    await eventually(lambda: gateway.heartbeats, why=agent.log.read_text)


async def test_certificates_that_cannot_be_used_are_said(agent, authority):
    certificate, _ = authority.issue("node")
    _, other = authority.issue("other")
    agent.start(VECTORFLOW_CLIENT_CERT=certificate, VECTORFLOW_CLIENT_KEY=other)
    assert await asyncio.to_thread(agent.process.wait, 30) == 1
    assert "VECTORFLOW_CLIENT_KEY cannot be used" in agent.log.read_text()


async def test_a_proxy_is_used_for_the_gateway_and_engines_are_asked_directly(
    agent, gateway, eventually, tls, authority
):
    url = await tls()
    proxy = Proxy()
    port = await proxy.up()
    try:
        agent.start(
            VECTORFLOW_URL=url, VECTORFLOW_CA_FILE=authority.file, HTTPS_PROXY=f"http://127.0.0.1:{port}"
        )
        await eventually(lambda: gateway.agent_keys, why=agent.log.read_text)
        gateway.publish([gateway.pipeline(rate=5)])
        await eventually(lambda: gateway.status().state == "running", why=agent.log.read_text)
        assert set(proxy.asked) == {(b"CONNECT", url.removeprefix("https://").encode())}
        agent.kill()
    finally:
        await proxy.down()
