"""Runs the suite against every mutant, and writes down what noticed it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg
from packages.server.tests.isolation import checks
from packages.server.tests.isolation.functions import DEFER, DEFINERS, function_cases
from packages.server.tests.isolation.mutants import FUNCTIONS, Mutant, mutants
from packages.server.tests.isolation.running import Case, Runner
from packages.server.tests.isolation.tables import owner_cases, table_cases
from packages.server.tests.isolation.world import World


class Verdict(NamedTuple):
    """What became of a mutant: `by` is `case` or `catalogue`, empty when it survived."""

    mutant: Mutant
    by: str
    evidence: str


def all_cases(connection: psycopg.Connection[Any], world: World) -> list[Case]:
    """Every case there is, those of the owner too."""
    found = [
        *table_cases(connection, world),
        *function_cases(connection, world),
        *owner_cases(connection, world),
    ]
    connection.rollback()
    return found


def judge_all(connection: psycopg.Connection[Any], world: World, cases: Iterable[Case]) -> list[Verdict]:
    """Apply each mutant in turn as the superuser, look whether anything notices, and undo it."""
    by_object: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_object[FUNCTIONS if case.object in DEFINERS or case.object == DEFER else case.object].append(case)
        if case.object in DEFINERS:
            by_object[case.object].append(case)
    made = mutants(connection, world)  # first, as it rolls back, which would undo what a runner sets
    runner, order = Runner(connection, world, become=True), _Order()
    verdicts = []
    for mutant in made:
        found = [case for name in mutant.objects for case in by_object[name]]
        verdicts.append(_judge(connection, runner, mutant, found, order))
    connection.rollback()
    return verdicts


class _Order:
    """Puts the cases first that are like those which noticed mutants of the same kind before; it leaves none out."""

    def __init__(self) -> None:
        self._noticed: dict[str, set[object]] = defaultdict(set)

    def of(self, mutant: Mutant, cases: list[Case]) -> list[Case]:
        """Return all the cases, likely ones first."""
        noticed = self._noticed[mutant.kind]
        return sorted(cases, key=lambda case: [alike not in noticed for alike in _likeness(case)])

    def learn(self, mutant: Mutant, case: Case) -> None:
        """Remember what noticed a mutant."""
        self._noticed[mutant.kind].update(_likeness(case))


def _likeness(case: Case) -> tuple[object, object]:
    what = (*case.command.split()[:2], case.scope.name)  # without the name of what an INSERT crosses
    return (case.role, *what), what


def _judge(
    connection: psycopg.Connection[Any], runner: Runner, mutant: Mutant, cases: list[Case], order: _Order
) -> Verdict:
    try:
        with runner.changed(mutant.statements):
            for case in order.of(mutant, cases):
                for fault in runner.faults([case]):
                    order.learn(mutant, case)
                    return Verdict(mutant, "case", fault)
            found = checks.faults(connection)
            return Verdict(mutant, "catalogue" if found else "", "; ".join(found))
    except psycopg.Error as error:
        return Verdict(mutant, "", f"could not be applied: {error}")
