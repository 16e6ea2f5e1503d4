"""Two organisations that are twins: each row of the one is there for the other too, with the same ids and values.

All that holds them apart is the organisation. A statement that names the organisation finds one of the twins; where
it forgets to, there is nothing else that could keep it from the other.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from packages.server.tests.isolation.statements import Statement
from packages.server.tests.isolation.world import BASE, RECIPES, fresh_number, is_tenant
from psycopg import sql
from psycopg.types.json import Jsonb

from vectorflow.platform.catalogue import Row, RowMaker, Table, read_tables

NAME = r"([a-z_0-9]+)"
_ALIAS = re.compile(
    r"\b(?:from|join|update|into|using)\s+(?:only\s+)?(?:public\.)?([a-z_]+)(?:\s+(?:as\s+)?(?!(?:set|on|where|join|left|"
    r"cross|order|limit|group|values|select|using|for|union|returning)\b)([a-z_]+))?",
    re.IGNORECASE,
)
# Columns of unique indexes without the organisation: the one thing in which twins differ.
_ALONE = """
select n.nspname || '.' || t.relname as table, array_agg(distinct a.attname::text) as columns
from pg_index i join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum = any(i.indkey)
where i.indisunique and not exists (
    select 1 from pg_attribute o where o.attrelid = t.oid and o.attnum = any(i.indkey)
    and o.attname = 'organization_id') group by 1
