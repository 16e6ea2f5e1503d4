"""Counting and printing: rows of the table, percentiles, processor time, work for many agents at once."""

import argparse
import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec

from simulated.agents import Agent
from simulated.house import House, Organization, children
from vectorflow.entry.process import Process

AT_ONCE = 64
_TICKS = os.sysconf("SC_CLK_TCK")


class Run(msgspec.Struct):
    """What the parts share."""

    house: House
    process: Process
    options: argparse.Namespace
    organizations: list[Organization]
    agents: list[Agent] = []
    failed: list[str] = []

    def row(self, part: str, figure: str, wanted: str = "-", reached: bool | None = None) -> None:
        """Print a row; one that did not reach what was wanted ends the run with exit code 1."""
        mark = {None: "", True: "yes", False: "NO"}[reached]
        print(f"{part:<46}{figure:<52}{wanted:<22}{mark}", flush=True)
        if reached is False:
            self.failed.append(part)


class Spent:
    """Processor seconds that the parts of the house, and everybody else, used since this was made."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._began = time.monotonic()
        self._before = self._read()

    def __call__(self) -> dict[str, float]:
        """Return seconds by part; `others` are other programs, `stolen` the hypervisor's, `elapsed` the clock's."""
        now = self._read()
        spent = {name: max(0.0, now[name] - self._before[name]) for name in now}
        ours = spent["gateway"] + spent["postgres"] + spent["signer"] + spent["generator"]
        spent["others"] = max(0.0, spent.pop("busy") - ours)
        spent["elapsed"] = time.monotonic() - self._began
        return spent

    def _read(self) -> dict[str, float]:
        busy, stolen = _machine()
        pids = self._house.pids()
        postgres = pids.get("postgres", 0)
        return {
            "gateway": _cpu(pids.get("gateway", 0)),
            "signer": _cpu(pids.get("signer", 0)),
            "postgres": sum(_cpu(each) for each in [postgres, *children(postgres)]),
            "generator": time.process_time(),
            "busy": busy,
            "stolen": stolen,
        }


def _cpu(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _machine() -> tuple[float, float]:
    with contextlib.suppress(OSError):
        fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return (sum(fields[:3]) + sum(fields[5:7])) / _TICKS, fields[7] / _TICKS
    return 0.0, 0.0


def memory(pid: int) -> int:
    """Return a process's resident bytes; 0 where there is no /proc."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that this share of all does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def latencies(values: list[float]) -> str:
    """Show the middle, the 99th percentile and the worst, of seconds."""
    at = [percentile(values, share) * 1000 for share in (0.5, 0.99, 1.0)]
    return f"p50 {at[0]:,.1f} ms, p99 {at[1]:,.1f} ms, worst {at[2]:,.0f} ms"


async def for_all(
    items: Iterable[object], work: Callable[..., Awaitable[None]], at_once: int = AT_ONCE
) -> None:
    """Do the work for every item, so many at once."""
    remaining = iter(items)

    async def one() -> None:
        for item in remaining:
            await work(item)

    await asyncio.gather(*(one() for _ in range(at_once)))


async def flat_out(run: Run, seconds: float, work: Callable[[Agent], Awaitable[None]]) -> float:
    """Work with 64 agents at once until the time is up; return the seconds it took."""
    began = time.monotonic()
    lanes = min(AT_ONCE, len(run.agents))

    async def lane(mine: list[Agent]) -> None:
        while True:
            for agent in mine:
                if time.monotonic() - began >= seconds:
                    return
                await work(agent)

    await asyncio.gather(*(lane(run.agents[start::lanes]) for start in range(lanes)))
    return time.monotonic() - began
