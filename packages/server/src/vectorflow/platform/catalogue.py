"""The database's own catalogue as data, and rows made from it alone: types, checks and references.

The canaries of `migrate` and the isolation suite try the fences with these rows, so that a new table is tried
without anybody having to think of it.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

DIRECTORY = "public.organizations"  # the one tenant table whose own id is the organisation
_DEFAULT_BYTES = 32

Recipe = Callable[[UUID, int], Mapping[str, Any]]
Row = dict[str, Any]


class Column(NamedTuple):
    """A column; `label` is the first label of an enum."""

    name: str
    type: str
    position: int
    required: bool
    label: str | None


class Reference(NamedTuple):
    """A foreign key: which columns point at which columns of another table."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


class Table(NamedTuple):
    """A table, view or partition (`kind` as in pg_class), named with its schema."""

    name: str
    kind: str
    partition_of: str | None
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    references: tuple[Reference, ...]
    checks: tuple[str, ...]

    @property
    def tenant_column(self) -> str | None:
        """The column that holds the organisation; None for a global table."""
        if self.name == DIRECTORY:
            return "id"
        return "organization_id" if "organization_id" in self.columns else None

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name."""
        return sql.Identifier(*self.name.split("."))


_TABLES = """
select c.oid, n.nspname || '.' || c.relname as name, c.relkind::text as kind,
       (select pn.nspname || '.' || p.relname from pg_inherits i join pg_class p on p.oid = i.inhparent
        join pg_namespace pn on pn.oid = p.relnamespace where i.inhrelid = c.oid) as partition_of
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'jobs', 'vf') and c.relkind in ('r', 'p', 'v', 'm') order by name
"""
_COLUMNS = """
select a.attrelid as oid, a.attname as name, a.attnum as position,
       case when t.typtype = 'd' then tn.nspname || '.' || t.typname else format_type(a.atttypid, null) end as type,
       a.attnotnull and not a.atthasdef and a.attidentity = '' as required,
       (select e.enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder limit 1) as label
from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace tn on tn.oid = t.typnamespace
where a.attrelid = any(%s) and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
_CONSTRAINTS = """
select c.conrelid as oid, c.conname as name, c.contype::text as kind, pg_get_constraintdef(c.oid) as text,
       (select array_agg(a.attname::text order by k.place) from unnest(c.conkey) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number) as columns,
       (select array_agg(a.attname::text order by k.place) from unnest(c.confkey) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number) as target_columns,
       tn.nspname || '.' || t.relname as target
from pg_constraint c left join pg_class t on t.oid = c.confrelid left join pg_namespace tn on tn.oid = t.relnamespace
where c.conrelid = any(%s) and c.contype in ('p', 'f', 'c') order by c.conname
"""


