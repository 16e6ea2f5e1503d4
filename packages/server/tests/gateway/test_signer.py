"""`entry.signer`: the loop that reacts to the bus, sweeps, and lives through trouble."""

import asyncio
import time

import pytest

from vectorflow.delivery.types import NewRollout
from vectorflow.entry.signer import SignerRole
from vectorflow.kernel.actor import SYSTEM
from vectorflow.tenancy.service import NewEnvironment, NewOrganization


async def until(condition, seconds: float) -> float:
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
async def running(house):
    """A signer at work."""
    role = SignerRole(house.bundles, house.statement_signer, house.bus, sweep_seconds=1.0)
    task = asyncio.create_task(role.run())
    yield role
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_changed_assignment_is_signed_and_told_at_once(world, running, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())

    async def has_bundle() -> bool:
        return (await agent.call("GET", "/agent/v1/desired")).status_code == 200

    await until(has_bundle, 5)
    await agent.poll()
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())

    async def has_pipeline() -> bool:
        return await agent.poll() is not None and len(agent.bundle.pipelines) == 1

    await until(has_pipeline, 5)


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

    await until(has_keys, 30)


async def test_trouble_of_one_sweep_does_not_end_the_signer(world, running, monkeypatch, make_agent) -> None:
    async def broken() -> list:
        raise OSError("gone")

    monkeypatch.setattr(world.house.bundles, "due_organizations", broken)
    await asyncio.sleep(1.2)
    monkeypatch.undo()
    agent = make_agent("a")
    await agent.enroll(await world.token())

    async def has_bundle() -> bool:
        return (await agent.call("GET", "/agent/v1/desired")).status_code == 200

    await until(has_bundle, 5)


async def test_a_node_without_a_bundle_is_asked_to_wait(world, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())
    answer = await agent.call("GET", "/agent/v1/desired")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == "urn:vectorflow:problem:fleet.bundle-pending"
