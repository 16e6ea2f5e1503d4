"""What a backup holds: every table of schemas ``public`` and ``vf``, but for what stands here with its reason."""

from collections.abc import Iterable, Mapping

import psycopg

from vectorflow.platform.backup.archive import TableHead
from vectorflow.platform.catalogue import Table, ordered, read_tables

LEFT_OUT: Mapping[str, str] = {
    "public.sessions": "everybody signs in again after a restore",
    "public.sign_in_counters": "counts of the last minutes",
    "public.idempotency_keys": "answers of a day ago would lie about what was done since",
    "public.bundles": "signed anew after a restore, newer than any that a node has seen",
    "public.sealed_secrets": "sealed anew for each node when its bundle is signed",
    "public.tap_batches": "events on their way to somebody who looks, for seconds",
    "public.key_lists": "signed anew after a restore, newer than any that a node has seen",
    "vf.scope_keys": "the key that signs scopes stays with the installation",
    "vf.fingerprint": "made by `migrate`",
    "vf.schema_version": "stands in the backup's head",
}
_JOBS = "jobs."  # the queue: whatever is still due is found again by the periodic work

_COLUMNS = """
select n.nspname || '.' || c.relname, a.attname from pg_attribute a
join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'vf') and c.relkind in ('r', 'p') and not c.relispartition
  and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by 1, a.attnum
"""
_PARTITIONS = """
select pn.nspname || '.' || p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid)
from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
join pg_namespace pn on pn.oid = p.relnamespace where p.relkind = 'p' and pn.nspname = 'public' order by 1, 2
"""


def planned(connection: psycopg.Connection[tuple[object, ...]]) -> list[TableHead]:
    """Return the tables to back up, each after those that it refers to."""
    tables = {name: each for name, each in read_tables(connection).items() if _wanted(name, each)}
    columns: dict[str, list[str]] = {name: [] for name in tables}
    for name, column in connection.execute(_COLUMNS):
        if name in tables:
            columns[str(name)].append(str(column))
    partitions: dict[str, dict[str, str]] = {name: {} for name in tables}
    for parent, name, bound in connection.execute(_PARTITIONS):
        if parent in tables:
            partitions[str(parent)][str(name)] = str(bound)
    return [TableHead(name, columns[name], partitions[name]) for name in in_order(tables.values())]


def in_order(tables: Iterable[Table]) -> list[str]:
    """Return names of tables, each after those that it refers to. Raises `ValueError` for references in a circle."""
    return ordered({each.name: {r.target for r in each.references} for each in tables})


def _wanted(name: str, table: Table) -> bool:
    own = table.kind in ("r", "p") and not table.partition_of
    return own and name not in LEFT_OUT and not name.startswith(_JOBS)
