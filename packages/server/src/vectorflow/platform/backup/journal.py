"""The journal of rights that were taken away, kept in files outside the database, and applied after a restore.

The database notes them by triggers, in the transaction of the change. The worker appends them every few seconds to
``<state>/revocations/<database>.ndjson``; the file beside it, ``.until``, says up to when it is complete.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg
from psycopg import sql

from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.backup.plan import in_order
from vectorflow.platform.catalogue import Table, read_tables
from vectorflow.platform.credentials import write_private
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs

KEEP = "backup.journal"
_PAGE = 1000
_DIRECTORY = "public.organizations"
_ACCOUNTS = "public.accounts"
# A person who was erased after the backup: names are taken out of every organisation that knew the account.
_FORGET = """
select vf.person_forget(o.id, a.id, a.name) from public.organizations o join public.accounts a on a.id = %s::uuid
where exists (select 1 from public.memberships m where m.organization_id = o.id and m.account_id = a.id)
   or exists (select 1 from public.audit_records r where r.organization_id = o.id and r.actor_id = a.id::text)
"""
_NEVER_LOWER = frozenset({"uses"})  # a spent token stays spent


class Revocation(msgspec.Struct, frozen=True):
    """A right that was taken away: columns of a row that were set, or without any the row that was deleted."""

    id: str
    xid: str
    at: str
    relation: str
    key: dict[str, Any]
    change: dict[str, Any] | None


class _Row(msgspec.Struct, frozen=True):
    id: str
    xid: str
    at: datetime
    relation: str
    key: dict[str, Any]
    change: dict[str, Any] | None


def register(jobs: Jobs, database: Database, folder: Path) -> None:
    """Register the worker's task."""

    async def keep() -> None:
        await keep_journal(database, folder)

    jobs.periodic(
        KEEP, keep, cron="* * * * * */10", help="Keeps the journal of rights taken away outside the database."
    )


async def keep_journal(database: Database, folder: Path) -> int:
    """Append what is new (role worker); return how much that was."""
    async with database.unscoped() as txn:
        identity = str(await txn.value("select vf.database_identity()"))
    path = folder / f"{identity}.ndjson"
    last = await asyncio.to_thread(_last_xid, path)
    total = 0
    while True:
        async with database.unscoped() as txn:
            now = await txn.value("select now()")
            rows = await txn.rows(
                _Row,
                """select id::text, xid, at, relation, key, change
                from vf.revocations_after(%(last)s, %(wanted)s)""",
                {"last": last, "wanted": _PAGE},
            )
        if not rows:
            break
        entries = [Revocation(r.id, r.xid, rfc3339(r.at), r.relation, r.key, r.change) for r in rows]
        await asyncio.to_thread(_append, path, entries)
        last, total = rows[-1].xid, total + len(rows)
    await asyncio.to_thread(write_private, path.with_suffix(".until"), rfc3339(now).encode())
    return total


def read(paths: Iterable[Path]) -> list[Revocation]:
    """Return the entries of journal files; a line that was cut off at the end is left out."""
    found: dict[str, Revocation] = {}
    for path in paths:
        for line in _whole_lines(path):
            entry = msgspec.json.decode(line, type=Revocation)
            found[entry.id] = entry
    return sorted(found.values(), key=lambda each: each.at)


def complete_until(paths: Iterable[Path]) -> datetime | None:
    """Return the moment up to which the newest journal is complete, None when no file says so."""
    told = [
        datetime.fromisoformat(path.with_suffix(".until").read_text().strip())
        for path in paths
        if path.with_suffix(".until").exists()
    ]
    return max(told, default=None)


