"""Bring your own key: proof of control, the move under it, and what its revocation does."""

import asyncio
from uuid import UUID

import psycopg
import pytest
from packages.server.tests.keys.conftest import loopback_egress
from packages.server.tests.keys.standins import KEY_ARN, AwsStandIn, VaultStandIn

from vectorflow.entry.key_care import KeyCare
from vectorflow.entry.outbound import OutboundAudit
from vectorflow.entry.sealed_columns import SEALED_COLUMNS
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.keys.aws_kms import AwsKms
from vectorflow.keys.cache import KeyCache
from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.errors import (
    KeysUnavailable,
    OwnKeyBusy,
    OwnKeyInvalid,
    OwnKeyNotFound,
    OwnKeyNotInPlan,
    OwnKeyNotProved,
)
from vectorflow.keys.overview import EncryptionService
from vectorflow.keys.own_keys import NewOwnKey, OwnKeyColumn, OwnKeyService
from vectorflow.keys.own_providers import OwnProviders, challenge, own_name
from vectorflow.keys.platform_keys import PlatformKeyRotation, PlatformKeyService
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell, OwnKey
from vectorflow.keys.vault_transit import VaultTransit, derivation_context
from vectorflow.platform import aws
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.settings import Settings

CELL = Cell("test", "things", "value", new_id(), 1)
TOKEN = "hvs.token"


class House:
    """One organisation, and both processes that matter: the API's and the signer's."""

    def __init__(self, app, signing_database, provider, platform_ring, settings: Settings) -> None:
        self.app, self.egress = app, loopback_egress(OutboundAudit(app))
        self.ring = KeyRing(provider)
        self.platform = PlatformKeyService(platform_ring)
        self.providers = [OwnProviders(settings, self.egress) for _ in range(2)]
        self.own, self.signers_own = (
            OwnKeyService(app, each, self.platform, cloud=False) for each in self.providers
        )
        self.keys = self.new_keys(app, self.own)
        self.rotation = KeyRotation(
            signing_database, self.new_keys(signing_database, self.signers_own), SEALED_COLUMNS
        )

    def new_keys(self, database, own: OwnKeyService) -> KeyService:
        return KeyService(database, self.ring, source=own, cache=KeyCache(lifetime_seconds=0.3))

    async def aclose(self) -> None:
        self.keys.close()
        self.rotation.close()
        for each in (self.own, self.signers_own):
            await each.aclose()
        await self.egress.aclose()

    async def name(self, organization: UUID, new: NewOwnKey) -> OwnKey:
        async with self.app.transaction(organization) as txn:
            return await self.own.name(txn, SYSTEM, new)

    async def read(self, organization: UUID, sealed: bytes) -> bytes:
        async with self.app.transaction(organization) as txn:
            return await self.keys.unseal(txn, CELL, sealed)


@pytest.fixture
async def house(app, signing_database, provider, platform_ring, kms: AwsStandIn, aws_file):  # noqa: PLR0917
    settings = Settings(aws_credentials_file=aws_file, aws_kms_endpoint=kms.url, aws_sts_endpoint=kms.url)
    found = House(app, signing_database, provider, platform_ring, settings)
    yield found
    await found.aclose()


def aws_key(kms: AwsStandIn) -> NewOwnKey:
    return NewOwnKey(kind="aws-kms", place=KEY_ARN, role_arn=kms.role)


async def encrypted(house: House, kms: AwsStandIn, aws_file, organization: UUID, nonce: bytes) -> bytes:
    """What the key's holder does: `aws kms encrypt` with their own credentials."""
    async with house.egress.http(Caller("holder"), limits=CALL_LIMITS) as client:
        holder = AwsKms(client, aws.FileIdentity(aws_file), KEY_ARN, endpoint=kms.url)
        return await holder.encrypt(nonce, challenge(organization))


async def brought(house: House, kms: AwsStandIn, aws_file, organization: UUID) -> OwnKey:
    key = await house.name(organization, aws_key(kms))
    kms.external_id, kms.only_for = key.external_id, str(organization)  # as the holder sets them up
    proof = await encrypted(house, kms, aws_file, organization, key.nonce)
    await house.own.prove(organization, SYSTEM, key.id, proof)
    return key


