"""Parts about what nodes should run: enrolment, streams, bundles, hints, polls."""

import asyncio
import time
from collections import defaultdict
from typing import NamedTuple
from uuid import UUID

from simulated.agents import Agent
from simulated.house import PIPELINES, Organization, assign, connections_kept, hint
from simulated.measure import Run, Spent, flat_out, for_all, latencies, memory, percentile

_ENROLLING_AT_ONCE = 16
_FETCHING_AT_ONCE = 1000
_SHORT_SECONDS = 10.0


async def enrolments(run: Run) -> None:
    """Enrol every agent through HTTP, each from its own address, as fast as it goes."""
    run.agents = [
        Agent(number, run.house.port, each.slug, each.id)
        for number in range(run.options.nodes)
        for each in [run.organizations[number % len(run.organizations)]]
    ]
    token = {each.id: each.token for each in run.organizations}
    began, spent = time.monotonic(), Spent(run.house)
    await for_all(run.agents, lambda agent: agent.enrol(token[agent.organization_id]), _ENROLLING_AT_ONCE)
    rate, used = len(run.agents) / (time.monotonic() - began), spent()
    run.row("enrolments", f"{rate:,.0f}/s", ">= 100/s", rate >= 100)
    run.row("  processor seconds", _seconds(used))
    await for_all(run.agents, Agent.fetch)


async def streams(run: Run) -> None:
    """Open every agent's stream and look at the gateway's memory."""
    for agent in run.agents:
        agent.hang_up()  # the memory of a stream alone is looked at
    await asyncio.sleep(2)
    gateway = run.house.pids()["gateway"]
    before, began = memory(gateway), time.monotonic()
    await for_all(run.agents, Agent.listen)
    seconds = time.monotonic() - began
    await asyncio.sleep(1)
    each = (memory(gateway) - before) / len(run.agents) / 1024
    run.row(
        "streams connected",
        f"{len(run.agents):,} in {seconds:.1f} s, {each:.1f} kB each",
        "<= 16 kB each",
        each <= 16,
    )


async def bundles(run: Run) -> None:
    """Change what every node should run; time until each is told by its stream and has its new bundle.

    All have five pipelines already, as in life, and one of these changes. The clock starts when the first
    organisation's change is committed; the last bundle fetched stops it. The agents run on whichever core is idle, and
    fetch over the connection of their heartbeats, as real ones do, as far as the machine allows so many open files.
    """
    run.house.unpin()
    kept = connections_kept(len(run.agents))
    first = await _rolled_out(run, PIPELINES)
    run.row(
        "first assignment of 5 pipelines, and bundles",
        f"{len(first.told):,} in {first.seconds:.2f} s, {first.committing:.2f} s of it to commit the assignments",
    )
    changed = await _rolled_out(run, 1)
    run.house.pin(-1)
    wanted = 4.0 * len(changed.told) / 10_000
    run.row(
        "bundles of 5 pipelines signed and served",
        f"{len(changed.told):,} in {changed.seconds:.2f} s ({len(changed.told) / changed.seconds:,.0f}/s)",
        "10,000 in <= 4 s",
        changed.seconds <= max(wanted, 1.0),
    )
    run.row("  over a connection that was open already", f"{kept:,} agents")
    run.row("  processor seconds", _seconds(changed.used))
    run.row("  from commit to told, signing included", latencies(changed.told))
    wrong = sum(len(agent.verified().pipelines) != PIPELINES for agent in run.agents)
    run.row(
        "bundles verified as an agent does",
        f"{len(run.agents) - wrong:,} right, {wrong} wrong",
        "0 wrong",
        not wrong,
    )


def _seconds(used: dict[str, float]) -> str:
    return (
        f"signer {used['signer']:.1f}, gateway {used['gateway']:.1f}, PostgreSQL {used['postgres']:.1f}, "
        f"agents {used['generator']:.1f} in {used['elapsed']:.1f} s"
    )


class _RolledOut(NamedTuple):
    """Seconds: of everything since the first commit, of the commits, from commit to told for each agent."""

    seconds: float
    committing: float
    told: list[float]
    used: dict[str, float]


async def _rolled_out(run: Run, pipelines: int) -> _RolledOut:
    """Assign so many pipelines to every node, and have each agent fetch its bundle when its stream says so."""
    committed: dict[UUID, float] = {}
    taken: list[float] = []
    for agent in run.agents:
        agent.expect_newer()
    spent = Spent(run.house)
    nodes: dict[UUID, list[UUID]] = defaultdict(list)
    for agent in run.agents:
        if agent.node_id:
            nodes[agent.organization_id].append(agent.node_id)

    async def change(organization: Organization) -> None:
        await assign(run.process, organization, nodes[organization.id], pipelines)
        committed[organization.id] = time.monotonic()

    lines = asyncio.Semaphore(_FETCHING_AT_ONCE)
    kept = connections_kept(len(run.agents))

    async def follow(agent: Agent) -> None:
        await agent.told.wait()
        async with lines:
            await agent.fetch()
            if agent.number >= kept:
                agent.hang_up()
        taken.append(time.monotonic())

    began = time.monotonic()
    async with asyncio.timeout(120):
        following = asyncio.gather(*(follow(agent) for agent in run.agents))
        await for_all(run.organizations, change, 4)
        await following
    told = [max(0.0, each.told_at - committed[each.organization_id]) for each in run.agents]
    return _RolledOut(max(taken) - min(committed.values()), max(committed.values()) - began, told, spent())


async def tell(run: Run) -> None:
    """Say on the bus, in one transaction, that every node has news; time until every stream carried it."""
    for agent in run.agents:
        agent.expect()
    versions: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    for each in run.agents:
        if each.node_id:
            versions[each.organization_id][each.node_id] = each.etag.decode().strip('"')
    committed = await hint(run.process, versions)
    async with asyncio.timeout(60):
        await asyncio.gather(*(agent.told.wait() for agent in run.agents))
    told = [max(0.0, each.told_at - committed) for each in run.agents]
    run.row(
        f"{len(told):,} streams told of one change",
        latencies(told),
        "p99 <= 1 s",
        percentile(told, 0.99) <= 1.0,
    )


async def polls(run: Run) -> None:
    """Poll without news from 64 connections at once."""
    for agent in run.agents:
        agent.quiet()
    await asyncio.sleep(2)
    await for_all(run.agents, Agent.poll)  # the versions are in memory again
    statuses: dict[int, int] = {}

    async def one(agent: Agent) -> None:
        status = await agent.poll()
        statuses[status] = statuses.get(status, 0) + 1

    spent = Spent(run.house)
    took = await flat_out(run, min(run.options.seconds, _SHORT_SECONDS), one)
    count = statuses.get(304, 0)
    other = {status: count for status, count in statuses.items() if status != 304}
    run.row(
        "polls answered 304",
        f"{count / took:,.0f}/s, {spent()['gateway'] / max(1, count) * 1e6:.0f} us each, others {other or 'none'}",
        ">= 3,000/s",
        count / took >= 3000 and not other,
    )
