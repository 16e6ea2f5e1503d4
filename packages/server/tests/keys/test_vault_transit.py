"""Vault Transit as a provider, against a stand-in that refuses."""

from uuid import uuid4

import pytest
from packages.server.tests.keys.standins import VaultStandIn

from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.errors import ProviderRefused, ProviderUnreachable, ProviderUnsafe, WrongKey
from vectorflow.keys.types import KeyContext
from vectorflow.keys.vault_transit import VaultTransit
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress

CONTEXT = KeyContext(uuid4(), uuid4(), 3)
KEY = bytes(range(32))


@pytest.fixture
async def provider(egress: Egress, vault: VaultStandIn):
    async def token() -> str:
        return "hvs.token"

    client = egress.http(Caller("test"), limits=CALL_LIMITS)
    yield VaultTransit(client, vault.url, "transit", "vectorflow", token)
    await client.aclose()


async def test_a_key_opens_in_its_context_alone(provider: VaultTransit, vault: VaultStandIn) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    assert await provider.unwrap(wrapped, CONTEXT) == KEY
    others = {
        "derivation": KeyContext(uuid4(), CONTEXT.key_id, 3),
        "data": KeyContext(CONTEXT.organization_id, uuid4(), 3),
    }
    for refusal, other in others.items():
        with pytest.raises(WrongKey):
            await provider.unwrap(wrapped, other)
        vault.refuses.discard(refusal)
        loose = await provider.wrap(KEY, CONTEXT)
        assert await provider.unwrap(loose, other) == KEY
        vault.refuses.add(refusal)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [("sealed", ProviderUnreachable), ("token", ProviderRefused), ("missing", ProviderRefused)],
)
async def test_what_vault_refuses(
    provider: VaultTransit, vault: VaultStandIn, refusal: str, error: type[Exception]
) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    vault.sealed, vault.missing = refusal == "sealed", refusal == "missing"
    if refusal == "token":
        vault.token = "hvs.another"
    with pytest.raises(error):
        await provider.unwrap(wrapped, CONTEXT)
    vault.refuses.discard(refusal)
    assert await provider.unwrap(wrapped, CONTEXT) == KEY


async def test_the_proof_accepts_a_derived_key(provider: VaultTransit) -> None:
    await provider.prove()


@pytest.mark.parametrize(
    "changed",
    [{"derived": False}, {"exportable": True}, {"allow_plaintext_backup": True}, {"type": "rsa-4096"}],
)
async def test_the_proof_refuses_other_keys(
    provider: VaultTransit, vault: VaultStandIn, changed: dict[str, object]
) -> None:
    vault.key |= changed
    with pytest.raises(ProviderUnsafe):
        await provider.prove()


@pytest.mark.parametrize("off", ["derivation", "data"])
async def test_the_proof_refuses_what_opens_without_the_context(
    provider: VaultTransit, vault: VaultStandIn, off: str
) -> None:
    vault.refuses.discard(off)  # though the key says that it is derived
    with pytest.raises(ProviderUnsafe):
        await provider.prove()


async def test_a_damaged_ciphertext_is_the_wrong_key(provider: VaultTransit) -> None:
    wrapped = await provider.wrap(KEY, CONTEXT)
    for damaged in (wrapped[:-4], b"vault:v1:", b"\xff\xfe", b""):
        with pytest.raises(WrongKey):
            await provider.unwrap(damaged, CONTEXT)
