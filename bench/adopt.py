"""Taking over a running unit and handing it back: how long nothing runs, and whether a line is missing.

A real agent process; the old Vector is the embedded engine under Vector's name, which a stand-in for `systemctl`
starts. It reads a file that somebody writes to all the while, with its positions in the data folder.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from packages.agent.tests.adopting import EMBEDDED, UNIT, Machine, journal
from packages.agent.tests.mini_gateway import MiniGateway, Served
from packages.agent.tests.real_agent import RealAgent, until
from packages.agent.tests.test_take_over import Writer, asking, taken

LINES = 100_000
MOST_PAUSE_MS = 5000


async def main() -> int:
    """Measure, print a table, and tell by the exit code whether the numbers are kept."""
    gateway = MiniGateway()
    served = Served(gateway)
    await served.up()
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        agent = RealAgent(Path(folder), gateway, served)
        try:
            machine.configure()
            machine.call("start", UNIT)
            agent.start(**EMBEDDED, **machine.environment)
            await until(lambda: gateway.agent_keys, seconds=60)
            with Writer(machine) as writer:
                writer.quota = LINES // 3
                await until(machine.lines, seconds=60)
                if (await taken(machine, agent, gateway, until)).returncode:
                    return 1
                pause = journal(agent)["pause_ms"]
                writer.quota = LINES * 2 // 3
                await until(lambda: writer.written >= writer.quota, seconds=300)
                began = time.monotonic()
                if (await asking(agent, machine, "hand-back", "--unit", UNIT)).returncode:
                    return 1
                back = time.monotonic() - began
                writer.quota = LINES
                await until(lambda: writer.written >= LINES, seconds=300)
            wanted = {f"line {number}" for number in range(writer.written)}
            try:
                await until(lambda: set(machine.lines()) >= wanted, seconds=120)
            except AssertionError:
                print("not all lines arrived", file=sys.stderr)
            missing, lines = len(wanted - set(machine.lines())), len(machine.lines())
        finally:
            agent.clean_up()
            machine.clean_up()
            await served.down()
    print(f"{'lines written':28}{writer.written}")
    print(f"{'missing':28}{missing} (at most 0)")
    print(f"{'delivered twice':28}{lines - len(wanted) + missing}")
    print(f"{'pause of the take-over':28}{pause} ms, found healthy included (at most {MOST_PAUSE_MS})")
    print(f"{'hand-back, the command':28}{back * 1000:.0f} ms")
    return 0 if missing == 0 and pause <= MOST_PAUSE_MS else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