"""
_GENERATED = """
select n.nspname || '.' || t.relname as table, a.attname::text as column
from pg_attribute a join pg_class t on t.oid = a.attrelid join pg_namespace n on n.oid = t.relnamespace
where a.attgenerated <> ''
"""


# Defaults that would tell one run of a statement from the next.
_CLOCKS = """
select n.nspname || '.' || t.relname, a.attname::text
from pg_attrdef d join pg_class t on t.oid = d.adrelid join pg_namespace n on n.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum = d.adnum
where pg_get_expr(d.adbin, d.adrelid) like '%clock_timestamp()%' and not t.relispartition
"""


class Twins(NamedTuple):
    """The database of twins; `mine` runs the statements, `other` must not be touched by them."""

    tables: Mapping[str, Table]
    rows: RowMaker
    mine: UUID
    other: UUID

    def table(self, name: str) -> Table | None:
        """The tenant table of this name without schema, None for anything else."""
        found = self.tables.get(f"public.{name}") or self.tables.get(f"jobs.{name}")
        return found if found is not None and is_tenant(found) else None


def make_twins(connection: psycopg.Connection[Any]) -> Twins:
    """Make both, as the superuser with triggers and references out of the way."""
    connection.execute("set session_replication_role = replica")
    connection.execute("set search_path = public, jobs")
    tables = read_tables(connection)
    twins = Twins(tables, RowMaker(tables, RECIPES), uuid4(), uuid4())
    alone = dict(connection.execute(_ALONE).fetchall())
    generated = set(connection.execute(_GENERATED).fetchall())
    for table in (each for each in tables.values() if is_tenant(each)):
        twins.rows.insert(connection, table.name, twins.mine, BASE)
    _bring_together(connection, twins)
    for table in (each for each in tables.values() if is_tenant(each)):
        columns = [name for name in table.columns if (table.name, name) not in generated]
        connection.execute(
            sql.SQL(
                "insert into {table} ({columns}) select {values} from {table} where {tenant} = {mine}"
            ).format(
                table=table.identifier,
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                values=sql.SQL(", ").join(
                    _twin_value(table, name, twins, alone.get(table.name, [])) for name in columns
                ),
                tenant=sql.Identifier(str(table.tenant_column)),
                mine=sql.Literal(str(twins.mine)),
            )
        )
    for name, column in connection.execute(_CLOCKS).fetchall():
        connection.execute(f"alter table {name} alter column {column} set default now()".encode())
    return twins


def _bring_together(connection: psycopg.Connection[Any], twins: Twins) -> None:
    """Have tables without references, as those of telemetry are, speak of rows that there are."""
    for column, target in (
        ("node_id", "nodes"),
        ("pipeline_id", "pipelines"),
        ("environment_id", "environments"),
    ):
        for table in twins.tables.values():
            bound = {each for reference in table.references for each in reference.columns}
            if is_tenant(table) and column in table.columns and column not in bound:
                connection.execute(
                    f"update {table.name} set {column} = (select id from {target} where organization_id = %(mine)s) "
                    f"where {table.tenant_column} = %(mine)s".encode(),
                    {"mine": twins.mine},
                )


def _twin_value(table: Table, column: str, twins: Twins, alone: Sequence[str]) -> sql.Composable:
    name, kind = sql.Identifier(column), table.columns[column].type
    if column == table.tenant_column:
        return sql.Literal(str(twins.other))
    if kind in ("json", "jsonb"):  # the arguments of a job name its organisation
        return sql.SQL("replace({}::text, {}, {})::{}").format(
            name, sql.Literal(str(twins.mine)), sql.Literal(str(twins.other)), sql.SQL(kind)
        )
    if column not in alone:
        return name
    if kind == "uuid":
        return sql.SQL("gen_random_uuid()")
    if kind == "text":
        return sql.SQL("{} || 'x'").format(name)
    return sql.SQL("{} + 1000000").format(name)


def aliases(statement: Statement, twins: Twins) -> dict[str, Table]:
    """Return the tenant tables of a statement by the names that it gives them."""
    found = {}
    for name, alias in _ALIAS.findall(statement.text):
        table = twins.table(name.lower())
        if table is not None:
            found[name] = table
            if alias:
                found[alias] = table
    return found


_CONDITIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), value)
    for pattern, value in (
        (rf"(?:{NAME}\.)?{NAME} is not null", "filled"),
        (rf"(?:{NAME}\.)?{NAME} is null", "null"),
        (rf"(?:{NAME}\.)?{NAME} = '([^']*)'", "said"),
        (rf"(?:{NAME}\.)?{NAME} in \('([^']*)'", "said"),
        (rf"(?:{NAME}\.)?{NAME} = any\(array\['([^']*)'", "said"),
        (rf"(?:{NAME}\.)?{NAME} >=? (?:now\(\)|clock_timestamp\(\))", "'infinity'"),
        (rf"(?:{NAME}\.)?{NAME} <=? (?:now\(\)|clock_timestamp\(\))", "'2001-01-01'"),
    )
)


def wanted_rows(statement: Statement, twins: Twins) -> list[str]:
    """Return changes to the rows of both that meet what the statement asks of them in plain words."""
    known = aliases(statement, twins)
    changes = []
    where = statement.text[statement.text.lower().find("where") :]
    for pattern, value in _CONDITIONS:
        for match in pattern.finditer(where):
            table = _table_of(match[1], match[2], known)
            if table is not None:
                column = table.columns[match[2]]
                changes.append(
                    f"update {table.name} set {column.name} = {_sql_value(column.type, value, match)}"
                )
    return changes


def _sql_value(kind: str, value: str, match: re.Match[str]) -> str:
    if value == "said":
        return f"'{match[3]}'"
    if value != "filled":
        return value
    known = {"uuid": "gen_random_uuid()", "text": "'filled'", "timestamp with time zone": "'2001-01-01'"}
    return known.get(kind, "'1'" if kind != "vf.sealed" else r"'\x01" + "00" * 40 + "'")


def _table_of(alias: str | None, column: str, known: Mapping[str, Table]) -> Table | None:
    if alias:
        table = known.get(alias)
        return table if table is not None and column in table.columns else None
    return next((each for each in known.values() if column in each.columns), None)


_PLACE = r"%\((\w+)\)[sb]"


class Parameters:
    """Values for a statement's parameters: what stands in the row of `mine`, or in a row that is not there yet."""

    def __init__(self, connection: psycopg.Connection[Any], twins: Twins) -> None:
        self._connection = connection
        self._twins = twins

    def of(self, statement: Statement, *, fresh: bool) -> dict[str, Any]:
        """Return the parameters. Raises `psycopg.Error` for a statement that the database does not take."""
        known = aliases(statement, self._twins)
        kinds = self._kinds(statement.text)
        values = {
            name: self._value(name, kind, statement, known, fresh=fresh) for name, kind in kinds.items()
        }
        return values | {"organization_id": self._twins.mine}

    def _kinds(self, text: str) -> dict[str, str]:
        names = list(dict.fromkeys(re.findall(_PLACE, text)))
        numbered = re.sub(_PLACE, lambda match: f"${names.index(match[1]) + 1}", text).replace("%%", "%")
        self._connection.execute(b"prepare asked as " + numbered.encode())
        row = self._connection.execute(
            "select parameter_types::text[] from pg_prepared_statements where name = 'asked'"
        ).fetchone()
        self._connection.execute("deallocate asked")
        assert row is not None
        return dict(zip(names, row[0], strict=True))

    def _value(
        self, name: str, kind: str, statement: Statement, known: Mapping[str, Table], *, fresh: bool
    ) -> Any:
        text, place = statement.text, re.escape(f"%({name})s")
        if re.search(rf"{place}(?:::[a-z\[\]]+)? is null", text) and not fresh:
            return None
        column = _compared(text, _unnested(text, name)) or _inserted(text, name) or ""
        found = re.search(rf"(?:{NAME}\.)?{NAME} = decode\({place}, 'hex'\)", text)
        table = _table_of(found[1], found[2], known) if found else None
        if table is not None:
            return bytes(self._stored(table, found[2])).hex()
        found = re.search(rf"(?:{NAME}\.)?{NAME}\s*(=|<>|<=?|>=?)\s*(?:any\s*\(|all\s*\()?\(?{place}", text)
        if found and not column:
            table = _table_of(found[1], found[2], known)
            if found[3] != "=":
                return _bound(kind, found[3])
            if table is not None:
                return self._wrap(self._stored(table, found[2]), kind)
        for table in known.values():
            wanted = column or name
            if wanted in table.columns and _plain(table.columns[wanted].type) in (
                kind,
                kind.removesuffix("[]"),
            ):
                value = self._new(table, wanted) if fresh and column else None
                return self._wrap(self._stored(table, wanted) if value is None else value, kind)
        return self._wrap(_default(kind.removesuffix("[]")), kind)

    def _wrap(self, value: Any, kind: str) -> Any:
        if kind in ("json", "jsonb") and value is not None and not isinstance(value, str):
            return Jsonb(value)
        return [value] if kind.endswith("[]") and not isinstance(value, list) else value

    def _stored(self, table: Table, column: str) -> Any:
        row = self._connection.execute(
            sql.SQL("select {} from {} where {} = %s limit 1").format(
                sql.Identifier(column), table.identifier, sql.Identifier(str(table.tenant_column))
            ),
            [self._twins.mine],
        ).fetchone()
        return None if row is None else row[0]

    def _new(self, table: Table, column: str) -> Any:
        number = fresh_number(self._twins.tables, table.name)
        row: Row = self._twins.rows.row(table.name, self._twins.mine, number)
        return row.get(column)


