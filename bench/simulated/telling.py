"""The part of log lines: how many a gateway takes, and that what was acknowledged is stored once."""

import time
from collections import Counter

from simulated.agents import Agent
from simulated.measure import Run, Spent, flat_out, latencies
from vectorflow_wire.logs import LogBatch, LogLine, batch_zipped

LINES = 100
_TEXT = "sink{component_kind=sink component_id=out component_type=http}: request failed, it is tried again "


async def logs(run: Run) -> None:
    """Send batches of 100 lines with 64 agents at once; count what was acknowledged and what is stored."""
    spent, took_each, acknowledged = Spent(run.house), list[float](), Counter[str]()

    async def tell(agent: Agent) -> None:
        acknowledged[str(agent.node_id)] += 1
        number = acknowledged[str(agent.node_id)]
        lines = tuple(
            LogLine(
                sequence=number * LINES + place,
                at=time.time_ns() // 1_000_000,
                level="warn",
                text=f"{_TEXT}{agent.number} {number} {place}",
                component="out",
            )
            for place in range(LINES)
        )
        request = agent.logs(batch_zipped(LogBatch(spool="bench", batch=number, lines=lines)))
        began = time.monotonic()
        answer = await agent.call(request)
        took_each.append(time.monotonic() - began)
        if answer.status != 200:
            raise RuntimeError(f"a batch was answered {answer.status} {answer.body!r}")

    took = await flat_out(run, min(run.options.seconds, 10.0), tell)
    used = spent()
    told = sum(acknowledged.values()) * LINES
    ((text, distinct),) = run.house.pairs(
        "select count(*), count(distinct (node_id, sequence)) from logs where component = 'out'"
    )
    stored = int(text)
    run.row(f"log lines, batches of {LINES}, 64 at once", f"{told / took:,.0f} lines/s", "the ceiling")
    run.row("  from sent to answered after commit", latencies(took_each))
    run.row(
        "  processor time for 1,000 lines",
        ", ".join(f"{name} {used[name] / told * 1e6:,.1f} ms" for name in ("gateway", "postgres")),
    )
    run.row(
        "  acknowledged and stored",
        f"{told:,} and {stored:,}, {stored - distinct} twice",
        "the same, 0 twice",
        told == stored == distinct,
    )