async def test_a_key_is_proved_and_the_data_keys_move_under_it_and_back(
    house: House, kms, aws_file, new_organization_under
) -> None:
    organization = await new_organization_under(house.keys)
    async with house.app.transaction(organization) as txn:
        sealed = await house.keys.seal(txn, CELL, b"value")
    key = await brought(house, kms, aws_file, organization)
    for _ in range(2):
        await house.rotation.care(organization)
    assert [each.provider for each in await house.rotation.status(organization)] == [own_name(key.id)]
    await asyncio.sleep(0.4)
    kms.calls.clear()
    assert await house.read(organization, sealed) == b"value"
    assert "Decrypt" in kms.calls
    await house.rotation.rotate(organization)  # a new version is wrapped by it as well
    assert {each.provider for each in await house.rotation.status(organization) if not each.destroyed_at} == {
        own_name(key.id)
    }
    await house.own.end(organization, SYSTEM, key.id)
    await house.rotation.care(organization)
    assert house.ring.name in [each.provider for each in await house.rotation.status(organization)]
    async with house.app.transaction(organization) as txn:
        actions = set(
            await txn.value(
                "select array_agg(action) from audit_records where organization_id = %(organization_id)s"
            )
        )
    assert {
        "customer-key.named",
        "customer-key.activated",
        "customer-key.ended",
        "data-key.rewrapped",
        "egress.started",
    } <= actions


async def test_a_revoked_key_makes_the_secrets_unreadable_and_nobody_elses(
    house: House, kms, aws_file, new_organization_under
) -> None:
    organization, other = [await new_organization_under(house.keys) for _ in range(2)]
    sealed = {}
    for each in (organization, other):
        async with house.app.transaction(each) as txn:
            sealed[each] = await house.keys.seal(txn, CELL, b"value")
    key = await brought(house, kms, aws_file, organization)
    await house.rotation.care(organization)
    await asyncio.sleep(0.4)
    assert await house.read(organization, sealed[organization]) == b"value"
    kms.state = "disabled"
    await asyncio.sleep(0.4)  # the cache's lifetime, 60 seconds in a server
    with pytest.raises(KeysUnavailable, match="disabled"):
        await house.read(organization, sealed[organization])
    with pytest.raises(KeysUnavailable):
        async with house.app.transaction(organization) as txn:
            await house.keys.seal(txn, CELL, b"more")
    assert await house.read(other, sealed[other]) == b"value"
    assert house.ring.failure is None  # one organisation's key is not the platform's health
    overview = await EncryptionService(house.app, house.keys, house.own).overview(organization)
    assert "disabled" in (overview.problem or "")
    assert overview.problems[own_name(key.id)] == overview.problem
    kms.refuses.discard("disabled")  # with the refusal off it would be read
    await asyncio.sleep(2.1)  # the pause after a failure
    assert await house.read(organization, sealed[organization]) == b"value"


async def test_another_tenants_key_cannot_be_named(
    house: House, kms, aws_file, new_organization_under
) -> None:
    victim, attacker = [await new_organization_under(house.keys) for _ in range(2)]
    await brought(house, kms, aws_file, victim)
    key = await house.name(attacker, aws_key(kms))
    # Even with a ciphertext that somebody made for them: the role wants the victim's external id.
    kms.refuses.discard("policy")
    proof = await encrypted(house, kms, aws_file, attacker, key.nonce)
    kms.refuses.add("policy")
    with pytest.raises(OwnKeyNotProved, match="external id"):
        await house.own.prove(attacker, SYSTEM, key.id, proof)
    kms.refuses.discard("external-id")  # a careless trust policy: the key's own policy still refuses
    with pytest.raises(OwnKeyNotProved, match="key policy"):
        await house.own.prove(attacker, SYSTEM, key.id, proof)
    kms.only_for = None  # a careless key policy as well: it does not name the organisation
    with pytest.raises(OwnKeyNotProved, match="other organisations"):
        await house.own.prove(attacker, SYSTEM, key.id, proof)
    kms.only_for = str(attacker)  # the key was given over, yet the role believes everybody
    with pytest.raises(OwnKeyNotProved, match="any external id"):
        await house.own.prove(attacker, SYSTEM, key.id, proof)
    kms.refuses.add("external-id")
    kms.external_id = key.external_id  # only now has its holder given it to them
    await house.own.prove(attacker, SYSTEM, key.id, proof)


