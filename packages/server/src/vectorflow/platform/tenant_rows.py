"""All of an organisation's rows, whatever room they belong to: read from, and erased by, the database's own catalogue.

What the connection's role may not see is not read: row-level security and column grants hold here as anywhere.
"""

# house: test: exports and erasure are made of it: tests/entry/test_lifecycle.py
from collections.abc import AsyncIterator, Mapping

import msgspec
from psycopg import sql
from psycopg.rows import tuple_row

from vectorflow.platform.catalogue import ordered
from vectorflow.platform.database import Transaction

_BATCH = 500
_TABLES = """
select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'jobs') and c.relkind in ('r', 'p') and not c.relispartition
  and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id'
              and not a.attisdropped) order by 1
"""
_REFERENCES = """
select sn.nspname || '.' || s.relname as source, tn.nspname || '.' || t.relname as target
from pg_constraint k join pg_class s on s.oid = k.conrelid join pg_namespace sn on sn.oid = s.relnamespace
join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace where k.contype = 'f'
"""
_COLUMNS = """
select n.nspname || '.' || c.relname as "table", a.attname as name, a.attnum = any(p.conkey) as key,
       has_column_privilege(c.oid, a.attnum, 'select') and a.attgenerated = ''
         and not (t.typname = 'sealed' and t.typnamespace = 'vf'::regnamespace) as readable
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_constraint p on p.conrelid = c.oid and p.contype = 'p'
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1, a.attnum
"""


class _Table(msgspec.Struct):
    name: str


class _Reference(msgspec.Struct):
    source: str
    target: str


class _Column(msgspec.Struct):
    table: str
    name: str
    key: bool | None
    readable: bool


class Readable(msgspec.Struct, frozen=True):
    """A table's columns that the role may read and that are not sealed, and those of its primary key."""

    columns: list[str]
    key: list[str]


async def tenant_tables(txn: Transaction) -> list[str]:
    """Return every table with rows of organisations (but the directory), each after those that it refers to."""
    names = {each.name for each in await txn.rows(_Table, _TABLES)}
    needs: dict[str, set[str]] = {name: set() for name in names}
    for each in await txn.rows(_Reference, _REFERENCES):
        if each.source in names:
            needs[each.source].add(each.target)
    return ordered(needs)


async def readable_columns(txn: Transaction) -> Mapping[str, Readable]:
    """Return what the transaction's role may read of each table."""
    found: dict[str, Readable] = {}
    for each in await txn.rows(_Column, _COLUMNS):
        table = found.setdefault(each.table, Readable([], []))
        if each.readable:
            table.columns.append(each.name)
            if each.key:
                table.key.append(each.name)
    return found


async def json_lines(
    txn: Transaction,
    table: str,
    columns: list[str],
    key: list[str],
    *,
    tenant_column: str = "organization_id",
) -> AsyncIterator[list[bytes]]:
    """Yield the organisation's rows of a table as JSON objects, some hundred at a time, in the order of the key."""
    statement = sql.SQL(
        "select row_to_json(r)::text from (select {columns} from {table} where {tenant} = %s order by {key}) r"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(*table.split(".")),
        tenant=sql.Identifier(tenant_column),
        key=sql.SQL(", ").join(map(sql.Identifier, key or columns[:1])),
    )
    async with txn.connection.cursor(name="tenant_rows", row_factory=tuple_row) as cursor:
        await cursor.execute(statement, [txn.organization_id])
        while rows := await cursor.fetchmany(_BATCH):
            yield [str(row[0]).encode() for row in rows]