def of_database(url: str) -> list[Revocation]:
    """Return the entries that a database holds which can still be read (superuser)."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select id::text, xid::text, at, relation, key, change from vf.revocations order by xid, at"
        ).fetchall()
    return [Revocation(r[0], r[1], rfc3339(r[2].astimezone(UTC)), r[3], r[4], r[5]) for r in rows]


def apply(connection: psycopg.Connection[Any], entries: Iterable[Revocation]) -> list[Revocation]:
    """Take the rights away again that a restored database still gives; return what was applied (superuser).

    Runs in the caller's transaction, with the triggers that note revocations switched off.
    """
    known = {str(row[0]) for row in connection.execute("select id from vf.revocations")}
    fresh = [each for each in entries if each.id not in known]
    tables = read_tables(connection)
    touched = {each.relation for each in fresh} & set(tables) | {"vf.revocations"}
    if any(each.relation == _DIRECTORY for each in fresh):
        touched |= {name for name, each in tables.items() if each.tenant_column and each.kind in "rp"}
    if any(each.relation == _ACCOUNTS and "email" in (each.change or {}) for each in fresh):
        touched |= {"public.memberships", "public.team_memberships"}
    _triggers(connection, tables, touched, "disable")
    for each in fresh:
        if each.relation in tables:
            _apply(connection, tables, each)
        connection.execute(
            """insert into vf.revocations (id, xid, at, relation, key, change)
            values (%s, '1', %s, %s, %s::jsonb, %s::jsonb)""",
            [each.id, each.at, each.relation, _json(each.key), _json(each.change)],
        )
    _triggers(connection, tables, touched, "enable")
    return fresh


def _triggers(
    connection: psycopg.Connection[Any],
    tables: dict[str, Table],
    names: set[str],
    word: Literal["enable", "disable"],
) -> None:
    for name in sorted(names):
        connection.execute(
            sql.SQL("alter table {} {} trigger user").format(tables[name].identifier, sql.SQL(word))
        )


def _apply(connection: psycopg.Connection[Any], tables: dict[str, Table], entry: Revocation) -> None:
    table = tables[entry.relation]
    if entry.relation == _DIRECTORY and entry.change is None:
        _erase(connection, tables, entry.key["id"])
        return
    same = sql.SQL(" and ").join(
        sql.SQL("t.{c} = k.{c}").format(c=sql.Identifier(name)) for name in entry.key
    )
    row = sql.SQL("jsonb_populate_record(null::{}, %s::jsonb) k").format(table.identifier)
    if entry.change is None:
        statement = sql.SQL("delete from {} t using {} where {}").format(table.identifier, row, same)
        connection.execute(statement, [_json(entry.key)])
        return
    if entry.relation == _ACCOUNTS and "email" in entry.change:
        connection.execute(_FORGET, [entry.key["id"]])
    columns = [name for name in entry.change if name in table.columns]
    if not columns:
        return
    values = sql.SQL(", ").join(
        sql.SQL("{c} = greatest(t.{c}, k.{c})" if name in _NEVER_LOWER else "{c} = k.{c}").format(
            c=sql.Identifier(name)
        )
        for name in columns
    )
    statement = sql.SQL("update {} t set {} from {} where {}").format(table.identifier, values, row, same)
    connection.execute(statement, [_json(entry.key | entry.change)])


def _erase(connection: psycopg.Connection[Any], tables: dict[str, Table], organization: str) -> None:
    """Remove every row of an organisation that was erased after the backup."""
    own = [
        each for each in tables.values() if each.tenant_column and not each.partition_of and each.kind in "rp"
    ]
    for name in reversed(in_order(own)):
        table = tables[name]
        if name == "public.organization_slugs":
            continue  # a slug is never issued again
        connection.execute(
            sql.SQL("delete from {} where {} = %s").format(
                table.identifier, sql.Identifier(str(table.tenant_column))
            ),
            [organization],
        )


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _append(path: Path, entries: list[Revocation]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.truncate(_whole_length(file.read()))  # a line that a crash cut off
        file.seek(0, os.SEEK_END)
        file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in entries))
        file.flush()
        os.fsync(file.fileno())


def _whole_length(content: bytes) -> int:
    return content.rfind(b"\n") + 1


def _last_xid(path: Path) -> str:
    last = b""
    for line in _whole_lines(path):
        last = line
    return msgspec.json.decode(last, type=Revocation).xid if last else "0"


def _whole_lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
