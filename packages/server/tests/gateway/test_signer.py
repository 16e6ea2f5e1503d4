"""`entry.signer`: the loop that reacts to the bus, sweeps, and lives through trouble."""

import asyncio
import contextlib
import time

import pytest
from packages.server.tests.keys.conftest import SilentAudit
from prometheus_client import CollectorRegistry

from vectorflow.delivery.types import NewRollout
from vectorflow.entry.signer import SignerRole
from vectorflow.fleet import topics
from vectorflow.fleet.signing import BundleSigner
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.clock import SystemClock
from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.guard import Guarded
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import SigningService
from vectorflow.keys.vault_transit import VaultTransit
from vectorflow.platform.egress.policy import DEFAULT_PORTS, AllowRule, EgressPolicy, Kind
from vectorflow.platform.egress.record import Caller, EgressMetrics
from vectorflow.platform.egress.service import Egress
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.vault.outside import OutsideFetcher
from vectorflow.vault.service import VaultService
from vectorflow.vault.stores import NewStore, StoreCredentials, VaultSettings
from vectorflow.vault.types import Outside

POLICY = EgressPolicy(
    allow=(AllowRule.parse("127.0.0.0/8"),),
    ports=dict(DEFAULT_PORTS) | {Kind.HTTP: frozenset(range(1, 65536))},
)


async def until(condition, seconds: float) -> float:
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def has_bundle(agent):
    async def has() -> bool:
        return (await agent.call("GET", "/agent/v1/desired")).status_code == 200

    return has


@pytest.fixture
async def running(house):
    """A signer at work."""
    async for role in working(house, sweep_seconds=1.0):
        yield role


async def working(house, *, sweep_seconds: float, bundles=None):
    role = SignerRole(
        bundles or house.bundles, house.statement_signer, house.bus, sweep_seconds=sweep_seconds
    )
    role.sweeps, sweep = 0, role.sweep

    async def counted() -> None:
        await sweep()
        role.sweeps += 1

    role.sweep = counted
    task = asyncio.create_task(role.run())
    yield role
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_changed_assignment_is_signed_and_told_at_once(world, running, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())
    await until(has_bundle(agent), 60)
    await agent.poll()
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())

    async def has_pipeline() -> bool:
        return await agent.poll() is not None and len(agent.bundle.pipelines) == 1

    await until(has_pipeline, 60)


async def test_keys_of_a_new_organisation_are_made_by_the_sweep(house, running) -> None:
    slug = f"k{time.time_ns():x}"[:20]
    owner = await house.services.identity.account_ensure(
        f"o@{slug}.test", "O", "correct horse battery staple"
    )
    new = NewOrganization(slug, slug, NewEnvironment("core", "Core"), (NewEnvironment("dev", "Dev"),))
    organization_id = await house.services.tenancy.organization_create(new, owner, SYSTEM)

    async def has_keys() -> bool:
        async with house.app.transaction(organization_id) as txn:
            return await txn.value("select 1 from key_lists where organization_id = %(organization_id)s") == 1

    await until(has_keys, 60)


async def test_trouble_of_one_sweep_does_not_end_the_signer(world, running, monkeypatch, make_agent) -> None:
    async def broken() -> list:
        raise OSError("gone")

    monkeypatch.setattr(world.house.bundles, "due_organizations", broken)
    await asyncio.sleep(1.2)
    monkeypatch.undo()
    agent = make_agent("a")
    await agent.enroll(await world.token())
    await until(has_bundle(agent), 60)


async def test_a_key_provider_that_says_nothing_holds_up_nobody(
    world, house, monkeypatch, make_agent
) -> None:
    waiting = asyncio.Event()

    async def silent(organization_id) -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(house.bundles, "ensure_keys", silent)
    async for _ in working(house, sweep_seconds=1.0):
        await asyncio.wait_for(waiting.wait(), 60)
        agent = make_agent("a")
        await agent.enroll(await world.token())
        await until(has_bundle(agent), 20)


async def test_a_node_without_a_bundle_is_asked_to_wait(world, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())
    answer = await agent.call("GET", "/agent/v1/desired")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == "urn:vectorflow:problem:fleet.bundle-pending"


@pytest.fixture
async def reacting(house):
    """A signer that does what it hears of, and sweeps at its start and never again."""
    async for role in working(house, sweep_seconds=3600.0):
        yield role


async def swept(role) -> None:
    """Wait until the signer's first sweep is over and it listens."""

    async def over() -> bool:
        return role.sweeps > 0

    await until(over, 60)


async def test_nodes_that_enrol_together_are_signed_for_together(world, reacting, make_agent) -> None:
    await swept(reacting)
    passes: list[object] = []
    sign = world.house.bundles.sign

    async def counted(organization_id, node_ids=None) -> int:
        if organization_id == world.organization_id:
            passes.append(node_ids)
        return await sign(organization_id, node_ids)

    world.house.bundles.sign = counted
    try:
        token, agents = await world.token(), [make_agent(f"n{number}") for number in range(12)]
        for agent in agents:
            await agent.enroll(token)
        for agent in agents:
            await until(has_bundle(agent), 60)
    finally:
        world.house.bundles.sign = sign
    assert all(passes), "each time some nodes alone were looked at"
    assert {each for taken in passes for each in taken} == {agent.node_id for agent in agents}
    assert len(passes) < len(agents)


async def test_a_hint_that_is_lost_costs_a_sweep(world, house, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())
    await world.bus_settled()  # nobody listened
    async for _ in working(house, sweep_seconds=3600.0):
        await until(has_bundle(agent), 60)


