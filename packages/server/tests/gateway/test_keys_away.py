"""The KMS goes down under a running gateway and API: what needs no key goes on, the rest ends clearly, nothing is lost."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
from packages.server.tests.entry.conftest import Client
from packages.server.tests.gateway.conftest import PASSWORD, House, World
from packages.server.tests.keys.conftest import aws_file, egress, kms
from packages.server.tests.keys.standins import KEY_ARN, AwsStandIn

from vectorflow.entry.api import build_api
from vectorflow.entry.services import Services
from vectorflow.fleet.signing import BundleSigner
from vectorflow.identity.service import SignInLimits
from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.aws_kms import AwsKms
from vectorflow.keys.cache import KeyCache
from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.guard import Guarded
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import SigningService
from vectorflow.platform import aws
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.settings import Settings
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.vault.service import VaultService

__all__ = ["aws_file", "egress", "kms"]
LIFETIME_SECONDS = 3.0  # instead of 60


@pytest.fixture
async def moved(house: House, kms: AwsStandIn, egress, aws_file) -> AsyncIterator[House]:
    """The house, with every key behind a KMS that can go away."""
    client = egress.http(Caller("keys.provider"), limits=CALL_LIMITS)
    provider = AwsKms(client, aws.FileIdentity(aws_file), KEY_ARN, endpoint=kms.url)
    ring = KeyRing(Guarded(provider, pause_seconds=0.05, total_seconds=1.0))

    def keys(database) -> KeyService:
        return KeyService(database, ring, cache=KeyCache(lifetime_seconds=LIFETIME_SECONDS))

    app_keys, signer_keys = keys(house.app), keys(house.signer)
    clock = house.services.clock
    services = Services(
        Settings(cookie_secure="never"),
        house.app,
        passwords=house.services.passwords,
        limits=SignInLimits(per_address=1_000_000),
        keys=app_keys,
    )
    bundles = BundleSigner(house.signer, VaultService(signer_keys), SigningService(signer_keys, clock), clock)
    yield msgspec.structs.replace(house, services=services, keys=app_keys, bundles=bundles)
    app_keys.close()
    signer_keys.close()
    await ring.aclose()


async def _world(house: House) -> World:
    slug = f"k{secrets.token_hex(5)}"
    owner = await house.services.identity.account_ensure(f"owner@{slug}.test", "Owner", PASSWORD)
    new = NewOrganization(slug, slug, NewEnvironment("core", "Core"), (NewEnvironment("dev", "Dev"),))
    organization_id = await house.services.tenancy.organization_create(new, owner, SYSTEM)
    async with house.app.transaction(organization_id) as txn:
        environment_id = await txn.value("select id from environments")
    await house.bundles.ensure_keys(organization_id)
    return World(house, slug, organization_id, environment_id)


async def _ready(client: Client) -> tuple[int, str]:
    """What the keys' own check says; the whole state speaks of the database's audit shipping too."""
    answer = await client.get("/api/health/ready")
    checks = answer.json()["checks"]
    assert answer.json()["status"] == ("ok" if set(checks.values()) == {"ok"} else "degraded")
    return answer.status_code, checks["keys"]


async def test_the_kms_goes_down_and_comes_back(moved: House, kms: AwsStandIn) -> None:
    world = await _world(moved)
    agent = (await world.agents(1))[0]
    await agent.poll()
    client = Client(build_api(moved.services))
    assert (await client.sign_in(f"owner@{world.slug}.test", PASSWORD)).status_code == 200
    path = f"/api/v1/orgs/{world.slug}/environments/dev/secrets"

    async def make(name: str) -> httpx2.Response:
        return await client.request("POST", path, json={"name": name, "value": f"value-of-{name}"})

    assert (await make("before")).status_code == 201
    assert await _ready(client) == (200, "ok")
    kms.down = 1_000_000
    assert (await make("cached")).status_code == 201  # the key is held for a while
    async with asyncio.timeout(30):
        while (answer := await make(f"later-{secrets.token_hex(3)}")).status_code == 201:
            await asyncio.sleep(0.2)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:vectorflow:problem:keys.keys-unavailable"
    assert "value-of" not in answer.text
    assert await _ready(client) == (200, "degraded")
    assert (await client.get(path)).status_code == 200  # names and versions need no key
    for _ in range(5):
        assert await agent.poll() is None  # 304: nothing changed, and nothing is asked of the KMS
    kms.down = 0
    async with asyncio.timeout(30):
        while await _ready(client) != (200, "ok"):
            await asyncio.sleep(0.05)
    assert (await make("after")).status_code == 201
    async with moved.signer.transaction(world.organization_id) as txn:
        keys = KeyService(moved.signer, moved.keys.ring)
        names = ["before", "cached", "after"]
        found = await VaultService(keys).secret_values(txn, world.environment_id, names)
        keys.close()
    opened = found.values.values()
    assert {each.name: each.value.decode() for each in opened} == {name: f"value-of-{name}" for name in names}
    async with world.scoped() as txn:
        # Nothing half-made is left of what was refused.
        assert (
            await txn.value(
                """select count(*) from secrets s where not exists (select 1 from secret_versions v
            where v.organization_id = s.organization_id and v.secret_id = s.id)"""
            )
            == 0
        )
    await client.http.aclose()