def _plain(kind: str) -> str:
    return {"vf.sealed": "bytea", "character varying": "text"}.get(kind, kind)


def _inserted(text: str, name: str) -> str | None:
    """The column that a parameter fills in `insert … values`."""
    found = re.search(
        r"insert into \w+(?: as \w+)? \(([^)]*)\)\s*(?:values\s*\(|select\s)(.*)", text, re.DOTALL
    )
    if not found:
        return None
    columns = [each.strip() for each in found[1].split(",")]
    values = re.split(r",(?![^(]*\))", re.split(r"\sfrom\s", found[2])[0])
    for column, value in zip(columns, values, strict=False):
        if f"%({name})s" in value:
            return column
    return None


def _unnested(text: str, name: str) -> str | None:
    """The column that a parameter fills in `unnest(…) as u (…)`."""
    for inner, names in re.findall(r"unnest\(((?:[^()]|\([^()]*\))*)\)\s*(?:as\s+)?\w+\s*\(([^)]*)\)", text):
        given = [each.strip() for each in inner.split(",")]
        for value, column in zip(given, names.split(","), strict=False):
            if f"%({name})s" in value:
                return column.strip()
    return None


def _compared(text: str, name: str | None) -> str | None:
    """The column that an unnested one is compared with, or goes into; its own name where there is none."""
    found = name and re.search(rf"(?:\w+\.)?(\w+) = \w+\.{name}\b", text)
    return found[1] if found else name


_LOW: Mapping[str, Any] = {
    "uuid": UUID(int=0), "text": "", "timestamp with time zone": dt.datetime(2001, 1, 1, tzinfo=dt.UTC),
}  # fmt: skip
_HIGH: Mapping[str, Any] = {
    "uuid": UUID(int=2**128 - 1), "text": "~", "timestamp with time zone": dt.datetime(2101, 1, 1, tzinfo=dt.UTC),
}  # fmt: skip


def _bound(kind: str, comparison: str) -> Any:
    """A value for which `column <comparison> value` holds of anything."""
    if comparison.startswith("<") and comparison != "<>":
        return _HIGH.get(kind, 2**30)
    value = _LOW.get(kind.removesuffix("[]"), 0)
    return [value] if kind.endswith("[]") else value


def _default(kind: str) -> Any:
    now = dt.datetime.now(dt.UTC)
    known: Mapping[str, Any] = {
        "uuid": uuid4(), "text": "v", "boolean": True, "bytea": b"\x01" + bytes(40), "json": "[]", "jsonb": "[]",
        "timestamp with time zone": now, "interval": dt.timedelta(hours=1), "vf.sealed": b"\x01" + bytes(40),
        "double precision": 1.0, "numeric": 1,
    }  # fmt: skip
    return known.get(kind, 10)


def touched_tables(statement: Statement, twins: Twins) -> list[Table]:
    """Return each tenant table of a statement once."""
    return list({table.name: table for table in aliases(statement, twins).values()}.values())


def emptied(table: Table, organization: UUID) -> str:
    """Return the statement that takes an organisation's rows out of a table."""
    return f"delete from {table.name} where {table.tenant_column} = '{organization}'"


def worlds(statement: Statement, twins: Twins) -> Iterator[list[str]]:
    """Yield how the rows of `mine` may stand: all there, and each table that is touched empty in turn."""
    yield []
    for table in touched_tables(statement, twins):
        yield [emptied(table, twins.mine)]
