"""Runs cases, each in a savepoint of its own, and judges what came of them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from packages.server.tests.isolation.world import Scope, World
from psycopg import sql


class Expected(NamedTuple):
    """What must come of a case; `how` is one of the methods of `_Judge`."""

    how: str
    value: Any = None


class Case(NamedTuple):
    """One try: a role does something to an object with a scope. `probe` reads the effect as the superuser."""

    role: str
    object: str
    command: str
    scope: Scope
    statement: sql.Composable
    values: tuple[Any, ...]
    expected: Expected
    probe: sql.Composable | None = None

    def __str__(self) -> str:
        return f"{self.role} · {self.command} {self.object} · scope {self.scope.name}"


class Outcome(NamedTuple):
    """What came of a case: rows, a count or an error."""

    rows: list[Any]
    count: int
    sqlstate: str
    message: str

    def __str__(self) -> str:
        if self.sqlstate:
            return f"{self.sqlstate} {self.message}"
        return f"{len(self.rows)} rows, {self.count} touched"


class Runner:
    """A connection that runs cases inside one transaction, which is rolled back at the end.

    With `become` the connection is the superuser's and takes each case's role, which a mutant in the same
    transaction needs; without, it is the role's own login.
    """

    def __init__(self, connection: psycopg.Connection[Any], world: World, *, become: bool) -> None:
        self._cursor = psycopg.ClientCursor(connection)  # one round trip for several statements
        self._world = world
        self._become = become
        if become:
            self._cursor.execute("set search_path = public, jobs")  # as every serving role has it

    def faults(self, cases: Iterable[Case]) -> Iterator[str]:
        """Run the cases and yield what is wrong."""
        for case in cases:
            outcome = self.run(case)
            complaint = _Judge(self._world, outcome).complaint(case.expected)
            if complaint:
                yield f"{case}: {complaint}; got {outcome}"

    def run(self, case: Case) -> Outcome:
        """Run one case and undo it."""
        parts = [sql.SQL("savepoint case_begins")]
        if self._become:
            parts.append(sql.SQL("set local session authorization {}").format(sql.Identifier(case.role)))
        for scope in (case.scope.begins, case.scope.then):
            if scope is not None:
                parts.append(sql.SQL("select set_config('vf.scope', {}, true)").format(sql.Literal(scope)))
        parts.append(case.statement)
        if case.probe is not None:
            parts += [sql.SQL("set local session authorization default"), case.probe]
        try:
            self._cursor.execute(sql.SQL("; ").join(parts), case.values or None)
            return self._last()
        except psycopg.Error as error:
            return Outcome([], 0, error.sqlstate or "?", str(error).splitlines()[0])
        finally:
            self._cursor.execute("rollback to savepoint case_begins")

    @contextmanager
    def changed(self, statements: Iterable[str]) -> Iterator[None]:
        """Apply statements, and undo them on leaving; what fails to apply raises."""
        self._cursor.execute("savepoint mutant_begins")
        try:
            for statement in statements:
                self._cursor.execute(statement)
            yield
        finally:
            self._cursor.execute("rollback to savepoint mutant_begins")

    def _last(self) -> Outcome:
        while self._cursor.nextset():
            pass
        rows = self._cursor.fetchall() if self._cursor.description else []
        return Outcome(rows, self._cursor.rowcount, "", "")


class _Judge:
    def __init__(self, world: World, outcome: Outcome) -> None:
        self._world = world
        self._outcome = outcome
        self._named = world.organizations_in(repr(outcome.rows))

    def complaint(self, expected: Expected) -> str:
        """Return what is wrong, an empty string when all is as expected."""
        return str(getattr(self, expected.how)(expected.value))

    def refused(self, word: str) -> str:
        """Refused for want of a right, with this word in the message."""
        fits = self._outcome.sqlstate == "42501" and word in self._outcome.message
        return "" if fits else f"must be refused ({word})"

    def fails(self, sqlstate: str) -> str:
        """Refused with this SQLSTATE."""
        return "" if self._outcome.sqlstate == sqlstate else f"must fail with {sqlstate}"

    def allowed(self, _: None) -> str:
        """Not refused for want of a right (it may fail for another reason)."""
        return "" if self._outcome.sqlstate != "42501" else "must be allowed"

    def works(self, _: None) -> str:
        """Goes through."""
        return self._outcome.sqlstate and "must work"

    def touches(self, count: int) -> str:
        """Changes exactly so many rows."""
        fits = not self._outcome.sqlstate and self._outcome.count == count
        return "" if fits else f"must touch {count} rows"

    def reads(self, wanted: dict[UUID, int]) -> str:
        """Reads exactly so many rows of each organisation; the first column is the organisation."""
        seen: dict[UUID, int] = {}
        for row in self._outcome.rows:
            seen[row[0]] = seen.get(row[0], 0) + 1
        fits = not self._outcome.sqlstate and seen == wanted
        return "" if fits else f"must read {sorted(wanted.values())} rows"

    def answers(self, value: Any) -> str:
        """Gives exactly this value in the first column of its one row."""
        fits = not self._outcome.sqlstate and [row[0] for row in self._outcome.rows] == [value]
        return "" if fits else f"must answer {value!r}"

    def names(self, organizations: set[UUID]) -> str:
        """The answer names exactly these organisations."""
        fits = not self._outcome.sqlstate and self._named == organizations
        return "" if fits else f"must name {len(organizations)} organisations"

    def hides(self, organization: UUID) -> str:
        """Whatever happens, the answer does not name this organisation."""
        return "must not be named" if organization in self._named else ""
