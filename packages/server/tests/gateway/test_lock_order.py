"""Whoever changes many rows at once locks them in one order, so that two that meet wait and neither is ended."""

import asyncio

import psycopg
import pytest

from vectorflow.delivery import jobs as delivery_jobs
from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.store import assignments, engines, lifecycle, nodes
from vectorflow.kernel.actor import SYSTEM
from vectorflow.vault.stores import NewStore, StoreCredentials, VaultSettings
from vectorflow.vault.types import Outside
from vectorflow_wire.messages import EngineFacts


async def somebody_waits(database_url) -> None:
    """Wait until a session waits for a lock of another."""
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner,
        asyncio.timeout(30),
    ):
        while True:
            cursor = await owner.execute(
                """select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'"""
            )
            if (await cursor.fetchone())[0]:
                return
            await asyncio.sleep(0.02)


async def use_outside_secret(world) -> None:
    """Deploy a pipeline with a secret of an outside store."""
    new = NewStore(
        name="corp",
        resolve="server",
        vault=VaultSettings(address="https://vault.example:8200"),
        credentials=StoreCredentials(token="hvs.canary"),
    )
    async with world.scoped() as txn:
        vault = world.house.vault
        store = await vault.stores.create(txn, SYSTEM, world.environment_id, new)
        where = Outside(store_id=store.id, path="a", field="b")
        await vault.create_outside(txn, SYSTEM, world.environment_id, "token", where)
    pipeline_id = await world.pipeline(secret="token")
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())


async def what_is_lent(world, ids) -> None:
    async with world.house.signer.transaction(world.organization_id) as txn:
        changed = await txn.execute(
            "update secrets set outside_version = '2' where organization_id = %(organization_id)s"
        )
    assert changed == 1


async def the_limit(world, ids) -> None:
    async with world.scoped() as txn:
        await txn.execute(
            "update organizations set max_offline_seconds = 7200 where id = %(organization_id)s"
        )


async def the_engines(world, ids) -> None:
    facts = EngineFacts(kind="vector", version="0.58.1", digest="")
    async with world.scoped() as txn:
        await engines.node_engines_set(txn, dict.fromkeys(reversed(ids), facts))


async def the_labels(world, ids) -> None:
    async with world.scoped() as txn:
        await lifecycle.node_labels(txn, ids, set_to={"a": "b"}, remove=[])


async def the_bundles(world, ids) -> None:
    async with world.scoped() as txn:
        await nodes.node_want(txn, ids)


async def they_leave(world, ids) -> None:
    async with world.scoped() as txn:
        told = await txn.rows_of_ids(
            "select id from statements where organization_id = %(organization_id)s and kind = 'wipe'"
        )
        left = await lifecycle.node_left(txn, told)
    assert len(left) == len(ids)


@pytest.mark.parametrize(
    "change", [what_is_lent, the_limit, the_engines, the_labels, the_bundles, they_leave]
)
async def test_a_change_of_many_nodes_and_an_order_to_them_wait_for_each_other(
    world, database_url, change
) -> None:
    ids = sorted(agent.node_id for agent in await world.agents(5))
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        made = await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout()
        )
    await use_outside_secret(world)
    if change is they_leave:
        for node_id in reversed(ids):
            async with world.scoped() as txn:
                await world.house.lifecycle.decommission(
                    txn, world.environment_id, node_id, "keep", if_match=None, actor=SYSTEM
                )
    for node_id in reversed(ids):  # in the table they lie the other way round
        async with world.scoped() as txn:
            await txn.execute(
                """update nodes set hostname = hostname
                where organization_id = %(organization_id)s and id = %(id)s""",
                {"id": node_id},
            )
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        await owner.execute("analyze nodes, statements")  # so that they are read as they lie
    async with world.scoped() as txn:
        assigned = {"revision": made.revision, "desired": "run"}
        await assignments.assignment_put(txn, ids[:1], pipeline_id, **assigned)
        changing = asyncio.create_task(change(world, ids))
        await somebody_waits(database_url)
        async with asyncio.timeout(30):
            await assignments.assignment_put(txn, ids, pipeline_id, **assigned)
    async with asyncio.timeout(30):
        await changing


async def test_two_that_advance_the_same_rollouts_hold_one_at_a_time(world, database_url) -> None:
    await world.agents(1)
    delivery, pipelines = world.house.delivery, [await world.pipeline() for _ in range(2)]
    made = []
    for pipeline_id in pipelines:
        async with world.scoped() as txn:
            made.append(
                await delivery.start_rollout(
                    txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(batch_size=1)
                )
            )

    async def both() -> None:
        await delivery_jobs.advance_pipelines(world.house.worker, delivery, world.organization_id, pipelines)

    async with world.scoped() as txn:
        await delivery.advance(txn, made[1].id)
        advancing = asyncio.create_task(both())
        await somebody_waits(database_url)
        async with asyncio.timeout(30):
            await delivery.advance(txn, made[0].id)
    async with asyncio.timeout(30):
        await advancing


async def test_a_stop_and_a_rollback_wait_for_each_other(world, database_url) -> None:
    (agent,) = await world.agents(1)
    delivery, pipeline_id = world.house.delivery, await world.pipeline()

    async def start() -> object:
        async with world.scoped() as txn:
            made = await delivery.start_rollout(
                txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(watch_seconds=0.0)
            )
        await world.sign()
        return made.id

    await start()
    await agent.apply(pipeline_id)
    await world.advance()
    await world.change(pipeline_id, "second")
    rollout_id = await start()

    async def rollback() -> object:
        async with world.scoped() as txn:
            return await delivery.rollback(txn, SYSTEM, world.environment_id, rollout_id)

    async with world.scoped() as txn:
        await world.house.pipelines.for_change(txn, world.environment_id, pipeline_id)
        back = asyncio.create_task(rollback())
        await somebody_waits(database_url)
        async with asyncio.timeout(30):
            await delivery.stop(txn, SYSTEM, world.environment_id, pipeline_id, "enough")
    async with asyncio.timeout(30):
        assert (await back).revision == 1
