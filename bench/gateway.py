"""What one gateway core carries: ``python bench/gateway.py [--nodes N] [--organizations M] [--seconds S]``.

The real gateway (pinned to the first core) and signer run as processes on an embedded PostgreSQL (last core),
which the load generator shares. Loopback only. In full: ``--nodes 10000 --organizations 50 --seconds 60 --kills 20``.
Other programs on the machine disturb latencies; as root, ``--undisturbed`` gives these processes precedence.
The exit code is 1 when a figure was not reached.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import uvloop
from simulated.beating import heartbeats, large, statements
from simulated.breaking import herd, reports
from simulated.desired import bundles, enrolments, polls, streams, tell
from simulated.house import House, admit, settle
from simulated.measure import Run
from simulated.telling import logs

from vectorflow.entry.process import Process
from vectorflow.platform.logs import configure_logs

PARTS = (enrolments, streams, bundles, tell, polls, heartbeats, large, statements, logs, herd, reports)


async def main() -> int:
    """Run every part and print the table."""
    options = _options()
    configure_logs(json=False, level="error" if options.kills else "warning")
    with tempfile.TemporaryDirectory(prefix="vectorflow-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as nobody when root starts it
        house = House(Path(folder), undisturbed=options.undisturbed)
        with house.standing():
            async with _opened(house, options) as run:
                gc.freeze()
                gc.disable()  # the generator's own pauses are not the gateway's
                load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
                print(
                    f"{options.nodes:,} agents of {len(run.organizations)} organisations, {len(house.cores)} cores, "
                    f"load {load}, {'undisturbed' if house.undisturbed else 'sharing with other programs'}",
                    flush=True,
                )
                run.row("part", "figure", "to reach")
                for part in PARTS:
                    if not options.parts or part.__name__ in (*options.parts, "enrolments"):
                        await _tried(part, run)
                for agent in run.agents:
                    agent.close()
                return 1 if run.failed else 0


async def _tried(part: Callable[[Run], Awaitable[None]], run: Run) -> None:
    """Run a part; one that fails is a row that was not reached, and the others are measured all the same."""
    try:
        await part(run)
    except Exception as error:
        run.row(part.__name__, f"failed: {type(error).__name__} {error}"[:120], "-", reached=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", help=f"of {', '.join(each.__name__ for each in PARTS)}; all by default"
    )
    parser.add_argument("--nodes", type=int, default=500, help="simulated agents (at most 20,000)")
    parser.add_argument("--organizations", type=int, default=10, help="organisations they belong to")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the heartbeats (at most 60)")
    parser.add_argument("--rate", type=float, default=833.0, help="heartbeats per second; 0 leaves them out")
    parser.add_argument("--kills", type=int, default=4, help="how often something is killed under reports")
    parser.add_argument("--seed", type=int, default=1, help="what is killed when")
    parser.add_argument("--undisturbed", action="store_true", help="real-time scheduling; needs root")
    parser.add_argument("--verbose", action="store_true", help="name the statements that were counted")
    options = parser.parse_args()
    options.nodes = max(1, min(options.nodes, 20_000))
    options.organizations = max(1, min(options.organizations, options.nodes, 200))
    options.seconds = max(1.0, min(options.seconds, 60.0))
    unknown = set(options.parts) - {each.__name__ for each in PARTS}
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return options


@contextlib.asynccontextmanager
async def _opened(house: House, options: argparse.Namespace) -> AsyncIterator[Run]:
    async with Process.running(house.settings) as process:
        organizations = await settle(process, options.organizations)
        await house.start("signer")
        await house.start("gateway")
        for organization in organizations:
            await admit(process, organization, options.nodes)
        yield Run(house, process, options, organizations)
        await asyncio.sleep(0)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
