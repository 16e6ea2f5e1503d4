"""Parts that break things: reports while gateway and PostgreSQL are killed, and all agents coming back at once."""

import asyncio
import random
import time
from collections import Counter

from simulated.agents import Agent
from simulated.measure import Run, Spent, for_all

_REPORTING = 200
_PAUSE_SECONDS = 0.05
_ALL_BACK_SECONDS = 120


async def reports(run: Run) -> None:
    """Send numbered reports without a pause while gateway and PostgreSQL are killed at random; count what is stored."""
    if not run.options.kills:
        return
    chance = random.Random(run.options.seed)
    stop = asyncio.Event()
    agents = run.agents[:_REPORTING]
    sending = [asyncio.create_task(_report_on(agent, stop)) for agent in agents]
    killed: Counter[str] = Counter()
    for _ in range(run.options.kills):
        await asyncio.sleep(chance.uniform(0.5, 3.0))
        victim = chance.choice(("gateway", "postgres"))
        killed[victim] += 1
        await run.house.kill(victim)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        await run.house.revive(victim)
    await asyncio.sleep(2.0)
    stop.set()
    tried = sum(await asyncio.gather(*sending))
    told = {(str(each.node_id), number) for each in agents for number in each.acknowledged}
    found = Counter(run.house.pairs("select node_id::text, sequence from reports"))
    lost = sum(pair not in found for pair in told)
    twice = sum(count > 1 for count in found.values())
    run.row(
        f"reports, killed: {', '.join(f'{name} {count}x' for name, count in sorted(killed.items()))}",
        f"{len(told):,} acknowledged in {tried:,} tries, {lost} lost, {twice} twice",
        "0 lost, 0 twice",
        not lost and not twice and bool(told),
    )


async def _report_on(agent: Agent, stop: asyncio.Event) -> int:
    """Send the next report until it is acknowledged, then the one after; return how many requests that took."""
    tries = 0
    while not stop.is_set():
        request, number = agent.report()
        while not stop.is_set():
            tries += 1
            try:
                async with asyncio.timeout(20):
                    answer = await agent.call(request)
            except (OSError, TimeoutError):
                agent.close()
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if answer.status == 200:
                agent.acknowledged += agent.accepted(answer)
                if number not in agent.acknowledged[-1:]:
                    raise RuntimeError(f"a report was answered {answer.body!r}")
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.sleep(_PAUSE_SECONDS)
    return tries


async def herd(run: Run) -> None:
    """Restart the gateway; every agent comes back in the same moment, with its stream and a poll."""
    for agent in run.agents:
        agent.close()
    await asyncio.sleep(1)
    await run.house.kill("gateway")
    await run.house.revive("gateway")
    refused: Counter[int] = Counter()
    back: list[float] = []
    spent = Spent(run.house)
    began = time.monotonic()

    async def one(agent: Agent) -> None:
        while True:
            try:
                status = await agent.poll()
                agent.hang_up()
                status = await agent.listen() if status in (200, 304) else status
            except OSError:
                status = 0
            if status == 200:
                break
            refused[status] += 1
            agent.close()
            await asyncio.sleep(random.uniform(0.5, 1.5))  # as an agent's pauses grow and vary
        back.append(time.monotonic() - began)

    async with asyncio.timeout(_ALL_BACK_SECONDS):
        await for_all(run.agents, one, len(run.agents))
    used = spent()
    tries = ", ".join(f"{status or 'no connection'} {count}x" for status, count in sorted(refused.items()))
    run.row(
        "herd: all agents back after the gateway's end",
        f"{len(back):,} in {max(back):.1f} s, asked to come again: {tries or 'none'}",
        "all",
        len(back) == len(run.agents),
    )
    run.row("  processor seconds", f"gateway {used['gateway']:.1f}, PostgreSQL {used['postgres']:.1f}")
