"""The doctor tells apart what can be wrong, with the agent stopped, a broken folder and no network."""

import asyncio
import contextlib
import datetime
import email.utils
import ipaddress
import json
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vectorflow_agent.doctor import network
from vectorflow_agent.doctor.catalogue import KINDS, finding
from vectorflow_agent.doctor.command import diagnose
from vectorflow_agent.doctor.types import Severity
from vectorflow_agent.settings import Settings

NOWHERE = "http://127.0.0.1:9"
ANSWERS = {
    "ok": [],
    "401": ["gateway.unauthorized"],
    "403": ["gateway.forbidden"],
    "404": ["gateway.other"],
    "302": ["gateway.other"],
    "429": ["gateway.unavailable"],
    "503": ["gateway.unavailable"],
}


def settings(tmp_path, url=NOWHERE, **given):
    # No engine: asking one for its version takes longer than all else.
    return Settings(
        url=url,
        state_dir=str(tmp_path / "state"),
        runtime_dir=str(tmp_path),
        key_protection="off",
        engine="vector",
        vector_bin="/nowhere/vector",
        **given,
    )


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # Bound but not listening: nobody else gets it, and it refuses.
        yield probe.getsockname()[1]


async def found(given):
    diagnosis = await asyncio.to_thread(diagnose, given)
    assert "doctor.failed" not in {each.id for each in diagnosis.findings}, diagnosis.findings
    return {each.id: each.detail for each in diagnosis.findings}


async def test_json_says_the_same_and_errors_end_with_1(agent):
    done = await agent.called("doctor", "--format", "json", VECTORFLOW_URL=NOWHERE)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["healthy"] is False
    assert {"gateway.tcp", "settings.not-enrolled"} <= {each["id"] for each in said["findings"]}
    assert all(each["means"] and each["do"] for each in said["findings"])
    assert not agent.state.exists()


async def test_settings_that_cannot_be_read_hide_nothing_else(agent):
    agent.state.mkdir(mode=0o755)
    agent.state.chmod(0o755)
    done = await agent.called("doctor", "--format", "json", VECTORFLOW_ENGINE="steam")
    said = {each["id"]: each["detail"] for each in json.loads(done.stdout)["findings"]}
    assert "VECTORFLOW_ENGINE" in said["settings.invalid"]
    assert "state.loose" in said


@pytest.mark.parametrize("name", ["node.json", "status.json", "desired.json"])
async def test_a_damaged_state_folder_is_told(agent, gateway, eventually, name):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    await eventually(lambda: all((agent.state / each).exists() for each in ("status.json", "desired.json")))
    agent.kill()
    (agent.state / name).write_bytes(b"\x00{ rubbish")
    said = await found(settings(agent.state.parent))
    assert ("bundle.unbelievable" if name == "desired.json" else "state.damaged") in said
    assert "agent.stopped" in said


async def test_what_was_verified_is_told_with_signer_and_times(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish(
        [gateway.pipeline()], issued_at=1_700_000_000_000, expires_at=int(time.time() * 1000) + 9_000
    )
    await eventually(lambda: gateway.told("applied"))
    done = await agent.called("doctor", VECTORFLOW_URL=NOWHERE)
    assert f"generation {gateway.generation}, issue 1, 1 pipelines" in done.stdout
    assert "issued 2023-11-14T22:13:20Z" in done.stdout
    assert "bundle.stale" in done.stdout
    assert "engine 1: process" in done.stdout


async def test_what_the_gateway_answers_is_told_apart(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys and (agent.state / "node.json").exists())
    agent.kill()
    given = settings(agent.state.parent, f"http://127.0.0.1:{agent._served.port}")
    for mode, kind in ANSWERS.items():
        gateway.mode = mode
        said = await found(given)
        assert [each for each in said if each.startswith("gateway.")] == kind, mode


async def test_a_name_and_a_port_that_are_not_there(tmp_path, closed_port):
    assert "gateway.dns" in await found(settings(tmp_path, "https://no-such-host.invalid"))
    said = await found(settings(tmp_path, f"http://127.0.0.1:{closed_port}"))
    assert "Connection refused" in said["gateway.tcp"]


async def test_a_proxy_that_is_not_there(tmp_path, closed_port, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    assert "gateway.proxy" in await found(settings(tmp_path, "http://gateway.invalid"))
    monkeypatch.setenv("no_proxy", "gateway.invalid")
    assert "gateway.dns" in await found(settings(tmp_path, "http://gateway.invalid"))


async def test_silence_after_the_connection(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "_STEP_SECONDS", 0.5)
    async with serving(lambda _: asyncio.sleep(30)) as port:
        said = await found(settings(tmp_path, f"http://127.0.0.1:{port}"))
    assert "no answer came in time" in said["gateway.silent"]


@pytest.mark.parametrize("ahead", [-1000, 1000])
async def test_a_clock_that_is_wrong(tmp_path, ahead):
    async def answer(writer):
        date = email.utils.formatdate(time.time() - ahead, usegmt=True)
        writer.write(f"HTTP/1.1 401 No\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n".encode())

    async with serving(answer) as port:
        said = await found(settings(tmp_path, f"http://127.0.0.1:{port}"))
    assert ("ahead" if ahead > 0 else "behind") in said["clock.skew"]


@pytest.mark.parametrize(
    ("name", "days", "trusted", "kind"),
    [
        ("127.0.0.1", 10, True, None),
        ("127.0.0.1", 10, False, "gateway.tls-untrusted"),
        ("127.0.0.2", 10, True, "gateway.tls-name"),
        ("127.0.0.1", -10, True, "gateway.tls-expired"),
    ],
)
async def test_certificates_are_told_apart(tmp_path, name, days, trusted, kind):
    certificate(tmp_path / "own.pem", name, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")

    async def answer(writer):
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n")

    async with serving(answer, ssl=context) as port:
        given = settings(
            tmp_path,
            f"https://127.0.0.1:{port}",
            ca_file=str(tmp_path / "own.pem") if trusted else "",
        )
        said = await found(given)
    assert [each for each in said if each.startswith("gateway.")] == ([kind] if kind else [])


async def test_a_port_that_speaks_no_tls(tmp_path, served):
    assert "gateway.tls" in await found(settings(tmp_path, f"https://127.0.0.1:{served.port}"))


def test_a_look_that_stumbles_hides_no_other(tmp_path, monkeypatch):
    def stumbles(_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(
        "vectorflow_agent.doctor.command._LOOKS", (stumbles, lambda _: [finding("disk.low", "x")])
    )
    assert [each.id for each in diagnose(settings(tmp_path)).findings] == ["doctor.failed", "disk.low"]


def test_every_kind_says_what_to_do():
    severities = {Severity.ERROR, Severity.WARNING, Severity.NOTE}
    for name, kind in KINDS.items():
        assert kind.severity in severities, name
        assert kind.means.endswith("."), name
        assert kind.do.endswith("."), name


@contextlib.asynccontextmanager
async def serving(answer, **how):
    """A server on a free port; every connection it was given is closed at the end."""
    open_ones = []

    async def handle(reader, writer):
        open_ones.append((writer, asyncio.current_task()))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **how)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer, task in open_ones:
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*(task for _, task in open_ones), return_exceptions=True)


def certificate(path, address, days):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
