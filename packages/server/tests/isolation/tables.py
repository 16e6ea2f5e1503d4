"""Cases of tables, partitions and sequences: every command × role × scope, from the catalogue."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
from packages.server.tests.isolation.running import Case, Expected
from packages.server.tests.isolation.world import (
    BACKED_UP,
    BACKUP,
    BASE,
    CLOSED,
    ROLES,
    SEQUENCES,
    SHARED,
    Scope,
    World,
    fresh_number,
    granted,
    is_tenant,
    leaf_number,
    right_scope,
    wrong_scopes,
)
from psycopg import sql

from vectorflow.platform.canaries import goes_beyond
from vectorflow.platform.catalogue import DIRECTORY, Reference, Table, insertion

COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
NOT_GRANTED = Expected("refused", "permission denied")
BAD_SCOPE = Expected("refused", "scope")
FENCED = Expected("refused", "row-level security")
FOREIGN_KEY = Expected("fails", "23503")


def table_cases(connection: psycopg.Connection[Any], world: World) -> Iterator[Case]:
    """Every case of every table, partition and sequence of the catalogue."""
    for table in world.tables.values():
        if is_tenant(table):
            yield from _tenant(connection, world, table)
            yield from crossing_cases(connection, world, table)
        elif table.kind in ("r", "p"):
            yield from _other_table(world, table)
    for name in SEQUENCES:
        yield from _sequence(world, name)


def owner_cases(connection: psycopg.Connection[Any], world: World) -> Iterator[Case]:
    """The owner, whom only FORCE keeps behind the fence."""
    for table in world.tenant_tables:
        row = connection.execute(
            "select pg_get_userbyid(relowner) from pg_class where oid = %s::regclass", [table.name]
        ).fetchone()
        assert row is not None
        scope = wrong_scopes(world)[0]
        yield Case(row[0], table.name, "SELECT", scope, _select(table), (), Expected("reads", {}))


def _tenant(connection: psycopg.Connection[Any], world: World, table: Table) -> Iterator[Case]:
    for role in ROLES:
        for command in COMMANDS:
            may = granted(connection, role, table.name, command)
            statement, values, scopes = _command(connection, world, table, role, command, may=may)
            for scope in scopes:
                expected = _expected(world, table, role, command, scope) if may else NOT_GRANTED
                yield Case(role, table.name, command, scope, statement, values, expected)
        if not goes_beyond(role, table.name):
            yield from _injected(connection, world, table, role)
            yield from _smuggled(connection, world, table, role)


def _command(
    connection: psycopg.Connection[Any], world: World, table: Table, role: str, command: str, *, may: bool
) -> tuple[sql.Composable, tuple[Any, ...], list[Scope]]:
    scopes = [right_scope(world), *wrong_scopes(world)]
    if command == "INSERT" and table.name == DIRECTORY:
        new = uuid4()
        statement, values = insertion(table, world.rows.row(table.name, new, BASE))
        return (
            statement,
            tuple(values),
            [Scope("right", world.signer.sign(new), None, world.mine), *scopes[1:]],
        )
    if command == "INSERT":
        number = fresh_number(world.tables, table.name)
        statement, values = insertion(table, world.rows.row(table.name, world.mine, number))
        return statement, tuple(values), scopes
    if command == "UPDATE":
        column = _updatable(connection, table, role) if may else table.tenant_column
        return (
            sql.SQL("update {} set {c} = {c}").format(table.identifier, c=sql.Identifier(str(column))),
            (),
            scopes,
        )
    if command == "DELETE":
        return *_delete(world, table, may=may), scopes
    if command == "TRUNCATE":
        return sql.SQL("truncate {}").format(table.identifier), (), scopes
    return _select(table), (), scopes


def _select(table: Table) -> sql.Composed:
    return sql.SQL("select {} from {}").format(sql.Identifier(str(table.tenant_column)), table.identifier)


def _delete(world: World, table: Table, *, may: bool) -> tuple[sql.Composable, tuple[Any, ...]]:
    """Delete the one row of each organisation that nothing refers to."""
    if not may:
        return sql.SQL("delete from {}").format(table.identifier), ()
    number = leaf_number(world.tables, table.name)
    rows = [world.rows.row(table.name, each, number) for each in (world.mine, world.other)]
    one = sql.SQL("({})").format(
        sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in table.key)
    )
    statement = sql.SQL("delete from {} where {} or {}").format(table.identifier, one, one)
    return statement, tuple(row[name] for row in rows for name in table.key)


def _updatable(connection: psycopg.Connection[Any], table: Table, role: str) -> str:
    for name in sorted(table.columns, key=lambda each: each != table.tenant_column):
        row = connection.execute(
            "select has_column_privilege(%(r)s, %(t)s, %(c)s, 'update') and "
            "has_column_privilege(%(r)s, %(t)s, %(c)s, 'select')",
            {"r": role, "t": table.name, "c": name},
        ).fetchone()
        if row == (True,):
            return name
    message = f"{role} may update {table.name}, but no column that it may read as well"
    raise AssertionError(message)


def _expected(world: World, table: Table, role: str, command: str, scope: Scope) -> Expected:
    everybody = {each: world.counts[table.name, each] for each in (world.mine, world.other)}
    beyond = goes_beyond(role, table.name)
    if command == "TRUNCATE":
        return NOT_GRANTED
    if scope.error and not beyond:
        return BAD_SCOPE
    reached = everybody if beyond else {scope.sees: everybody[scope.sees]} if scope.sees else {}
    if command == "SELECT":
        return Expected("reads", reached)
    if command == "UPDATE":
        return Expected("touches", sum(reached.values()))
    if command == "DELETE":
        return Expected("touches", len(reached))
    return Expected("touches", 1) if beyond or scope.sees == world.mine else FENCED


def _injected(connection: psycopg.Connection[Any], world: World, table: Table, role: str) -> Iterator[Case]:
    """SQL that sets another scope in the middle of the statement that reads."""
    if not granted(connection, role, table.name, "SELECT"):
        return
    template = sql.SQL(
        "with taken as materialized (select set_config('vf.scope', {}, {}) as scope) "
        "select {column} from {table}, taken union all select {column} from {table}"
    )
    for scope in wrong_scopes(world):
        if scope.then is None:
            continue
        for local in (True, False):
            statement = template.format(
                sql.Literal(scope.then),
                sql.Literal(local),
                column=sql.Identifier(str(table.tenant_column)),
                table=table.identifier,
            )
            before = scope._replace(then=None, name=f"{scope.name}, within the statement")
            yield Case(role, table.name, "SELECT", before, statement, (), Expected("hides", world.mine))


def _smuggled(connection: psycopg.Connection[Any], world: World, table: Table, role: str) -> Iterator[Case]:
    """One's own row moved into another organisation."""
    row = connection.execute(
        "select has_column_privilege(%s, %s, %s, 'update')", [role, table.name, table.tenant_column]
    ).fetchone()
    if row == (True,):
        statement = sql.SQL("update {} set {} = %s").format(
            table.identifier, sql.Identifier(str(table.tenant_column))
        )
        scope = right_scope(world)
        yield Case(role, table.name, "UPDATE into another", scope, statement, (world.other,), FENCED)


