"""`fleet.telling`: connected nodes are told of new bundles, which are read for all of them at once."""

import asyncio

import msgspec

from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.store import bundles as store
from vectorflow.fleet.telling import DesiredNews
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id


async def generation_told(agent, opened: asyncio.Event, after: int) -> int:
    headers = {"authorization": f"Bearer {agent.told.node_token}"}
    async with agent.http.stream("GET", "/agent/v1/stream", headers=headers) as stream:
        opened.set()
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                generation = int(msgspec.json.decode(line[5:].encode())["generation"])
                if generation > after:
                    return generation
    raise AssertionError("the stream ended")


async def test_the_bundles_of_all_who_are_told_are_read_together(world, monkeypatch) -> None:
    agents = await world.agents(6)
    before = max([(await agent.poll()).generation for agent in agents])
    opened = [asyncio.Event() for _ in agents]
    told = asyncio.gather(
        *(generation_told(agent, each, before) for agent, each in zip(agents, opened, strict=True))
    )
    await asyncio.gather(*(each.wait() for each in opened))
    reads: list[int] = []
    all_told = asyncio.Event()
    original = store.bundle_list

    async def counted(txn, node_ids):
        reads.append(len(node_ids))
        await all_told.wait()  # nobody is told later because of the reading
        return await original(txn, node_ids)

    monkeypatch.setattr(store, "bundle_list", counted)
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(batch_size=6)
        )
    await world.sign()
    async with asyncio.timeout(30):
        generations = await told
        fetching = asyncio.gather(
            *(agent.poll() for agent in agents)
        )  # they wait for what is being read already
        await asyncio.sleep(0)
        all_told.set()
        assert [each.generation for each in await fetching] == generations
    assert reads == [6]


class Broken:
    """A book that cannot be read now."""

    def changed(self, *_):
        pass

    def current(self, _):
        return 0, 0

    async def load(self, *_):
        raise OSError("the database is away")


async def test_nodes_are_told_although_nothing_could_be_read(world) -> None:
    streams = world.house.gateway.streams
    node = new_id()
    stream = streams.open(node, world.organization_id)
    news = DesiredNews(Broken(), streams)
    news.on_desired({"nodes": {str(node): "7.2", "not an id": "1.1", str(new_id()): "x"}})
    async with asyncio.timeout(60):
        hint = await stream.wait()
    assert (hint.generation, hint.issue) == (7, 2)
    streams.done(stream)
    await news.close()
