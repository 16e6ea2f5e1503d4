"""Bringing a key over the real API: named, proved, ended; a wrong proof, and another tenant's key."""

import base64
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from packages.server.tests.entry.conftest import Client, make_world
from packages.server.tests.keys.conftest import aws_file, kms, loopback_egress
from packages.server.tests.keys.standins import KEY_ARN

from vectorflow.entry.api import build_api
from vectorflow.keys.aws_kms import AwsKms
from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.own_keys import OwnKeyService
from vectorflow.keys.own_providers import OwnProviders, challenge
from vectorflow.keys.platform_keys import PlatformKeyService
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.ring import KeyRing
from vectorflow.platform import aws
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.settings import Settings

__all__ = ["aws_file", "kms"]


class Tenant:
    """An organisation and its owner, signed in."""

    def __init__(self, organization_id: UUID, slug: str, client: Client) -> None:
        self.organization_id, self.client = organization_id, client
        self.path = f"/api/v1/orgs/{slug}/encryption"

    async def name(self, kms):
        body = {"kind": "aws-kms", "place": KEY_ARN, "role_arn": kms.role}
        return await self.client.request("POST", f"{self.path}/own-keys", json=body)

    async def prove(self, key, ciphertext: str):
        path = f"{self.path}/own-keys/{key['id']}/proof"
        return await self.client.request("POST", path, json={"ciphertext": ciphertext})

    async def end(self, key):
        return await self.client.request("DELETE", f"{self.path}/own-keys/{key['id']}")

    async def states(self) -> dict[str, str]:
        return {each["id"]: each["state"] for each in (await self.client.get(self.path)).json()["own_keys"]}


@pytest.fixture
async def tenants(new_services, database, state_dir, kms, aws_file) -> AsyncIterator[tuple[Tenant, Tenant]]:
    """Two organisations on a process that reaches the stand-in of AWS."""
    egress = loopback_egress()
    settings = Settings(aws_credentials_file=aws_file, aws_kms_endpoint=kms.url, aws_sts_endpoint=kms.url)
    platform = PlatformKeyService(KeyRing(LocalKeyFile(state_dir)))
    own = OwnKeyService(database, OwnProviders(settings, egress), platform, cloud=False)
    services = new_services(settings, own_keys=own)
    app = build_api(services)
    found = []
    for world in [await make_world(services), await make_world(services)]:
        client = Client(app)
        assert (await client.sign_in(world.email("owner"))).status_code == 200
        found.append(Tenant(world.organization_id, world.slug, client))
    yield found[0], found[1]
    for each in found:
        await each.client.http.aclose()
    await own.aclose()
    await egress.aclose()


async def encrypted(kms, aws_file, tenant: Tenant, nonce: bytes) -> str:
    """What the key's holder does with their own credentials."""
    egress = loopback_egress()
    async with egress.http(Caller("holder"), limits=CALL_LIMITS) as client:
        holder = AwsKms(client, aws.FileIdentity(aws_file), KEY_ARN, endpoint=kms.url)
        proof = await holder.encrypt(nonce, challenge(tenant.organization_id))
    await egress.aclose()
    return base64.b64encode(proof).decode()


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:vectorflow:problem:keys.")


async def test_a_key_is_named_proved_and_ended(tenants, kms, aws_file) -> None:
    tenant, _ = tenants
    named = await tenant.name(kms)
    assert named.status_code == 201, named.text
    key = named.json()
    assert key["state"] == "named"
    assert problem(await tenant.name(kms)) == (409, "own-key-busy")
    kms.external_id, kms.only_for = key["external_id"], str(tenant.organization_id)
    proof = await encrypted(kms, aws_file, tenant, base64.b64decode(key["challenge"]))
    answer = await tenant.prove(key, proof)
    assert answer.status_code == 204, answer.text
    assert await tenant.states() == {key["id"]: "active"}
    assert (await tenant.end(key)).status_code == 204
    assert "active" not in (await tenant.states()).values()
    assert problem(await tenant.prove(key, proof)) == (404, "own-key-not-found")


async def test_a_wrong_proof_leaves_the_key_waiting(tenants, kms, aws_file) -> None:
    tenant, _ = tenants
    key = (await tenant.name(kms)).json()
    kms.external_id, kms.only_for = key["external_id"], str(tenant.organization_id)
    other_nonce = await encrypted(kms, aws_file, tenant, b"n" * 32)
    assert problem(await tenant.prove(key, other_nonce)) == (422, "own-key-not-proved")
    garbage = base64.b64encode(b"x" * 60).decode()
    assert problem(await tenant.prove(key, garbage)) == (422, "own-key-not-proved")
    assert problem(await tenant.prove(key, "not base64!")) == (422, "own-key-invalid")
    assert await tenant.states() == {key["id"]: "named"}


async def test_another_tenants_key_is_neither_used_nor_touched(tenants, kms, aws_file) -> None:
    victim, attacker = tenants
    theirs = (await victim.name(kms)).json()
    kms.external_id, kms.only_for = theirs["external_id"], str(victim.organization_id)
    proof = await encrypted(kms, aws_file, victim, base64.b64decode(theirs["challenge"]))
    assert (await victim.prove(theirs, proof)).status_code == 204
    # By its id it does not exist for them.
    assert problem(await attacker.prove(theirs, proof)) == (404, "own-key-not-found")
    assert problem(await attacker.end(theirs)) == (404, "own-key-not-found")
    # By its ARN they may name it, and cannot prove it.
    mine = (await attacker.name(kms)).json()
    assert problem(await attacker.prove(mine, proof)) == (422, "own-key-not-proved")
    assert await attacker.states() == {mine["id"]: "named"}
    assert await victim.states() == {theirs["id"]: "active"}
    # Nor are the routes of the victim's organisation open to somebody from another.
    assert (await attacker.client.get(victim.path)).status_code == 404
