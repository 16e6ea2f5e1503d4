"""How fast VRL answers from its killable workers: ``python bench/vrl.py``.

Prints what was measured beside the number to build for. The check is of 50 components in the topology
library, ten of them with programs and ten with conditions, none of them alike.
"""

import asyncio
import json
import sys
import time
from typing import Any

import topology

from vectorflow_engine.vrl import VrlPool, WorkerVrlCompiler
from vectorflow_engine.vrl.timestamps import Timestamp
from vectorflow_topology import vrl as wanted
from vectorflow_topology.checks import check
from vectorflow_topology.document import document_from_json, document_to_json

PLAIN = '.env = "bench"\n.slow = .ms\n.kept = true'
TYPED = '.env = "bench"\n.at = .ts\n.old = is_timestamp(.ts)'
EVENTS, BATCH, RUNS = 20_000, 1_000, 3


def events(kind: type[str]) -> list[dict[str, Any]]:
    """Lines of an access log, their time as ``kind``."""
    return [
        {"id": f"{n:08x}", "ts": kind(f"2026-01-01T00:00:00.{n:06d}Z"), "path": f"/api/{n}", "ms": 12.5}
        for n in range(EVENTS)
    ]


class Compiler:
    """The worker in the form that checks ask for."""

    def __init__(self, worker: WorkerVrlCompiler) -> None:
        self._worker = worker

    def compile(self, program: str, *, kind: Any) -> list[wanted.VrlDiagnostic]:
        """What is wrong with a program."""
        return [
            wanted.VrlDiagnostic(severity=each.severity, message=each.message)
            for each in self._worker.compile(program, kind=kind)
        ]


def show(what: str, value: float, unit: str, goal: str) -> None:
    """One row of the table."""
    print(f"{what:<52}{value:>12.1f} {unit:<9}{goal}")


async def rates() -> None:
    """Events per second through one worker, and how long a first answer takes."""
    async with VrlPool(size=1) as pool:
        began = time.perf_counter()
        await pool.warm()
        show("start of a worker", (time.perf_counter() - began) * 1000, "ms", "")
        began = time.perf_counter()
        await pool.run(PLAIN, [{"ms": 1}])
        show("first answer of a warm worker", (time.perf_counter() - began) * 1000, "ms", "at most 50")
        await rate(pool, "plain, 3 assignments", PLAIN, events(str), "at least 25000")
        await rate(pool, "typed timestamps, 3 assignments", TYPED, events(Timestamp), "at least 15000")


async def rate(pool: VrlPool, what: str, program: str, made: list[dict[str, Any]], goal: str) -> None:
    """The best of a few runs."""
    best = 0.0
    for _ in range(RUNS):
        began = time.perf_counter()
        for start in range(0, EVENTS, BATCH):
            await pool.run(program, made[start : start + BATCH])
        best = max(best, EVENTS / (time.perf_counter() - began))
    show(what, best, "events/s", goal)


def checks() -> None:
    """The check of 50 components with VRL, warm."""
    text = json.dumps(document_to_json(topology.document(10)))
    for n in range(10):
        text = text.replace("$1", f"program {n}", 1).replace(".s > VAR[n]", f"(to_int(.s) ?? 0) > {n}", 1)
    document = document_from_json(json.loads(text.replace("get_hostname!()", "upcase(string!(.host))")))
    with WorkerVrlCompiler() as worker:
        worker.warm()
        best = float("inf")
        for _ in range(RUNS):
            began = time.perf_counter()
            check(document, vrl=Compiler(worker))
            best = min(best, time.perf_counter() - began)
    show(f"check of {len(document.components)} components with VRL", best * 1000, "ms", "at most 200")


if __name__ == "__main__":
    asyncio.run(rates())
    checks()
    sys.exit(0)
