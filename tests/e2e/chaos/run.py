"""The chaos run: kills at random during rollouts, by a seed, and the verdict.

`make chaos` is the full size: 20 agents with 3 pipelines each, at least 200 kills in ten minutes.
`python -m tests.e2e.chaos.run --agents 4 --seconds 60 --kills 20` is a small one; `--mutant` runs agents
without hand-over, which must be found guilty.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from tests.e2e.chaos.house import House
from tests.e2e.chaos.judge import Evidence, lives, violations
from tests.e2e.pipelines import component, document
from tests.e2e.stack import wait_until

KINDS = ("beside", "reload", "restart")
VICTIMS = {"agent": 34, "engine": 40, "gateway": 10, "signer": 9, "postgres": 7}
AWAY_SECONDS = (0.2, 2.0)
ROLLOUT_SECONDS = 4.0
LEAST_ROLLOUTS = 2
STOPPED_KIND = "restart"
STOPS_SHARE = 0.4
"""So often a turn of that pipeline is an order to stop; the other two must never be without an engine."""


class Chaos:
    """One run."""

    def __init__(self, folder: Path, *, seed: int, agents: int, mutant: bool) -> None:
        self.house = House(folder, agents, mutant=mutant)
        self.samples = folder / "samples.jsonl"
        self._dice = random.Random(seed)
        self._pipelines: dict[str, str] = {}
        self._mark = 0
        self._ordered: list[float] = []
        self._orders: dict[str, list[int | None]] = {}
        self._killed: set[int] = set()
        self._agents_killed: list[tuple[float, str]] = []
        self._began = 0.0
        self.unrest = ""
        self.kills: Counter[str] = Counter()
        self.rollouts = self.stops = 0
        self._stopped = False

    def run(self, seconds: float, kills: int) -> list[str]:
        """Prepare, kill for a time, let things settle, and give the verdict."""
        try:
            self.house.start()
            self.house.sample(self.samples)
            for kind in KINDS:
                self._create(kind)
            try:
                wait_until(self._calm, seconds=180, what="every node runs its first revisions", pause=1)
            except AssertionError as error:
                raise AssertionError(f"{error}: {self.unrest}") from error
            self._rage(seconds, kills)
            missed = (
                [f"only {self.kills.total()} of {kills} kills were done"]
                if self.kills.total() < kills
                else []
            )
            with contextlib.suppress(AssertionError):
                # What does not come to rest is for the judge to describe.
                wait_until(self._calm, seconds=180, what="every node runs its assignment", pause=1)
            with contextlib.suppress(AssertionError):
                # A report waits up to a quarter of a minute for the next try.
                wait_until(self._reported, seconds=120, what="every report is stored", pause=1)
            time.sleep(2)
            return missed + violations(self._evidence())
        finally:
            self.house.end()

    def _document(self, kind: str) -> Any:
        self._mark += 1
        mark = f"chaos-{self._mark}"
        url = f"http://127.0.0.1:{self.house.receiver.port}/"
        if kind == "beside":
            source = component("in", "source", "demo_logs", format="shuffle", lines=[mark], interval=1.0)
        else:
            source = component("in", "source", "file", include=[f"/var/log/{mark}.log"])
        sink = component("out", "sink", "http", uri=url, method="post", encoding={"codec": "json"})
        made = document([source, sink], [("in", "_default", "out")])
        if kind == "restart":
            # Vector does not take over the root settings while it runs.
            made["globals"] = {"timezone": "Europe/Berlin" if self._mark % 2 else "Europe/Paris"}
        return made

    def _create(self, kind: str) -> None:
        api = self.house.api
        content = self._document(kind)
        made = api.post(f"{api.base}/pipelines", {"name": kind, "description": "", "document": content})
        self._pipelines[kind] = str(made["id"])
        self._roll_out(kind)

    def _revise(self, kind: str) -> None:
        api, path = self.house.api, f"{self.house.api.base}/pipelines/{self._pipelines[kind]}"
        current = api.raw("GET", path)
        current.raise_for_status()
        body = {"name": kind, "description": "", "document": self._document(kind)}
        api.raw("PUT", path, json=body, headers={"If-Match": current.headers["etag"]}).raise_for_status()
        self._roll_out(kind)

    def _roll_out(self, kind: str) -> None:
        api = self.house.api
        if kind == "restart":
            self._ordered.append(time.monotonic())
        order = {
            "revision": None,
            "message": "",
            "batch_size": None,
            "watch_seconds": 0,
            "timeout_seconds": 600,
        }
        with self._order(kind, self._mark):
            api.raw(
                "POST", f"{api.base}/pipelines/{self._pipelines[kind]}/rollouts", json=order
            ).raise_for_status()
        self.rollouts += 1

    @contextlib.contextmanager
    def _order(self, kind: str, mark: int | None) -> Iterator[None]:
        """Keep what is ordered, None to stop: once acknowledged it alone counts, till then it may count."""
        orders = self._orders.setdefault(self._pipelines[kind], [])
        orders.append(mark)
        try:
            yield
        except httpx2.HTTPStatusError as error:
            if error.response.status_code < 500:
                orders.pop()  # refused, as while another rollout is under way
            raise
        orders[:] = [mark]

    def _turn(self, kind: str) -> None:
        """Order something new: another revision, or to stop, which the next revision undoes."""
        wish = self._dice.random() < STOPS_SHARE
        if kind != STOPPED_KIND or self._stopped or not wish:
            self._revise(kind)
            self._stopped = self._stopped and kind != STOPPED_KIND
            return
        api = self.house.api
        self._ordered.append(time.monotonic())
        path = f"{api.base}/pipelines/{self._pipelines[kind]}/stop"
        with self._order(kind, None):
            api.raw("POST", path, json={"message": "chaos"}).raise_for_status()
        self._stopped = True
        self.stops += 1

    def _rage(self, seconds: float, kills: int) -> None:
        self._began = began = time.monotonic()
        next_kill = next_rollout = began
        while (
            (now := time.monotonic()) < began + seconds
            or self.kills.total() < kills
            or self.rollouts < len(KINDS) + LEAST_ROLLOUTS
            or not self.stops
        ):
            if now > began + 2 * seconds + 60:
                break
            self.house.tend(self._dice.uniform(*AWAY_SECONDS))
            if now >= next_kill:
                self._kill()
                next_kill = now + seconds / (kills * 1.05) * self._dice.uniform(0.5, 1.5)
            if now >= next_rollout:
                # Half of it may be down: then it is tried again soon.
                next_rollout = now + 1.0
                with contextlib.suppress(httpx2.HTTPError):
                    self._turn(self._dice.choice(KINDS))
                    next_rollout = now + ROLLOUT_SECONDS
            time.sleep(0.05)

    def _kill(self) -> None:
        (kind,) = self._dice.choices(list(VICTIMS), weights=list(VICTIMS.values()))
        if kind == "engine":
            engines = self._last_sample()[1]
            if not engines:
                return
            pid = self._dice.choice(engines)[0]
            self._killed.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            name = self._dice.choice(self.house.names) if kind == "agent" else kind
            process = self.house.postgres.process if kind == "postgres" else self.house.children[name]
            if process is None or process.poll() is not None:
                return
            if kind == "agent":
                self._agents_killed.append((time.monotonic(), name))
            self.house.kill(name)
        self.kills[kind] += 1

    def _last_sample(self) -> tuple[float, list[Any]]:
        with self.samples.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 100_000))
            lines = file.read().split(b"\n")
        at, engines = json.loads(lines[-2])
        return at, engines

    def _calm(self) -> bool:
        """Whether every place has one engine, and its last id is of the assigned revision."""
        self.house.tend(0)
        self.unrest = self._unrest()
        return not self.unrest

    def _unrest(self) -> str:
        try:
            assigned = self._assigned()
            ((known,),) = self.house.query("select count(*) from assignments")
        except psycopg.Error as error:
            return f"the database does not answer: {error}"
        there = {(node, pipeline): pid for pid, _, node, pipeline in self._last_sample()[1]}
        seen = self.house.receiver.seen
        wrong = [
            f"{place} is to run {mark} as {there.get(place)}, last id from {seen.get(place)}"
            for place, mark in assigned.items()
            if place not in there or seen.get(place) != (mark, there[place])
        ]
        wrong += [
            f"{place} is to run nothing, and does as {there[place]}" for place in {*there} - {*assigned}
        ]
        wrong += [
            f"{node}/{pipeline} is assigned {assigned.get((node, pipeline))}, ordered were {orders}"
            for pipeline, orders in self._orders.items()
            for node in self.house.names
            if assigned.get((node, pipeline)) not in orders
        ]
        if missing := len(KINDS) * len(self.house.names) - known:
            wrong.append(f"{missing} assignments are not there yet")
        return "; ".join(wrong)

    def _reported(self) -> bool:
        """Whether every report that was numbered is stored."""
        self.house.tend(0)
        try:
            ((stored,),) = self.house.query("select count(*) from reports")
        except psycopg.Error:
            return False
        return bool(stored == sum(self._numbered(name) for name in self.house.names))

    def _assigned(self) -> dict[tuple[str, str], int]:
        nodes = self.house.nodes()
        rows = self.house.query(
            "select a.node_id::text, a.pipeline_id::text, substring(r.document::text from 'chaos-([0-9]+)') "
            "from assignments a join revisions r on r.organization_id = a.organization_id "
            "and r.pipeline_id = a.pipeline_id and r.number = a.revision where a.desired = 'run'"
        )
        return {(nodes[node], pipeline): int(mark) for node, pipeline, mark in rows if node in nodes}

    def _evidence(self) -> Evidence:
        nodes = self.house.nodes()
        lines = self.samples.read_bytes().split(b"\n")[:-1]
        samples = [
            (at, [tuple(engine) for engine in engines])
            for at, engines in map(json.loads, lines)
            if at >= self._began
        ]
        sequences: dict[str, list[int]] = {}
        for node, sequence in self.house.query("select node_id::text, sequence from reports"):
            sequences.setdefault(nodes.get(node, node), []).append(sequence)
        applied = self.house.query(
            "select node_id::text, pipeline_id::text, number from reports where kind = 'applied'"
        )
        return Evidence(
            samples=samples,
            killed=self._killed,
            agents_killed=self._agents_killed,
            exclusive={self._pipelines["restart"]: self._ordered},
            assigned=self._assigned(),
            ordered=self._orders,
            seen=dict(self.house.receiver.seen),
            doubled=self.house.receiver.doubled,
            sequences=sequences,
            numbered={name: self._numbered(name) for name in self.house.names},
            applied=[(nodes.get(node, node), pipeline, number) for node, pipeline, number in applied],
        )

    def _numbered(self, name: str) -> int:
        file = self.house.folder / "agents" / name / "state" / "spool" / "sequence"
        return int(file.read_text())

    def summary(self) -> str:
        """What happened, in lines."""
        lines = self.samples.read_bytes().split(b"\n")[:-1]
        samples = [(at, engines) for at, engines in map(json.loads, lines)]
        processes = lives(samples)
        times = [at for at, _ in samples]
        longest = max((later - at for at, later in pairwise(times)), default=0.0)
        kills = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kills.items()))
        return (
            f"kills     {self.kills.total()} ({kills})\n"
            f"orders    {self.rollouts} rollouts, {self.stops} stops\n"
            f"samples   {len(lines)} of the process table, {len(lines) / (times[-1] - times[0]):.1f} a second, "
            f"the longest pause {longest:.1f} s; {len(processes)} engine processes\n"
            f"ids       {self.house.receiver.count} received"
        )


def main() -> int:
    """Run and print; the exit code is 0 when the judge acquits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--mutant", action="store_true", help="agents without hand-over; the judge must convict"
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="vectorflow-chaos-")
    try:
        chaos = Chaos(Path(folder), seed=options.seed, agents=options.agents, mutant=options.mutant)
        found = chaos.run(options.seconds, options.kills)
        print(f"seed      {options.seed}, {options.agents} agents with {len(KINDS)} pipelines each")
        print(chaos.summary())
    finally:
        if options.keep:
            print(f"kept      {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"verdict   {'guilty' if found else 'acquitted'}")
    print("\n".join(f"  {each}" for each in found[:40]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
