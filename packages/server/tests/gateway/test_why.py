"""Why a node differs from what it should do, from the way its orders really take."""

import time

from packages.server.tests.gateway.test_heartbeats import deployed, status


async def difference(world, agent):
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    found = node.assignments[0].difference
    return found and found.code


async def test_the_reason_follows_the_orders_on_their_way(world) -> None:
    (agent,), pipeline_id = await deployed(world)
    assert await difference(world, agent) == "never-heard"
    now = int(time.time() * 1000)
    await agent.beat()
    await world.house.gateway.ingest.flush()
    assert await difference(world, agent) == "not-fetched"
    accepted = {"generation": 2**50}
    await agent.beat(status(pipeline_id, 0, 0, 0, state="starting"), **accepted)
    await world.house.gateway.ingest.flush()
    assert await difference(world, agent) == "starting"
    await agent.beat(status(pipeline_id, 1, now, now - 1000), **accepted)
    await world.house.gateway.ingest.flush()
    assert await difference(world, agent) is None
