"""A gateway is killed and started again: all agents come back in the same moment."""

import asyncio
import random

import httpx2
import msgspec
from packages.server.tests.gateway.test_gateway_processes import free_port, gateway

from vectorflow.delivery.types import NewRollout
from vectorflow.kernel.actor import SYSTEM
from vectorflow_wire import messages

AGENTS = 50


class Herd:
    """Agents that keep a stream and poll, try again at once, and remember each refusal and each hint."""

    def __init__(self, agents, http) -> None:
        self.agents, self.http = agents, http
        self.back: set[str] = set()
        self.told: dict[str, int] = {}
        self.refusals: list[tuple[int, str | None]] = []
        self.unreachable = 0
        self.over = False

    async def keep(self, agent) -> None:
        bearer = {"authorization": f"Bearer {agent.told.node_token}"}
        while not self.over:
            try:
                async with self.http.stream("GET", "/agent/v1/stream", headers=bearer) as stream:
                    if self._welcome(stream):
                        await self._listen(agent, bearer, stream)
            except httpx2.TransportError:
                self.unreachable += 1
            self.back.discard(agent.told.node_id)
            await asyncio.sleep(random.uniform(0.2, 0.8))

    async def _listen(self, agent, bearer, stream) -> None:
        while not self._welcome(await self.http.get("/agent/v1/desired", headers=bearer)):
            await asyncio.sleep(0.1)
        self.back.add(agent.told.node_id)
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                hint = msgspec.json.decode(line[5:].encode(), type=messages.DesiredHint)
                self.told[agent.told.node_id] = hint.generation

    def _welcome(self, answer) -> bool:
        if answer.status_code != 200:
            self.refusals.append((answer.status_code, answer.headers.get("retry-after")))
        return answer.status_code == 200

    async def all_back(self) -> None:
        async with asyncio.timeout(60):
            while len(self.back) < len(self.agents):
                await asyncio.sleep(0.02)


async def test_all_agents_come_back_at_once_after_the_gateway_was_killed(
    world, database_url, state_dir
) -> None:
    agents, port = await world.agents(AGENTS), free_port()
    limits = httpx2.Limits(max_connections=3 * AGENTS)
    address = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient(base_url=address, timeout=30, limits=limits) as http:
        herd = Herd(agents, http)
        keeping: list[asyncio.Task[None]] = []
        try:
            async with gateway(database_url, state_dir, port=port) as first:
                keeping += [asyncio.create_task(herd.keep(agent)) for agent in agents]
                await herd.all_back()
                first.child.kill()
                await first.child.wait()
                async with asyncio.timeout(30):
                    while herd.back:
                        await asyncio.sleep(0.02)
            herd.unreachable = 0
            async with gateway(database_url, state_dir, port=port):
                await herd.all_back()
                assert herd.unreachable >= AGENTS  # they stood at the door before it opened
                # The streams are not only open: each tells of a change.
                pipeline_id = await world.pipeline()
                async with world.scoped() as txn:
                    await world.house.delivery.start_rollout(
                        txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(batch_size=AGENTS)
                    )
                await world.sign()
                async with asyncio.timeout(60):
                    while len(herd.told) < AGENTS or min(herd.told.values()) < 2:
                        await asyncio.sleep(0.02)
        finally:
            # Each ends by itself, as its gateway is gone. One that were cancelled while it takes the dead connections
            # of all out of the client's pool would leave those open that it has not come to.
            herd.over = True
            async with asyncio.timeout(60):
                await asyncio.gather(*keeping, return_exceptions=True)
    # Whoever was asked to come again was told when, and nobody was turned away for good.
    assert all(status in (429, 503) and pause for status, pause in herd.refusals), herd.refusals
