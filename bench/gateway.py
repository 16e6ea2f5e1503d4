"""What one gateway core carries: ``python bench/gateway.py [--nodes N] [--organizations M] [--seconds S]``.

The real gateway (pinned to the first core) and signer run as processes on an embedded PostgreSQL (last core),
which the load generator shares. Loopback only. The house's numbers: ``--nodes 5000 --organizations 50
--seconds 60``; streams and bundles: ``--nodes 10000 --rate 0``.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop
from simulated.agents import Agent
from simulated.house import House, Organization, admit, assign, settle

from vectorflow.entry.process import Process
from vectorflow.platform.logs import configure_logs

AT_ONCE = 64
ENROLLING_AT_ONCE = 16


class Run(msgspec.Struct):
    """What the parts share."""

    house: House
    process: Process
    options: argparse.Namespace
    organizations: list[Organization]
    gateway: int
    agents: list[Agent] = []


async def main() -> None:
    """Run every part and print the table."""
    options = _options()
    configure_logs(json=False, level="warning")
    with tempfile.TemporaryDirectory(prefix="vectorflow-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as nobody when root starts it
        house = House(Path(folder))
        with house.standing():
            async with _opened(house, options) as run:
                gc.freeze()
                gc.disable()  # the generator's own pauses are not the gateway's
                print(f"{options.nodes} agents of {len(run.organizations)} organisations", flush=True)
                print(f"{'part':<44}{'figure':<46}{'to reach'}", flush=True)
                for part in (enrolments, streams, bundles, polls, heartbeats, statements):
                    await part(run)
                for agent in run.agents:
                    agent.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nodes", type=int, default=500, help="simulated agents (at most 20,000)")
    parser.add_argument("--organizations", type=int, default=10, help="organisations they belong to")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each timed part (at most 60)")
    parser.add_argument("--rate", type=float, default=833.0, help="heartbeats per second; 0 leaves them out")
    parser.add_argument("--verbose", action="store_true", help="name the statements that were counted")
    options = parser.parse_args()
    options.nodes = max(1, min(options.nodes, 20_000))
    options.organizations = max(1, min(options.organizations, options.nodes, 200))
    options.seconds = max(1.0, min(options.seconds, 60.0))
    return options


@contextlib.asynccontextmanager
async def _opened(house: House, options: argparse.Namespace) -> AsyncIterator[Run]:
    async with Process.running(house.settings) as process:
        organizations = await settle(process, options.organizations)
        await house.start("signer")
        gateway = await house.start("gateway")
        for organization in organizations:
            await admit(process, organization, options.nodes)
        yield Run(house, process, options, organizations, gateway)


async def enrolments(run: Run) -> None:
    """Enrol every agent through HTTP, each from its own address, as fast as it goes."""
    run.agents = [
        Agent(number, run.house.port, each.slug, each.id)
        for number in range(run.options.nodes)
        for each in [run.organizations[number % len(run.organizations)]]
    ]
    token = {each.id: each.token for each in run.organizations}
    began = time.monotonic()
    await _all(run.agents, lambda agent: agent.enrol(token[agent.organization_id]), ENROLLING_AT_ONCE)
    _row("enrolments", f"{len(run.agents) / (time.monotonic() - began):,.0f}/s", ">= 100/s")
    await _all(run.agents, Agent.fetch)


async def streams(run: Run) -> None:
    """Open every agent's stream and look at the gateway's memory."""
    before, began = _memory(run.gateway), time.monotonic()
    await _all(run.agents, Agent.listen)
    seconds = time.monotonic() - began
    await asyncio.sleep(1)
    each = (_memory(run.gateway) - before) / len(run.agents) / 1024
    _row("streams connected", f"{len(run.agents):,} in {seconds:.1f} s, {each:.1f} kB each", "<= 16 kB each")


async def bundles(run: Run) -> None:
    """Assign five pipelines to every node; time until each is told by its stream and has its new bundle."""
    began = time.monotonic()
    committed: dict[UUID, float] = {}
    taken: list[float] = []

    async def change(organization: Organization) -> None:
        mine = [
            each.node_id for each in run.agents if each.organization_id == organization.id and each.node_id
        ]
        await assign(run.process, organization, mine)
        committed[organization.id] = time.monotonic()

    async def follow(agent: Agent) -> None:
        await agent.told.wait()
        await agent.fetch()
        taken.append(time.monotonic())

    async with asyncio.timeout(120):
        following = asyncio.gather(*(follow(agent) for agent in run.agents))
        await _all(run.organizations, change, 4)
        await following
    told = [max(0.0, each.told_at - committed[each.organization_id]) for each in run.agents]
    last = max(taken) - began
    _row("commit → signed → told on the stream", _latencies(told), "p99 <= 1 s at 10,000")
    _row("bundles of 5 pipelines signed and served", f"{len(taken):,} in {last:.2f} s", "10,000 in <= 4 s")
    wrong = sum(len(agent.verified().pipelines) != 5 for agent in run.agents)
    _row("bundles verified as an agent does", f"{len(run.agents) - wrong:,} right, {wrong} wrong", "0 wrong")


async def polls(run: Run) -> None:
    """Poll without news from 64 connections at once."""
    statuses: dict[int, int] = {}
    took = await _flat_out(run, lambda agent: _counted(agent, statuses))
    other = {status: count for status, count in statuses.items() if status != 304}
    _row(
        "polls answered 304", f"{statuses.get(304, 0) / took:,.0f}/s, others {other or 'none'}", ">= 3,000/s"
    )


async def _counted(agent: Agent, statuses: dict[int, int]) -> None:
    status = await agent.poll()
    statuses[status] = statuses.get(status, 0) + 1


async def heartbeats(run: Run) -> None:
    """Beat at the asked rate whatever the answers take, then flat out; at the end compare with the ledger."""
    if not run.options.rate:
        return
    pipelines = {each.id: [pipeline for pipeline, _ in each.pipelines] for each in run.organizations}
    for agent in run.agents:
        agent.prepare(pipelines[agent.organization_id])
    size = len(run.agents[0].beat())
    cpu = _cpu_seconds(run.gateway)
    latencies, late, refused, took = await _paced(run, run.options.rate, run.options.seconds)
    share = (_cpu_seconds(run.gateway) - cpu) / took
    _row(
        f"heartbeats of {size / 1000:.1f} kB, paced",
        f"{len(latencies) / took:,.0f}/s, {refused} refused, {share:.0%} of a core",
        ">= 833/s",
    )
    _row("  from due to answered", _latencies(latencies), "p99 <= 50 ms")
    _row("  of that the generator's own lateness", _latencies(late), "-")
    count = [0]
    took = await _flat_out(run, lambda agent: _beat(agent, count))
    _row("heartbeats, 64 at once", f"{count[0] / took:,.0f}/s", "the ceiling")
    await _compare(run)


async def _beat(agent: Agent, count: list[int]) -> None:
    answer = await agent.call(agent.beat())
    if answer.status != 200:
        raise RuntimeError(f"a heartbeat was answered {answer.status}: {answer.body!r}")
    count[0] += 1


async def _paced(run: Run, rate: float, seconds: float) -> tuple[list[float], list[float], int, float]:
    """Return latencies from the moment each was due, how late each was sent, refusals, and the time it took."""
    latencies: list[float] = []
    late: list[float] = []
    refused = 0
    busy: dict[int, asyncio.Task[None]] = {}
    began = time.monotonic()

    async def one(agent: Agent, due: float, before: asyncio.Task[None] | None) -> None:
        nonlocal refused
        if before is not None:
            await before  # an agent has one heartbeat under way
        request = agent.beat()
        late.append(time.monotonic() - due)
        answer = await agent.call(request)
        latencies.append(time.monotonic() - due)
        refused += answer.status != 200

    for number in range(int(rate * seconds)):
        due = began + number / rate
        delay = due - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        agent = run.agents[number % len(run.agents)]
        busy[agent.number] = asyncio.create_task(one(agent, due, busy.get(agent.number)))
    await asyncio.gather(*busy.values())
    return latencies, late, refused, time.monotonic() - began


async def _compare(run: Run) -> None:
    """Sum the newest counters stored of every component, and compare with what was sent."""
    await asyncio.sleep(2.5)  # the last flush
    sent = tuple(sum(column) for column in zip(*(agent.sent for agent in run.agents), strict=True))
    stored = run.house.query(
        """select sum(received_events), sum(received_bytes), sum(sent_events) from (
            select distinct on (node_id, pipeline_id, component_id) received_events, received_bytes, sent_events
            from counters where output = '' order by node_id, pipeline_id, component_id, at desc) newest"""
    )
    _row("sums stored against the ledger", "equal" if sent == stored else f"{stored} for {sent}", "equal")


async def statements(run: Run) -> None:
    """Count PostgreSQL's own log of the gateway's statements while warm heartbeats come at the rate."""
    if not run.options.rate:
        return
    run.house.log_statements(on=True)
    await asyncio.sleep(0.5)
    latencies, _, _, _ = await _paced(run, run.options.rate, run.options.seconds)
    await asyncio.sleep(1.5)
    made = run.house.statements()
    run.house.log_statements(on=False)
    per_thousand = made.total() / len(latencies) * 1000
    _row("statements per 1,000 heartbeats", f"{per_thousand:.1f} ({made.total()} in all)", "<= 5")
    if run.options.verbose:
        for text, count in made.most_common(12):
            print(f"    {count:>6} {text}")


async def _all(items: Iterable[object], work: Callable[..., Awaitable[None]], at_once: int = AT_ONCE) -> None:
    """Do the work for every item, so many at once."""
    remaining = iter(items)

    async def one() -> None:
        for item in remaining:
            await work(item)

    await asyncio.gather(*(one() for _ in range(at_once)))


async def _flat_out(run: Run, work: Callable[[Agent], Awaitable[None]]) -> float:
    """Work with 64 agents at once until the time is up; return the seconds it took."""
    began = time.monotonic()
    lanes = min(AT_ONCE, len(run.agents))

    async def lane(mine: list[Agent]) -> None:
        while True:
            for agent in mine:
                if time.monotonic() - began >= run.options.seconds:
                    return
                await work(agent)

    await asyncio.gather(*(lane(run.agents[start::lanes]) for start in range(lanes)))
    return time.monotonic() - began


def _latencies(values: list[float]) -> str:
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99)]
    return f"p50 {at[0]:,.1f} ms, p99 {at[1]:,.1f} ms, worst {ordered[-1] * 1000:,.0f} ms"


def _memory(pid: int) -> int:
    """Return a process's resident bytes; 0 where there is no /proc."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _row(part: str, figure: str, wanted: str) -> None:
    print(f"{part:<44}{figure:<46}{wanted}", flush=True)


if __name__ == "__main__":
    uvloop.run(main())
