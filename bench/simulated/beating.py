"""Parts about heartbeats: paced, flat out, compared with the sender's ledger, and their statements counted."""

import asyncio
import time

from simulated.agents import Agent
from simulated.measure import Run, Spent, flat_out, for_all, latencies, percentile

_SHORT_SECONDS = 10.0


async def heartbeats(run: Run) -> None:
    """Beat at the asked rate whatever the answers take, then flat out; at the end compare with the ledger."""
    if not run.options.rate:
        return
    for agent in run.agents:
        agent.quiet()  # with streams, 10,000 agents would need more open files than a machine allows
    await asyncio.sleep(2)
    _prepare(run)
    await _measured(run, "heartbeats")
    total = [0]
    took = await flat_out(run, min(run.options.seconds, _SHORT_SECONDS), lambda agent: _beat(agent, total))
    run.row("heartbeats, 64 at once", f"{total[0] / took:,.0f}/s", "the ceiling")
    await _compare(run)


async def large(run: Run) -> None:
    """Beat at the asked rate with the times of all components in every heartbeat, as engines that measure them do."""
    if not run.options.rate:
        return
    for agent in run.agents:
        agent.quiet()
    if not run.agents[0].sent[0]:
        _prepare(run)
    for agent in run.agents:
        agent.measure_times()
    await _measured(run, "heartbeats with all times")


def _prepare(run: Run) -> None:
    pipelines = {each.id: [pipeline for pipeline, _ in each.pipelines] for each in run.organizations}
    for agent in run.agents:
        agent.prepare(pipelines[agent.organization_id])


async def _measured(run: Run, name: str) -> None:
    """Beat at the rate, and tell how long answers took and what that cost."""
    await for_all(
        run.agents, lambda agent: _beat(agent, [0])
    )  # the first of each connects and begins its counters
    size = len(run.agents[0].beat())
    spent, before = Spent(run.house), run.house.metrics()
    took_each, late, refused, took = await _paced(run, run.options.rate, run.options.seconds)
    used, after = spent(), run.house.metrics()
    count = len(took_each)
    rate = count / took
    run.row(
        f"{name} of {size / 1000:.1f} kB, paced for {run.options.seconds:.0f} s",
        f"{rate:,.0f}/s, {refused} refused",
        f">= {run.options.rate:,.0f}/s, 0",
        rate >= run.options.rate * 0.995 and not refused,
    )
    run.row(
        "  from the moment due to answered",
        latencies(took_each),
        "p99 <= 50 ms",
        percentile(took_each, 0.99) <= 0.05,
    )
    run.row("  of that the generator's own lateness", latencies(late))
    run.row("  the gateway's loop late by more than 50 ms", _lag(before, after))
    run.row(
        "  processor time for each heartbeat",
        ", ".join(
            f"{name} {used[name] / count * 1e6:,.0f} us" for name in ("gateway", "postgres", "generator")
        ),
    )
    run.row("  other programs on this machine meanwhile", f"{used['others'] / used['elapsed']:.2f} cores")


async def statements(run: Run) -> None:
    """Count PostgreSQL's own log of the gateway's statements while warm heartbeats come at the rate."""
    if not run.options.rate:
        return
    seconds = min(run.options.seconds, 20.0)
    run.house.log_statements(on=True)
    await asyncio.sleep(0.5)
    took_each, _, _, _ = await _paced(run, run.options.rate, seconds)
    await asyncio.sleep(1.5)
    made = run.house.statements()
    run.house.log_statements(on=False)
    per_thousand = made.total() / len(took_each) * 1000
    run.row(
        "statements per 1,000 heartbeats",
        f"{per_thousand:.1f} ({made.total()} in all)",
        "<= 5",
        per_thousand <= 5,
    )
    if run.options.verbose:
        for text, count in made.most_common(12):
            print(f"    {count:>6} {text}")


async def _beat(agent: Agent, count: list[int]) -> None:
    answer = await agent.call(agent.beat())
    if answer.status != 200:
        raise RuntimeError(f"a heartbeat was answered {answer.status}: {answer.body!r}")
    count[0] += 1


async def _paced(run: Run, rate: float, seconds: float) -> tuple[list[float], list[float], int, float]:
    """Return latencies from the moment each was due, how late each was sent, refusals, and the time it took."""
    took_each: list[float] = []
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
        took_each.append(time.monotonic() - due)
        refused += answer.status != 200

    for number in range(int(rate * seconds)):
        due = began + number / rate
        delay = due - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        agent = run.agents[number % len(run.agents)]
        busy[agent.number] = asyncio.create_task(one(agent, due, busy.get(agent.number)))
    await asyncio.gather(*busy.values())
    return took_each, late, refused, time.monotonic() - began


async def _compare(run: Run) -> None:
    """Sum the newest counters stored of every component, and compare with what was sent."""
    sent = tuple(sum(column) for column in zip(*(agent.sent for agent in run.agents), strict=True))
    stored: tuple[int, ...] = ()
    for _ in range(20):  # the last flush
        await asyncio.sleep(0.5)
        stored = run.house.query(
            """select sum(received_events), sum(received_bytes), sum(sent_events) from (
                select distinct on (node_id, pipeline_id, component_id) received_events, received_bytes, sent_events
                from counters where output = ''
                order by node_id, pipeline_id, component_id, at desc) newest"""
        )
        if stored == sent:
            break
    figure = f"equal: {sent[0]:,} events of {len(run.agents) * 30:,} components"
    run.row(
        "sums stored against the sender's ledger",
        figure if sent == stored else f"{stored} for {sent}",
        "equal",
        sent == stored,
    )


def _lag(before: dict[str, float], after: dict[str, float]) -> str:
    name = "vectorflow_gateway_loop_lag_seconds"
    count = after.get(f"{name}_count", 0.0) - before.get(f"{name}_count", 0.0)
    within = f'{name}_bucket{{le="0.05"}}'
    late = count - (after.get(within, 0.0) - before.get(within, 0.0))
    return f"{late:,.0f} of {count:,.0f} times looked at"