async def test_a_hint_with_nodes_of_another_organisation_does_nothing(
    world, new_world, reacting, make_agent
) -> None:
    await swept(reacting)
    other = await new_world()
    agent = make_agent("a")
    await agent.enroll(await world.token())
    await until(has_bundle(agent), 60)
    async with world.scoped() as txn:
        await txn.execute(
            "update nodes set wanted = wanted + 1 where organization_id = %(organization_id)s and id = %(id)s",
            {"id": agent.node_id},
        )
    assert await world.house.bundles.sign(other.organization_id, [agent.node_id]) == 0
    async with other.scoped() as txn:
        await txn.notify(topics.ASSIGNMENTS, {"nodes": [str(agent.node_id), "no id", 7, None]})
        await txn.notify(topics.ASSIGNMENTS, {"nodes": "no list"})
    await other.bus_settled()
    assert await world.house.bundles.sign(world.organization_id, [agent.node_id]) == 1, "it waited still"


@contextlib.asynccontextmanager
async def silent_server():
    """A server that takes connections and says nothing: its address, and how many it took."""
    taken: list[asyncio.StreamWriter] = []

    async def say_nothing(_reader, writer) -> None:
        taken.append(writer)

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", taken
    finally:
        for writer in taken:
            writer.close()
        server.close()


def asking_bundles(house, egress) -> BundleSigner:
    """The signer of bundles as processes wire it: one that asks outside stores."""
    keys = KeyService(house.signer, house.provider)
    outside = OutsideFetcher(house.signer, keys, egress)
    vault = VaultService(keys, outside=outside)
    signing = SigningService(keys, SystemClock())
    return BundleSigner(house.signer, vault, signing, SystemClock(), outside=outside)


async def deploy_with_secrets(world, url: str, count: int):
    """Deploy a pipeline whose secrets lie in many places of one store."""
    credentials = StoreCredentials(token="hvs.canary")
    new = NewStore(name="corp", resolve="server", vault=VaultSettings(address=url), credentials=credentials)
    names = [f"s{number}" for number in range(count)]
    async with world.scoped() as txn:
        vault = VaultService(world.house.keys, policy=POLICY)
        store = await vault.stores.create(txn, SYSTEM, world.environment_id, new)
        for name in names:
            where = Outside(store_id=store.id, path=f"apps/{name}", field="api")
            await vault.create_outside(txn, SYSTEM, world.environment_id, name, where)
    pipeline_id = await world.pipeline(secret=names)
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())


async def test_a_store_that_says_nothing_holds_up_nobody_else(world, new_world, house, make_agent) -> None:
    other, agents = await new_world(), []
    for place, name in ((world, "a"), (other, "b")):
        agents.append(make_agent(name))
        await agents[-1].enroll(await place.token())
        await place.sign()
        await agents[-1].poll()
    egress = Egress(POLICY, audit=SilentAudit(), metrics=EgressMetrics(CollectorRegistry()))
    async with silent_server() as (url, taken):
        await deploy_with_secrets(world, url, 50)
        async for role in working(house, sweep_seconds=1.0, bundles=asking_bundles(house, egress)):

            async def asked() -> bool:
                return len(taken) > 0

            await until(asked, 20)
            pipeline_id = await other.pipeline()
            async with other.scoped() as txn:
                await house.delivery.start_rollout(
                    txn, SYSTEM, other.environment_id, pipeline_id, NewRollout()
                )

            async def has_pipeline() -> bool:
                return await agents[1].poll() is not None and len(agents[1].bundle.pipelines) == 1

            assert await until(has_pipeline, 20) < 3.0

            async def answered() -> bool:
                return await agents[0].poll() is not None

            await until(answered, 20)  # once the store was found to say nothing, the node learns of it
            assert len(taken) < 20, "each place waited for itself"
            assert role.sweeps > 0
    await egress.aclose()


class OwnKeys:
    """Organisations whose data keys are wrapped by a key service of their own."""

    def __init__(self, providers) -> None:
        self._providers = providers

    async def wrapping(self, txn) -> None:
        return None

    async def unwrapping(self, txn, name):
        return self._providers.get(txn.organization_id)


async def test_key_services_of_organisations_that_say_nothing_hold_up_nobody_else(
    world, new_world, house, make_agent
) -> None:
    egress = Egress(POLICY, audit=SilentAudit(), metrics=EgressMetrics(CollectorRegistry()))

    async def token() -> str:
        return "hvs.canary"

    async with silent_server() as (url, taken):
        silent = {}
        for number in range(6):  # more than the signer has lanes
            place = await new_world()
            await make_agent(f"s{number}").enroll(await place.token())
            client = egress.http(Caller("keys.provider"), limits=CALL_LIMITS)
            vault = VaultTransit(client, url, "transit", "vectorflow", token)
            silent[place.organization_id] = Guarded(vault, platform=False)
        keys = KeyService(house.signer, house.provider, source=OwnKeys(silent))
        signing = SigningService(keys, SystemClock())
        bundles = BundleSigner(house.signer, VaultService(keys), signing, SystemClock())
        worst = 0.0
        async for _ in working(house, sweep_seconds=1.0, bundles=bundles):

            async def asked() -> bool:
                return len(taken) > 2

            await until(asked, 20)
            ends = time.monotonic() + 8.0
            while time.monotonic() < ends:
                agent = make_agent("a")
                await agent.enroll(await world.token())
                worst = max(worst, await until(has_bundle(agent), 20))
                await asyncio.sleep(0.3)
        for each in silent.values():
            await each.aclose()
    assert worst < 2.5
    keys.close()
    await egress.aclose()