def crossing_cases(connection: psycopg.Connection[Any], world: World, table: Table) -> Iterator[Case]:
    """References to another organisation's rows, and ids that another organisation has taken."""
    writers = [each for each in ROLES if granted(connection, each, table.name, "INSERT")]
    writer = next((each for each in writers if not goes_beyond(each, table.name)), None)
    number = fresh_number(world.tables, table.name)
    if writer is None or table.name == DIRECTORY:
        return
    for reference in composite_references(world, table):
        row = world.rows.row(table.name, world.mine, number)
        target = world.rows.row(reference.target, world.other, BASE)
        crossed = {
            mine: target[theirs]
            for mine, theirs in zip(reference.columns, reference.target_columns, strict=True)
            if mine != table.tenant_column
        }
        statement, values = insertion(table, _without_optional(table, reference, row) | crossed)
        name = f"INSERT crossing {reference.name}"
        yield Case(writer, table.name, name, right_scope(world), statement, tuple(values), FOREIGN_KEY)
    if "id" in table.key and table.tenant_column in table.key:
        taken = world.rows.row(table.name, world.other, BASE)["id"]
        statement, values = insertion(table, world.rows.row(table.name, world.mine, number) | {"id": taken})
        scope = right_scope(world)
        yield Case(
            writer, table.name, "INSERT taken id", scope, statement, tuple(values), Expected("touches", 1)
        )


def composite_references(world: World, table: Table) -> list[Reference]:
    """References to tenant tables by organisation and key."""
    return [
        each
        for each in table.references
        if is_tenant(world.tables[each.target]) and each.target != DIRECTORY and len(each.columns) > 1
    ]


def _without_optional(table: Table, reference: Reference, row: dict[str, Any]) -> dict[str, Any]:
    """Leave out what other references need but the row does not, so that this one alone decides."""
    others = {
        name
        for each in table.references
        if each.name != reference.name
        for name in each.columns
        if name not in reference.columns and not table.columns[name].required
    }
    return {name: value for name, value in row.items() if name not in others}


def _other_table(world: World, table: Table) -> Iterator[Case]:
    """Partitions and tables without an organisation: closed, or open to a few for a reason."""
    known = table.partition_of or table.name in CLOSED or table.name in SHARED
    assert known, f"{table.name} has no organisation and stands in no list of tests/isolation/world.py"
    column = sql.Identifier(list(table.columns)[-1])
    statements = {
        "SELECT": sql.SQL("select 1 from {}").format(table.identifier),
        "INSERT": sql.SQL("insert into {} default values").format(table.identifier),
        "UPDATE": sql.SQL("update {} set {c} = {c} where false").format(table.identifier, c=column),
        "DELETE": sql.SQL("delete from {} where false").format(table.identifier),
        "TRUNCATE": sql.SQL("truncate {}").format(table.identifier),
    }
    scopes = [right_scope(world), *wrong_scopes(world)[:3]]
    for role in ROLES:
        for command, statement in statements.items():
            commands, allowed = SHARED.get(table.name, ("", set()))
            may = command in commands.split() and role in allowed
            may = may or (command == "SELECT" and role == BACKUP and table.name in BACKED_UP)
            expected = Expected("allowed") if may else NOT_GRANTED
            for scope in scopes:
                yield Case(role, table.name, command, scope, statement, (), expected)


def _sequence(world: World, name: str) -> Iterator[Case]:
    literal = sql.Literal(name)
    statements = {
        "nextval": (sql.SQL("select nextval({})").format(literal), SEQUENCES[name]),
        # Forward: where a mutant lets it through, nothing takes it back.
        "setval": (sql.SQL("select setval({}, 1000000000)").format(literal), set()),
        "SELECT": (sql.SQL("select last_value from {}").format(sql.Identifier(*name.split("."))), set()),
    }
    for role in ROLES:
        for command, (statement, callers) in statements.items():
            expected = Expected("works") if role in callers else NOT_GRANTED
            for scope in (right_scope(world), *wrong_scopes(world)[:3]):
                yield Case(role, name, command, scope, statement, (), expected)
