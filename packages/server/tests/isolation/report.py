"""Writes docs/security/isolation-report.md: what the suite tried, and what became of every mutant.

Run by `make isolation-report`. Starts a PostgreSQL of its own and takes it down again.
"""

import collections
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
from packages.server.tests.isolation.arrangements import APART, SAID_TWICE
from packages.server.tests.isolation.executing import Executor, Ran, run_all
from packages.server.tests.isolation.killing import Verdict, all_cases, judge_all
from packages.server.tests.isolation.running import Case, Runner
from packages.server.tests.isolation.twins import make_twins
from packages.server.tests.isolation.world import CLOSED, World, seed

from vectorflow.platform import credentials
from vectorflow.platform.canaries import BEYOND
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.scope import ScopeSigner

AT_ONCE = 2000
PAGE = Path(__file__).resolve().parents[4] / "docs/security/isolation-report.md"
HEAD = """# Isolation report

Written by `make isolation-report`, from a run on a real PostgreSQL with the real roles. The cases are made from the
database's own catalogue: every table, partition, sequence and function, with every command, as every role that a
process connects with, under every scope. The mutants are the fences of the same catalogue, taken down one at a time;
the suite has to notice each. Then every statement of the server is run without any fence. The tests that CI runs are in `packages/server/tests/isolation`.
"""


def main() -> int:
    """Run the suite and write the page; the exit code is 1 when a case failed or a mutant survived."""
    directory = Path(tempfile.mkdtemp(prefix="vectorflow-isolation-"))
    cluster = EmbeddedPostgres(directory / "postgres", durable=False)
    cluster.start()
    try:
        url = cluster.ensure_database("isolation")
        migrate(url, directory / "state")
        signer = ScopeSigner(credentials.scope_key(directory / "state"))
        with psycopg.connect(url) as connection:
            ran = run_all(Executor(connection, make_twins(connection), signer))
            connection.rollback()
            world = seed(connection, signer)
            connection.commit()
            cases = all_cases(connection, world)
            faults: list[str] = []
            for start in range(0, len(cases), AT_ONCE):
                faults += Runner(connection, world, become=True).faults(cases[start : start + AT_ONCE])
                connection.rollback()  # a transaction holds only so many locks
            verdicts = judge_all(connection, world, cases)
            version = str(connection.info.parameter_status("server_version")).split()[0]
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)
    PAGE.write_text("\n".join(page(world, Results(cases, faults, verdicts, ran), version)) + "\n")
    survived = [each for each in verdicts if not each.by]
    crossed = [fault for each in ran for fault in each.faults]
    missed = _missed(ran)
    killed = sum(len(each.killed) for each in ran)
    sys.stdout.write(
        f"{len(cases)} cases, {len(faults)} failed; {len(verdicts) - len(survived)}/{len(verdicts)} mutants killed\n"
        f"{len(ran)} statements, {len(crossed)} failed; {killed}/{killed + len(missed)} mutants killed\n"
    )
    return 1 if faults or survived or crossed or missed else 0


class Results(NamedTuple):
    """What came of the cases, of the fences taken down, and of the statements."""

    cases: Sequence[Case]
    faults: Sequence[str]
    verdicts: Sequence[Verdict]
    ran: Sequence[Ran]


