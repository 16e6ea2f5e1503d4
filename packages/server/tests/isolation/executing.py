"""Runs statements and their mutants among twins, with row-level security out of the way, and sees what they reach."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from packages.server.tests.isolation.arrangements import APART, ARRANGEMENTS, Arrangement
from packages.server.tests.isolation.statements import Mutant, Statement, mutants, statements
from packages.server.tests.isolation.twins import (
    Parameters,
    Twins,
    emptied,
    touched_tables,
    wanted_rows,
    worlds,
)

from vectorflow.platform.scope import ScopeSigner

_NO_STATEMENT = "42"  # the class of SQLSTATEs for text that is no statement of this database


class Seen(NamedTuple):
    """What came of a run: the answer, the count, an error, and the rows of the other organisation afterwards."""

    rows: list[Any]
    count: int
    sqlstate: str
    message: str
    other: str


class Ran(NamedTuple):
    """What is known of one statement: what is wrong, and which of its mutants were killed."""

    statement: Statement
    faults: list[str]
    killed: list[Mutant]
    survived: list[Mutant]


def run_all(executor: "Executor") -> list[Ran]:
    """Judge every statement that touches a table of organisations, but for those that other tests run."""
    return [
        executor.judge(each)
        for each in statements()
        if executor.touches_tenants(each) and (each.place, each.name) not in APART
    ]


class Executor:
    """The superuser's connection, inside a transaction that is rolled back."""

    def __init__(self, connection: psycopg.Connection[Any], twins: Twins, signer: ScopeSigner) -> None:
        self._connection = connection
        self._twins = twins
        self._errors: list[str] = []
        # For functions that read the scope; nothing else does, since no policy holds for this role.
        connection.execute("select set_config('vf.scope', %s, false)", [signer.sign(twins.mine)])

    def touches_tenants(self, statement: Statement) -> bool:
        """Whether there is anything in it to keep apart; what only calls a function is tried with the functions."""
        return bool(touched_tables(statement, self._twins))

    def judge(self, statement: Statement) -> Ran:
        """Run a statement and its mutants in every arrangement, until each mutant is killed."""
        left, killed, faults, worked = list(mutants(statement)), [], [], False
        self._errors = []
        for arrangement in self._arrangements(statement, faults):
            with self._undone(arrangement.changes) as error:
                if error:
                    self._errors.append(error)
                    continue
                for world in worlds(statement, self._twins):
                    fault, dead, ran = self._compare(statement, left, arrangement.parameters, world)
                    worked |= ran
                    faults += fault
                    killed += dead
                    left = [each for each in left if each not in dead]
                    if not left and worked:
                        return Ran(statement, faults, killed, [])
        if not worked and not faults:
            faults.append(f"was never carried out: {list(dict.fromkeys(self._errors))}")
        return Ran(statement, faults, killed, left)

    def _arrangements(self, statement: Statement, faults: list[str]) -> Iterator[Arrangement]:
        """Yield those made by hand, each with parameters of rows that are there and of rows that are not; then others."""
        parameters = Parameters(self._connection, self._twins)
        by_hand = ARRANGEMENTS.get((statement.place, statement.name), ())
        for wanted in (Arrangement(), Arrangement(wanted_rows(statement, self._twins)), *by_hand):
            for fresh in (False, True) if statement.changed else (False,):
                with self._undone(wanted.changes) as error:
                    if error:
                        self._errors.append(error)
                        continue
                    try:
                        found = parameters.of(statement, fresh=fresh)
                    except psycopg.Error as refused:
                        faults.append(f"is no statement: {refused}")
                        return
                    found |= {name: self._asked(value) for name, value in wanted.parameters.items()}
                yield Arrangement(wanted.changes, found)

    def _compare(
        self,
        statement: Statement,
        left: Sequence[Mutant],
        parameters: Mapping[str, Any],
        world: Sequence[str],
    ) -> tuple[list[str], list[Mutant], bool]:
        with self._undone(world):
            changed = [table for name in statement.changed if (table := self._twins.table(name)) is not None]
            before = self._other(changed)
            seen = self._run(statement.text, parameters, changed)
            if seen.sqlstate:
                self._errors.append(seen.message)
                return [], [], False
            faults = [] if seen.other == before else ["changes rows of another organisation"]
            if not world and self._run(statement.text, parameters, changed) != seen:
                faults.append("is not the same twice, so that nothing can be told of its mutants")
            if not world:
                alone = [
                    emptied(table, self._twins.other) for table in touched_tables(statement, self._twins)
                ]
                with self._undone(alone):
                    without = self._run(statement.text, parameters, changed)
                if without[:3] != seen[:3]:
                    faults.append("answers otherwise when the other organisation is not there")
            dead = []
            for mutant in left:
                got = self._run(mutant.text, parameters, changed)
                if got.sqlstate.startswith(_NO_STATEMENT):
                    faults.append(f"{mutant} does not apply: {got.message}")
                elif got != seen:
                    dead.append(mutant)
            return faults, dead, True

    def _run(self, text: str, parameters: Mapping[str, Any], changed: Sequence[Any]) -> Seen:
        with self._undone([]):
            try:
                cursor = self._connection.execute(
                    text.replace("clock_timestamp()", "now()").encode(), parameters
                )
                rows = cursor.fetchall() if cursor.description else []
                return Seen(rows, cursor.rowcount, "", "", self._other(changed))
            except psycopg.Error as error:
                return Seen([], 0, error.sqlstate or "?", str(error).splitlines()[0], "")

    def _other(self, changed: Sequence[Any]) -> str:
        """A digest of the rows that the other organisation has in these tables."""
        found = []
        for table in changed:
            row = self._connection.execute(
                f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table.name} t "
                f"where {table.tenant_column} = '{self._twins.other}'"
            ).fetchone()
            found.append(repr(row))
        return " ".join(found)

    def _asked(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.startswith("="):
            return value
        row = self._connection.execute(f"{value[1:]} limit 1".encode()).fetchone()
        return None if row is None else row[0]

    def _named(self, change: str) -> str:
        return change.replace(":mine", f"'{self._twins.mine}'").replace(":other", f"'{self._twins.other}'")

    @contextmanager
    def _undone(self, changes: Sequence[str]) -> Iterator[str]:
        """Make changes and undo them on leaving; yields what kept them from being made."""
        self._connection.execute("savepoint undone")
        error = ""
        try:
            for change in changes:
                self._connection.execute(self._named(change).encode())
        except psycopg.Error as refused:
            error = str(refused)
            self._connection.execute("rollback to savepoint undone")
        try:
            yield error
        finally:
            self._connection.execute("rollback to savepoint undone")
            self._connection.execute("release savepoint undone")
