"""What taps cost the agent: its share of a core while an output of 5,000 events/s is tapped, and its memory.

A real agent process with five pipelines of the stand-in for Vector 0.57, which samples as Vector does. Only the agent is
counted. Shown are one tap as people open it, one with a condition, and five at once, one on each pipeline.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil
from packages.agent.tests.mini_gateway import MiniGateway, Served
from packages.agent.tests.real_agent import STANDIN, RealAgent, until

from vectorflow_wire.messages import Intervals, ReportKind

PIPELINES = 5
SECONDS = float(os.environ.get("VECTORFLOW_BENCH_SECONDS", "20"))
RATE = 5000
MOST_BYTES = 80 * 1000 * 1000
MOST_PERCENT = 10.0
EVENT = {
    "message": '10.0.0.7 - ann@example.org [26/Nov/2026] "GET /account?token=abc123 HTTP/1.1" 200 5123 0.012',
    "host": "web-1",
    "level": "info",
    "status": "200",
    "user": {"id": "17", "password": "hunter2", "roles": ["reader", "writer"]},
    "timestamp": "2026-11-26T12:00:00Z",
}


async def measured(process: psutil.Process) -> float:
    """The agent's share of a core over some seconds, in percent."""
    began, before = time.monotonic(), sum(process.cpu_times()[:2])
    await asyncio.sleep(SECONDS)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


async def tapped(gateway: MiniGateway, process: psutil.Process, taps: dict[str, dict]) -> tuple[float, float]:
    """Percent of a core with these taps open, and events per second that arrived."""
    for name, options in taps.items():
        gateway.tell(
            "tap", {"tap": name, "outputs": ["in"], "seconds": 600.0, "most_events": 10**6} | options
        )
    await until(lambda: all(gateway.events(name) for name in taps), seconds=60)
    before = sum(len(gateway.events(name)) for name in taps)
    percent = await measured(process)
    arrived = sum(len(gateway.events(name)) for name in taps) - before
    for name in taps:
        gateway.unwanted.add(f"/agent/v1/taps/{name}/events")
    await asyncio.sleep(2)
    return percent, arrived / SECONDS


async def main() -> int:
    """Measure, print a table, and tell by the exit code whether the numbers are kept."""
    gateway = MiniGateway()
    gateway.intervals = Intervals(heartbeat_seconds=5.0, poll_seconds=15.0)
    served = Served(gateway)
    await served.up()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        agent = RealAgent(Path(folder), gateway, served)
        agent.program.write_text(f'#!/bin/sh\nexec {sys.executable} -E {STANDIN} --as 0.57 "$@"\n')
        agent.program.chmod(0o700)
        try:
            agent.start()
            await until(lambda: gateway.agent_keys, seconds=60)
            pipelines = [
                gateway.pipeline(name=f"p{n}", rate=n, tap={"event": EVENT, "rate": RATE})
                for n in range(PIPELINES)
            ]
            gateway.publish(pipelines)
            await until(lambda: len(gateway.told(ReportKind.APPLIED)) == PIPELINES, seconds=120)
            process = psutil.Process(agent.process.pid)
            where = [{"path": ".number", "operator": "contains", "value": "77"}]
            for what, taps in (
                ("one tap, 50 events/s", {"a": {"pipeline": "p0", "events_per_second": 50.0}}),
                ("one tap, 100 events/s", {"b": {"pipeline": "p0", "events_per_second": 100.0}}),
                ("one tap with a condition", {"c": {"pipeline": "p0", "where": where}}),
                (
                    "five taps, 50 events/s each",
                    {f"d{n}": {"pipeline": f"p{n}", "events_per_second": 50.0} for n in range(PIPELINES)},
                ),
            ):
                percent, arrived = await tapped(gateway, process, taps)
                rows.append((what, percent, arrived, process.memory_info().rss))
        finally:
            agent.clean_up()
            await served.down()
    print(f"{f'output of {RATE} events/s':32}{'of a core':>12}{'events/s sent':>16}{'memory':>12}")
    for what, percent, arrived, memory in rows:
        print(f"{what:32}{percent:>10.1f} %{arrived:>16.0f}{memory / 1e6:>9.1f} MB")
    print(f"at most {MOST_PERCENT:.0f} % for one tap, {MOST_BYTES / 1e6:.0f} MB with all open")
    kept = all(percent <= MOST_PERCENT for what, percent, *_ in rows if what.startswith("one"))
    return 0 if kept and max(row[3] for row in rows) <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