def page(world: World, results: Results, version: str) -> Iterator[str]:
    """Yield the lines of the page."""
    cases, faults, verdicts, ran = results
    survived = [each for each in verdicts if not each.by]
    yield HEAD
    yield f"- PostgreSQL {version}; {len(world.tenant_tables)} tables of organisations, {len(CLOSED)} closed tables."
    yield f"- {len(cases)} cases, {len(faults)} failed."
    yield f"- {len(verdicts) - len(survived)} of {len(verdicts)} mutants killed."
    yield from ("", "## Cases by role and command", "")
    yield from _table("Role", cases, lambda each: each.role, lambda each: each.command.split()[0])
    yield from ("", "## Cases by scope", "", "| Scope | Cases |", "|---|---|")
    scopes = collections.Counter(each.scope.name for each in cases)
    yield from (f"| {name} | {count} |" for name, count in sorted(scopes.items()))
    yield from (
        "",
        "## Mutants",
        "",
        "| Fence taken down | Mutants | By a case | By the catalogue | Survived |",
    )
    yield "|---|---|---|---|---|"
    for kind in sorted({each.mutant.kind for each in verdicts}):
        by = collections.Counter(each.by for each in verdicts if each.mutant.kind == kind)
        yield f"| {kind} | {by.total()} | {by['case']} | {by['catalogue']} | {by['']} |"
    yield from _statements(ran)
    yield from (
        "",
        "## Where a role goes beyond one organisation, and why",
        "",
        "| Role | Table | Why |",
        "|---|---|---|",
    )
    yield from (f"| `{role}` | `{table}` | {why} |" for (role, table), why in BEYOND.items())
    yield from ("", "## Tables closed to every role that serves", "", "| Table | Why |", "|---|---|")
    yield from (f"| `{table}` | {why} |" for table, why in CLOSED.items())
    if faults or survived:
        yield from ("", "## What is wrong", "")
        yield from (f"- {each}" for each in [*faults, *(f"survived: {each.mutant}" for each in survived)])


def _missed(ran: Sequence[Ran]) -> list[str]:
    """The mutants of statements that nobody noticed, but for filters that are said twice."""
    return [
        str(mutant)
        for each in ran
        for mutant in each.survived
        if (each.statement.place, each.statement.name, mutant.number) not in SAID_TWICE
    ]


def _statements(ran: Sequence[Ran]) -> Iterator[str]:
    yield from (
        "",
        "## Statements with row-level security out of the way",
        "",
        "Every statement of every store is run as a superuser, whom no policy stops, in a database where two",
        "organisations are twins: each row is there for both, with the same ids and values. It must neither see nor",
        "change anything of the other. Then each of its filters by organisation is taken out, one at a time, and the",
        "other must be seen or changed, or the row refused.",
        "",
        "| Module | Statements | Failed | Mutants | Killed |",
        "|---|---|---|---|---|",
    )
    by_room: dict[str, list[Ran]] = collections.defaultdict(list)
    for each in ran:
        by_room[each.statement.place.partition("/")[0]].append(each)
    for room, found in sorted(
        [*by_room.items(), ("all", list(ran))], key=lambda item: (item[0] == "all", item[0])
    ):
        killed = sum(len(each.killed) for each in found)
        total = killed + sum(len(each.survived) for each in found)
        yield f"| {room} | {len(found)} | {sum(bool(each.faults) for each in found)} | {total} | {killed} |"
    yield from ("", "Filters that are said twice, so that nothing happens without one of them:", "")
    yield from (f"- `{name}` in `{place}`: {why}" for (place, name, _), why in SAID_TWICE.items())
    yield from ("", "Run in another way:", "")
    yield from (f"- `{name}` in `{place}`: {why}" for (place, name), why in APART.items())
    wrong = [*_missed(ran), *(f"{each.statement}: {fault}" for each in ran for fault in each.faults)]
    if wrong:
        yield from ("", "What is wrong:", "", *(f"- {each}" for each in wrong))


def _table(head: str, cases: Sequence[Case], row_of, column_of) -> Iterator[str]:
    counted = collections.Counter((row_of(each), column_of(each)) for each in cases)
    columns = sorted({column for _, column in counted})
    yield f"| {head} | {' | '.join(columns)} |"
    yield "|---" * (len(columns) + 1) + "|"
    for row in sorted({row for row, _ in counted}):
        yield f"| `{row}` | {' | '.join(str(counted[row, column]) for column in columns)} |"


if __name__ == "__main__":
    raise SystemExit(main())
