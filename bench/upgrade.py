"""Upgrade of a fleet of agents with the embedded engine while lines come in: is one lost, does an engine notice?

``bench/upgrade.py 20`` upgrades twenty, four at a time as a rollout would: every start is several processes, and here all of them share
one machine's cores. Each agent is a real process under its supervisor, with a pipeline from a file to a file; the new
version is a release really built from the workspace. Lines are written all the time, before, during and after.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TypeVar

from packages.agent.tests.mini_gateway import MiniGateway, Served
from packages.agent.tests.real_agent import RealAgent, until
from packages.agent.tests.releasing import Shelf, built

from vectorflow_wire.bundles import VersionWanted
from vectorflow_wire.messages import Intervals, ReportKind

AGENTS = 2
NEW = "9.1.0"
_T = TypeVar("_T")
AT_ONCE = 4
PAUSE_SECONDS = 0.02
WAIT_SECONDS = 600.0


class Node:
    """One agent with its gateway, and the file that its pipeline reads."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder / str(number)
        self.folder.mkdir()
        self.gateway = MiniGateway()
        self.gateway.intervals = Intervals(heartbeat_seconds=2.0, poll_seconds=30.0)
        self.served = Served(self.gateway)
        self.shelf = Shelf(self.gateway)
        self.read, self.written = self.folder / "in.log", self.folder / "out.log"
        self.read.touch()
        self.lines = 0
        self.engines: list[int] = []

    async def begin(self) -> None:
        """Enrol, and run the pipeline."""
        await self.served.up()
        self.shelf.add(built(NEW), NEW)
        self.agent = RealAgent(self.folder, self.gateway, self.served)
        self.agent.policy.write_text(json.dumps({"release_keys": [self.shelf.public]}))
        self.agent.policy.chmod(0o600)
        self.agent.start(
            command="supervise", VECTORFLOW_ENGINE="embedded", VECTORFLOW_UPDATE_CONFIRM_SECONDS="500"
        )
        await until(lambda: self.gateway.agent_keys, seconds=WAIT_SECONDS)
        self.wanted = self.gateway.pipeline(text=self.document())
        self.gateway.publish([self.wanted])
        await until(
            lambda: self.gateway.told(ReportKind.APPLIED), seconds=WAIT_SECONDS, why=self.agent.log.read_text
        )
        self.engines = self.agent.engines()

    def document(self) -> dict[str, object]:
        """A pipeline from file to file."""
        return {
            "sources": {"in": {"type": "file", "include": [str(self.read)], "read_from": "beginning"}},
            "sinks": {
                "out": {
                    "type": "file",
                    "inputs": ["in"],
                    "path": str(self.written),
                    "encoding": {"codec": "text"},
                }
            },
        }

    def write(self) -> None:
        """One more line."""
        self.lines += 1
        with self.read.open("a") as file:
            file.write(f"{self.lines}\n")

    async def upgrade(self) -> float:
        """Want the new version; gives the seconds until the node says that it runs it."""
        began = time.monotonic()
        self.gateway.publish([self.wanted], agent=VersionWanted(version=NEW))
        await until(
            lambda: self.gateway.told(ReportKind.UPDATED),
            seconds=WAIT_SECONDS,
            why=lambda: f"{self.gateway.reports} {self.agent.log.read_text()[-2000:]}",
        )
        return time.monotonic() - began

    def arrived(self) -> list[int]:
        """The lines that came out."""
        return [int(line) for line in self.written.read_text().split()] if self.written.exists() else []

    async def end(self) -> None:
        """End the agent and its engines."""
        self.agent.clean_up()
        await self.served.down()


async def _staged(works: Iterable[Callable[[], Coroutine[None, None, _T]]]) -> list[_T]:
    """Do these, a few at a time; what they gave, in order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(work: Callable[[], Coroutine[None, None, _T]]) -> _T:
        async with room:
            return await work()

    return await asyncio.gather(*(one(work) for work in works))


async def upgrade(count: int) -> list[str]:
    """Upgrade so many agents; what went wrong, each in a line. Prints the figures."""
    await asyncio.to_thread(built, NEW)
    with tempfile.TemporaryDirectory() as folder:
        nodes = [Node(Path(folder), number) for number in range(count)]
        writing = asyncio.create_task(_write(nodes))
        try:
            await _staged([node.begin for node in nodes])
            seconds = await _staged([node.upgrade for node in nodes])
            await asyncio.sleep(2)
            writing.cancel()
            await until(lambda: all(len(node.arrived()) >= node.lines for node in nodes), seconds=120)
        finally:
            writing.cancel()
            found = [
                f"node {number}: {len(set(range(1, node.lines + 1)) - set(node.arrived()))} lines lost, "
                f"{len(node.arrived()) - len(set(node.arrived()))} twice, "
                f"engine {'the same' if node.agent.engines() == node.engines else 'another'}"
                for number, node in enumerate(nodes)
            ]
            await asyncio.gather(*(node.end() for node in nodes), return_exceptions=True)
    lines = sum(node.lines for node in nodes)
    print(f"{'agents upgraded':24}{count}, {AT_ONCE} at a time, with the embedded engine")
    print(f"{'lines meanwhile':24}{lines}")
    print(f"{'seconds of each':24}{min(seconds):.1f} to {max(seconds):.1f}")
    return [each for each in found if not each.endswith(": 0 lines lost, 0 twice, engine the same")]


async def _write(nodes: list[Node]) -> None:
    while True:
        for node in nodes:
            node.write()
            # Between two of them, so that many files never hold up the gateways that run beside.
            await asyncio.sleep(PAUSE_SECONDS / len(nodes))


if __name__ == "__main__":
    wrong = asyncio.run(upgrade(int(sys.argv[1]) if len(sys.argv) > 1 else AGENTS))
    print("\n".join(wrong) or "no line lost or twice, and no engine noticed")
    sys.exit(1 if wrong else 0)