def read_tables(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    """Return every table and view of our schemas, by name with schema."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_TABLES).fetchall()
        oids = [row["oid"] for row in found]
        columns = cursor.execute(_COLUMNS, [oids]).fetchall()
        constraints = cursor.execute(_CONSTRAINTS, [oids]).fetchall()
    return {row["name"]: _table(row, columns, constraints) for row in found}


def ordered(needs: Mapping[str, set[str]]) -> list[str]:
    """Return names, each after those that it needs. Raises `ValueError` for a circle."""
    waiting = {name: each & set(needs) - {name} for name, each in needs.items()}
    done: list[str] = []
    while waiting:
        ready = sorted(name for name, each in waiting.items() if each <= set(done))
        if not ready:
            message = f"these need each other in a circle: {sorted(waiting)}"
            raise ValueError(message)
        done += ready
        for name in ready:
            del waiting[name]
    return done


def _table(row: Row, columns: list[Row], constraints: list[Row]) -> Table:
    own = [each for each in constraints if each["oid"] == row["oid"]]
    return Table(
        row["name"],
        row["kind"],
        row["partition_of"],
        {
            each["name"]: Column(
                each["name"], each["type"], each["position"], each["required"], each["label"]
            )
            for each in columns
            if each["oid"] == row["oid"]
        },
        next((tuple(each["columns"]) for each in own if each["kind"] == "p"), ()),
        tuple(
            Reference(each["name"], tuple(each["columns"]), each["target"], tuple(each["target_columns"]))
            for each in own
            if each["kind"] == "f"
        ),
        tuple(each["text"] for each in own if each["kind"] == "c"),
    )


def _job(organization: UUID, _number: int) -> Mapping[str, Any]:
    return {"args": json.dumps({"organization_id": str(organization)})}


class RowMaker:
    """Makes rows of any table for any organisation. Rows of one number belong together by reference.

    A table whose checks need more than types, lengths and word lists has a recipe: some columns' values.
    """

    def __init__(self, tables: Mapping[str, Table], recipes: Mapping[str, Recipe] | None = None) -> None:
        self._tables = tables
        self._recipes = {"jobs.procrastinate_jobs": _job} | dict(recipes or {})
        self._made: dict[tuple[str, UUID, int], Row] = {}
        self._inserted: set[tuple[str, UUID, int]] = set()
        self._now = dt.datetime.now(dt.UTC)

    def row(self, name: str, organization: UUID, number: int) -> Row:
        """Return the row's required columns, key and references; the same row for the same arguments."""
        place = (name, organization, 0 if name == DIRECTORY else number)
        if place not in self._made:
            self._made[place] = self._make(self._tables[name], organization, number)
        return self._made[place]

    def adopt(self, name: str, organization: UUID, row: Row) -> None:
        """Take a row that is there already for the one that others refer to."""
        self._made[name, organization, 0] = row
        self._inserted.add((name, organization, 0))

    def insert(self, connection: psycopg.Connection[Any], name: str, organization: UUID, number: int) -> None:
        """Insert the row and, before it, the rows that it refers to."""
        place = (name, organization, 0 if name == DIRECTORY else number)
        if place in self._inserted:
            return
        self.insert_parents(connection, name, organization, number)
        self._inserted.add(place)
        connection.execute(*insertion(self._tables[name], self.row(name, organization, number)))

    def insert_parents(
        self, connection: psycopg.Connection[Any], name: str, organization: UUID, number: int
    ) -> None:
        """Insert the rows that a row refers to, so that it could be inserted next."""
        for reference in self._references(self._tables[name]):
            self.insert(connection, reference.target, organization, number)

    def _references(self, table: Table) -> list[Reference]:
        """What a row must point at: all but optional references to tables without an organisation."""
        return [
            each
            for each in table.references
            if self._tables[each.target].tenant_column or any(table.columns[c].required for c in each.columns)
        ]

    def _make(self, table: Table, organization: UUID, number: int) -> Row:
        values: Row = {}
        for column in table.columns.values():
            if column.required or column.name in table.key:
                values[column.name] = self._value(table, column, organization, number)
        if table.tenant_column is not None:
            values[table.tenant_column] = str(organization)
        for reference in self._references(table):
            target = self.row(reference.target, organization, number)
            for mine, theirs in zip(reference.columns, reference.target_columns, strict=True):
                values[mine] = target[theirs]
        recipe = self._recipes.get(table.name)
        return values | dict(recipe(organization, number) if recipe else {})

    def _value(self, table: Table, column: Column, organization: UUID, number: int) -> Any:
        seed = hashlib.sha256(f"{table.name}.{column.name}.{organization}.{number}".encode()).digest()
        if column.label is not None:
            return column.label
        if column.type in ("smallint", "integer", "bigint"):
            alone = column.name in table.key and table.tenant_column not in table.key
            return int.from_bytes(seed[:4]) >> 2 if alone else number + 1
        if column.type in ("text", "character varying"):
            return _first_word(table, column) or f"v{seed.hex()[:12]}"
        if column.type == "bytea":
            return (seed * 130)[: _length(table, column)]
        simple = {
            "uuid": str(UUID(bytes=seed[:16], version=4)),
            "vf.sealed": b"\x01" + seed + seed,
            "boolean": True,
            "real": 1,
            "double precision": 1,
            "interval": "1 hour",
            "json": "{}",
            "jsonb": "{}",
            "timestamp with time zone": self._now + dt.timedelta(hours=column.position),
        }
        if column.type.endswith("[]"):
            return "{}"
        if column.type not in simple:
            message = f"{table.name}.{column.name}: no value for type {column.type}; teach RowMaker or give a recipe."
            raise LookupError(message)
        return simple[column.type]


def insertion(table: Table, row: Row) -> tuple[sql.Composed, list[Any]]:
    """Return the statement and parameters that insert a row."""
    statement = sql.SQL("insert into {} ({}) values ({})").format(
        table.identifier,
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
    )
    return statement, list(row.values())


def _first_word(table: Table, column: Column) -> str | None:
    """Return the first word that a check allows for the column, None where any will do."""
    for check in table.checks:
        found = re.search(rf"\(\"?{column.name}\"? = ANY \(ARRAY\['([^']*)'", check)
        if found:
            return found[1]
    return None


def _length(table: Table, column: Column) -> int:
    """Return the length that a check asks of a column of bytes."""
    for check in table.checks:
        found = re.search(rf"length\({column.name}\) >?= (\d+)", check)
        if found:
            return int(found[1])
    return _DEFAULT_BYTES