async def test_the_challenge_must_be_this_one(house: House, kms, aws_file, new_organization_under) -> None:
    organization = await new_organization_under(house.keys)
    key = await house.name(organization, aws_key(kms))
    kms.external_id, kms.only_for = key.external_id, str(organization)
    proof = await encrypted(house, kms, aws_file, organization, b"n" * 32)
    with pytest.raises(OwnKeyNotProved, match="something else"):
        await house.own.prove(organization, SYSTEM, key.id, proof)
    with pytest.raises(OwnKeyNotProved, match="not made with this key"):
        await house.own.prove(organization, SYSTEM, key.id, b"x" * 60)
    with pytest.raises(OwnKeyBusy):
        await house.name(organization, aws_key(kms))
    await house.own.end(organization, SYSTEM, key.id)
    with pytest.raises(OwnKeyNotFound):
        await house.own.prove(organization, SYSTEM, key.id, proof)


async def test_a_vault_key_is_brought_and_its_token_stays_sealed(
    house: House, vault: VaultStandIn, new_organization_under, signing_database, platform_ring
) -> None:
    organization = await new_organization_under(house.keys)
    place = f"{vault.url}/transit/vectorflow"
    key = await house.name(organization, NewOwnKey(kind="vault-transit", place=place, token=TOKEN))
    assert key.credential
    assert TOKEN.encode() not in key.credential

    async def token() -> str:
        return TOKEN

    async with house.egress.http(Caller("holder"), limits=CALL_LIMITS) as client:
        holder = VaultTransit(client, vault.url, "transit", "vectorflow", token)
        proof = await holder.encrypt(key.nonce, context=derivation_context(organization))
    vault.key["derived"] = False
    with pytest.raises(OwnKeyNotProved, match="not derived"):
        await house.own.prove(organization, SYSTEM, key.id, proof)
    vault.key["derived"] = True
    await house.own.prove(organization, SYSTEM, key.id, proof)
    await house.rotation.care(organization)
    async with house.app.transaction(organization) as txn:
        sealed = await house.keys.seal(txn, CELL, b"value")
    await asyncio.sleep(0.4)
    assert await house.read(organization, sealed) == b"value"

    async def everyone() -> list[UUID]:
        return [organization]

    rotation = PlatformKeyRotation(signing_database, PlatformKeyService(platform_ring), [OwnKeyColumn()])
    assert await rotation.rotate(everyone) == 1
    assert await rotation.verify(everyone) == 1
    house.providers[0].drop(key.id)
    await asyncio.sleep(0.4)
    assert await house.read(organization, sealed) == b"value"


async def test_only_the_enterprise_plan_brings_a_key(
    house: House, kms, new_organization_under, database_url
) -> None:
    organization = await new_organization_under(house.keys)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update organizations set plan = 'pro' where id = %s", [organization])
    with pytest.raises(OwnKeyNotInPlan):
        await house.name(organization, aws_key(kms))


@pytest.mark.parametrize(
    ("field", "new"),
    [
        ("place", NewOwnKey(kind="aws-kms", place="alias/mine", role_arn="arn:aws:iam::111122223333:role/a")),
        ("role_arn", NewOwnKey(kind="aws-kms", place=KEY_ARN)),
        (
            "token",
            NewOwnKey(
                kind="aws-kms", place=KEY_ARN, role_arn="arn:aws:iam::111122223333:role/a", token=TOKEN
            ),
        ),
        ("place", NewOwnKey(kind="vault-transit", place="https://u:p@vault/transit/key", token=TOKEN)),
        ("token", NewOwnKey(kind="vault-transit", place="https://vault/transit/key")),
        ("token", NewOwnKey(kind="vault-transit", place="https://vault/transit/key", token="a\nb: c" * 9)),
    ],
)
async def test_a_key_that_is_written_wrongly(house: House, new_organization_under, field, new) -> None:
    organization = await new_organization_under(house.keys)
    with pytest.raises(OwnKeyInvalid) as caught:
        await house.name(organization, new)
    assert [each.field for each in caught.value.errors] == [field]


async def test_the_care_does_what_is_asked_for(house: House, new_organization_under) -> None:
    organization = await new_organization_under(house.keys)
    encryption = EncryptionService(house.app, house.keys, house.own)
    async with house.app.transaction(organization) as txn:
        await encryption.ask_for_rotation(txn, SYSTEM)
    care = KeyCare(house.rotation, _NoPlatform(), bus=None)  # type: ignore[arg-type]
    await care._care(organization)
    overview = await encryption.overview(organization)
    assert overview.rotation is not None
    assert overview.rotation.done_at is not None
    assert [key.version for key in overview.keys] == [2, 1]
    await care._care(organization)
    assert len((await encryption.overview(organization)).keys) == 2


class _NoPlatform:
    async def due(self) -> bool:
        return False
