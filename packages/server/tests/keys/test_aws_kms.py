"""AWS KMS as a provider, against a stand-in that refuses, and against moto over real HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from packages.server.tests.keys.standins import KEY_ARN, AwsStandIn

from vectorflow.keys.aws_kms import AwsKms
from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.errors import ProviderRefused, ProviderUnreachable, ProviderUnsafe, WrongKey
from vectorflow.keys.types import KeyContext
from vectorflow.platform import aws
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress

CONTEXT = KeyContext(uuid4(), uuid4(), 3)
OTHERS = [
    KeyContext(uuid4(), CONTEXT.key_id, 3),
    KeyContext(CONTEXT.organization_id, uuid4(), 3),
    KeyContext(CONTEXT.organization_id, CONTEXT.key_id, 4),
]
KEY = bytes(range(32))


@pytest.fixture
async def provider(egress: Egress, kms: AwsStandIn, aws_file: Path):
    client = egress.http(Caller("test"), limits=CALL_LIMITS)
    yield AwsKms(client, aws.FileIdentity(aws_file), KEY_ARN, endpoint=kms.url + "/")
    await client.aclose()


async def test_a_key_opens_in_its_context_alone(provider: AwsKms, kms: AwsStandIn) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    assert KEY not in wrapped
    assert await provider.unwrap(wrapped, CONTEXT) == KEY
    for other in OTHERS:
        with pytest.raises(WrongKey):
            await provider.unwrap(wrapped, other)
    kms.refuses.discard("context")  # the same with the refusal off: only now would it open
    loose = await provider.wrap(KEY, CONTEXT)
    assert await provider.unwrap(loose, OTHERS[0]) == KEY


@pytest.mark.parametrize("state", ["disabled", "pending"])
async def test_a_key_that_may_not_be_used(provider: AwsKms, kms: AwsStandIn, state: str) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    kms.state = state
    with pytest.raises(ProviderRefused):
        await provider.unwrap(wrapped, CONTEXT)
    kms.refuses.discard(state)
    assert await provider.unwrap(wrapped, CONTEXT) == KEY


async def test_a_wrong_signature_is_refused(provider: AwsKms, kms: AwsStandIn, aws_file: Path) -> None:
    aws_file.write_text(aws_file.read_text().replace("platform-secret", "another-secret"))
    with pytest.raises(ProviderRefused, match="signature"):
        await provider.wrap(KEY, CONTEXT)
    kms.refuses.discard("signature")
    assert await provider.wrap(KEY, CONTEXT)


async def test_the_proof_accepts_a_policy_that_asks_for_the_context(provider: AwsKms) -> None:
    await provider.prove()


@pytest.mark.parametrize("off", ["policy", "context"])
async def test_the_proof_refuses_what_opens_without_the_context(
    provider: AwsKms, kms: AwsStandIn, off: str
) -> None:
    kms.refuses.discard(off)
    with pytest.raises(ProviderUnsafe):
        await provider.prove()


async def test_the_proof_for_an_organisation_wants_its_name_in_the_policy(
    provider: AwsKms, kms: AwsStandIn
) -> None:
    organization = uuid4()
    kms.only_for = str(organization)
    await provider.prove_for(organization)
    kms.only_for = None  # the policy asks for any organisation: another tenant could name this key
    with pytest.raises(ProviderUnsafe, match=str(organization)):
        await provider.prove_for(organization)
    kms.only_for = str(uuid4())
    with pytest.raises(ProviderRefused):
        await provider.prove_for(organization)


async def test_a_role_needs_its_external_id(egress: Egress, kms: AwsStandIn, aws_file: Path) -> None:
    async with egress.http(Caller("test"), limits=CALL_LIMITS) as client:

        def kms_by(external_id: str) -> AwsKms:
            identity = aws.AssumedRole(
                client,
                aws.FileIdentity(aws_file),
                endpoint=kms.url,
                region="eu-central-1",
                role_arn=kms.role,
                external_id=external_id,
            )
            return AwsKms(client, identity, KEY_ARN, endpoint=kms.url)

        wrapped = await kms_by(kms.external_id).wrap(KEY, CONTEXT)
        with pytest.raises(ProviderRefused, match="external id"):
            await kms_by("another").unwrap(wrapped, CONTEXT)
        kms.refuses.discard("external-id")
        assert await kms_by("another").unwrap(wrapped, CONTEXT) == KEY
        assert kms.calls.count("AssumeRole") == 3  # a session is asked for once


async def test_a_web_identity_takes_on_a_role(egress: Egress, kms: AwsStandIn, tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with egress.http(Caller("test"), limits=CALL_LIMITS) as client:
        identity = aws.WebIdentity(client, kms.url, kms.role, token)
        provider = AwsKms(client, identity, KEY_ARN, endpoint=kms.url)
        with pytest.raises(ProviderRefused, match="cannot be read"):
            await provider.wrap(KEY, CONTEXT)
        token.write_text("a.web.token")
        assert await provider.unwrap(await provider.wrap(KEY, CONTEXT), CONTEXT) == KEY


async def test_a_server_that_is_down_is_unreachable(provider: AwsKms, kms: AwsStandIn) -> None:
    kms.down = 1
    with pytest.raises(ProviderUnreachable):
        await provider.wrap(KEY, CONTEXT)
    assert await provider.wrap(KEY, CONTEXT)


async def test_without_an_identity_nothing_is_sent(egress: Egress, kms: AwsStandIn, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    async with egress.http(Caller("test"), limits=CALL_LIMITS) as client:
        with pytest.raises(ProviderRefused, match="no AWS identity"):
            await AwsKms(client, aws.NoIdentity(), KEY_ARN, endpoint=kms.url).wrap(KEY, CONTEXT)
    assert kms.calls == []


def test_s3_gets_its_own_kind_of_signature() -> None:
    request = HttpRequest(url="https://bucket.s3.eu-central-1.amazonaws.com/a%20key", method="PUT", body=b"x")
    signed = aws.signed(request, aws.AwsCredentials("AKID", "secret"), "s3", "eu-central-1")
    assert signed.headers["X-Amz-Content-SHA256"]
    assert "secret" not in repr(aws.AwsCredentials("AKID", "secret"))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The moto server in a process of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    passed = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=passed,
    )
    try:
        for _ in range(600):
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()


async def test_moto_keeps_keys_to_their_context(egress: Egress, moto: str, aws_file: Path) -> None:
    async with egress.http(Caller("test"), limits=CALL_LIMITS) as client:
        identity = aws.FileIdentity(aws_file)
        made = await aws.call_json(
            client,
            identity,
            endpoint=moto,
            service="kms",
            region="eu-central-1",
            target="TrentService.CreateKey",
            content={},
        )
        provider = AwsKms(client, identity, made["KeyMetadata"]["Arn"], endpoint=moto)
        wrapped = await provider.wrap(KEY, CONTEXT)
        assert await provider.unwrap(wrapped, CONTEXT) == KEY
        for other in OTHERS:
            with pytest.raises(WrongKey):
                await provider.unwrap(wrapped, other)
        with pytest.raises(WrongKey):
            await provider.unwrap(wrapped[:-1], CONTEXT)
        # It has no key policies, so the proof finds that the context is not asked for.
        with pytest.raises(ProviderUnsafe, match="kms:EncryptionContextKeys"):
            await provider.prove()


async def test_moto_lends_a_role(egress: Egress, moto: str, aws_file: Path) -> None:
    async with egress.http(Caller("test"), limits=CALL_LIMITS) as client:
        role = aws.AssumedRole(
            client,
            aws.FileIdentity(aws_file),
            endpoint=moto,
            region="eu-central-1",
            role_arn="arn:aws:iam::123456789012:role/customer",
            external_id="an-external-id",
        )
        found = await role.credentials()
    assert found.token
    assert found.access_key != "AKIDPLATFORM"
