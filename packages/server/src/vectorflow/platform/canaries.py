"""Two canary organisations that `migrate` puts in, tries every serving role against, and takes out again.

What the isolation suite shows in tests this shows on the very database that is about to be served.
"""

from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from vectorflow.platform.catalogue import RowMaker, Table, insertion, read_tables
from vectorflow.platform.credentials import SERVING, Role
from vectorflow.platform.scope import ScopeSigner

# (role, table) where the role is meant to go beyond one organisation, each with the reason.
BEYOND = {
    ("vf_worker", "jobs.procrastinate_jobs"): "the worker claims every organisation's jobs",
    ("vf_telemetry", "public.counters"): "writes what gateways took from authenticated tokens; reads nothing",
    (
        "vf_telemetry",
        "public.host_metrics",
    ): "writes what gateways took from authenticated tokens; reads nothing",
}


def goes_beyond(role: str, table: str) -> bool:
    """Tell whether a role may reach every organisation's rows of a table: the backup reads, the others stand above."""
    return role == Role.BACKUP.value or (role, table) in BEYOND


class IsolationBroken(Exception):
    """A canary was seen or touched from another organisation: this database must not be served."""


def try_fences(connection: psycopg.Connection[Any], signer: ScopeSigner) -> int:
    """Seed two canaries in a transaction that is rolled back and try each role; return how many tries there were.

    Raises `IsolationBroken`, naming role, table and scope.
    """
    with connection.transaction(force_rollback=True):
        known = read_tables(connection)
        maker = RowMaker(known)
        tables = {
            name: table
            for name, table in known.items()
            if table.tenant_column and table.kind in ("r", "p") and not table.partition_of
        }
        mine, other = uuid4(), uuid4()
        for organization in (mine, other):
            for name in tables:
                if not name.endswith(".organization_slugs"):
                    maker.insert(connection, name, organization, 0)
        tries = _Tries(connection, signer, maker, mine, other)
        for role in SERVING:
            for table in tables.values():
                if (role.value, table.name) not in BEYOND:
                    tries.read(role, table)
                    tries.insert(role, table)
        return tries.count


class _Scope(NamedTuple):
    """A scope to try: its name, its text, and the organisations it may reach (None: it must be refused)."""

    name: str
    text: str
    reaches: set[UUID] | None


class _Tries:
    def __init__(
        self,
        connection: psycopg.Connection[Any],
        signer: ScopeSigner,
        maker: RowMaker,
        mine: UUID,
        other: UUID,
    ) -> None:
        self._connection = connection
        self._maker = maker
        self._mine, self._other = mine, other
        self._genuine = signer.sign(mine)
        self._forged = f"{other}{self._genuine[36:]}"
        self.count = 0

    def read(self, role: Role, table: Table) -> None:
        """Read the whole table without a scope, with a genuine one and with a forged one."""
        column = table.tenant_column or ""
        allowed = self._connection.execute(
            "select has_column_privilege(%s, %s, %s, 'select')", [role.value, table.name, column]
        ).fetchone()
        if allowed != (True,):
            return
        scopes = (
            _Scope("no scope", "", set()),
            _Scope("its own scope", self._genuine, {self._mine}),
            _Scope("a forged scope", self._forged, None),
        )
        statement = sql.SQL("select {} from {}").format(sql.Identifier(column), table.identifier)
        for scope in scopes:
            self._expect(role, table, scope, statement)

    def insert(self, role: Role, table: Table) -> None:
        """Try to write the other organisation's row with one's own genuine scope."""
        allowed = self._connection.execute(
            "select has_table_privilege(%s, %s, 'insert')", [role.value, table.name]
        ).fetchone()
        if allowed == (True,):
            statement, values = insertion(table, self._maker.row(table.name, self._other, 0))
            self._expect(role, table, _Scope("another's scope", self._genuine, None), statement, values)

    def _expect(
        self,
        role: Role,
        table: Table,
        scope: _Scope,
        statement: sql.Composed,
        values: list[Any] | None = None,
    ) -> None:
        self.count += 1
        seen: set[UUID] | None = None
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role.value)))
                self._connection.execute("select set_config('vf.scope', %s, true)", [scope.text])
                cursor = self._connection.execute(statement, values)
                seen = {row[0] for row in cursor} if cursor.description else set()
        except psycopg.errors.InsufficientPrivilege:
            seen = None
        except psycopg.IntegrityError:  # let through by the fence and stopped by a key
            seen = {self._other}
        if seen != scope.reaches:
            happened = "was refused" if seen is None else f"reached {len(seen)} organisations"
            message = f"{IsolationBroken.__doc__} {role.value} on {table.name} with {scope.name} {happened}."
            raise IsolationBroken(message)
