"""What the agent itself costs: memory with five pipelines, share of an idle core, and the time back after a reboot.

A real agent process, enrolled at a gateway in miniature, with five engines. Only the agent is counted, not its engines.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil
from packages.agent.tests.mini_gateway import MiniGateway, Served
from packages.agent.tests.real_agent import STANDIN, RealAgent, until
from packages.agent.tests.test_reboot import empty_runtime, end_all, healthy

from vectorflow_wire.messages import Intervals, ReportKind

PIPELINES = 5
IDLE_SECONDS = 60
MOST_BYTES = 60 * 1000 * 1000
MOST_PERCENT = 1.0
MOST_BACK_SECONDS = 10.0


async def main() -> int:
    """Measure, print a table, and tell by the exit code whether the numbers are kept."""
    gateway = MiniGateway()
    gateway.intervals = Intervals(heartbeat_seconds=15.0, poll_seconds=15.0)
    served = Served(gateway)
    await served.up()
    with tempfile.TemporaryDirectory() as folder:
        agent = RealAgent(Path(folder), gateway, served)
        agent.program.write_text(f'#!/bin/sh\nexec {sys.executable} -E {STANDIN} --as 0.57 "$@"\n')
        agent.program.chmod(0o700)
        try:
            agent.start()
            await until(lambda: gateway.agent_keys, seconds=60)
            gateway.publish([gateway.pipeline(name=f"p{number}", rate=number) for number in range(PIPELINES)])
            await until(lambda: len(gateway.told(ReportKind.APPLIED)) == PIPELINES, seconds=120)
            await asyncio.sleep(5)
            process = psutil.Process(agent.process.pid)
            began, before = time.monotonic(), sum(process.cpu_times()[:2])
            await asyncio.sleep(IDLE_SECONDS)
            percent = 100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
            memory = process.memory_info().rss
            back = await reboot(agent, served)
        finally:
            agent.clean_up()
            await served.down()
    print(f"{'agent with':24}{PIPELINES} pipelines, heartbeats every 15 s, stream open")
    print(f"{'resident memory':24}{memory / 1e6:.1f} MB (at most {MOST_BYTES / 1e6:.0f})")
    print(f"{'idle, share of a core':24}{percent:.2f} % over {IDLE_SECONDS} s (at most {MOST_PERCENT:.0f})")
    print(f"{'back after a reboot':24}{back:.1f} s without a network (at most {MOST_BACK_SECONDS:.0f})")
    return 0 if memory <= MOST_BYTES and percent <= MOST_PERCENT and back <= MOST_BACK_SECONDS else 1


async def reboot(agent: RealAgent, served: Served) -> float:
    """End everything at once, take the gateway and the memory-backed folder away, and start the agent again."""
    end_all(agent)
    await served.down()
    empty_runtime(agent)
    began = time.monotonic()
    agent.start()
    await until(lambda: healthy(agent) == PIPELINES, seconds=120)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
