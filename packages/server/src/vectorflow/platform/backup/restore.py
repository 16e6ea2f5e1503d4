"""Restoring a backup: into a database of its own first, which takes the wanted name when everything was verified.

The order: read the whole file and compare it with its manifest; make a new database with the schema the backup was made
under; load; check what the caller wants checked; migrate to this version; take away what was taken away since; have
every node's bundle signed anew; swap names. Until the swap nothing that exists is touched.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg import sql

from vectorflow.platform.backup import journal
from vectorflow.platform.backup.archive import BackupUnreadable, Head, TableHead, opened
from vectorflow.platform.backup.journal import Revocation
from vectorflow.platform.migrate import known_revisions, migrate, prepare

_NAME = re.compile(r"[a-z0-9_]{1,63}")
_BOUND = re.compile(r"DEFAULT|FOR VALUES FROM \('[0-9: +-]+'\) TO \('[0-9: +-]+'\)")
# A bundle made after the restore is newer than any a node has seen: generations follow the time of day.
_SIGN_ANEW = """
update public.nodes set wanted = greatest(wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
where revoked_at is null
"""
# The backup was noted after its own snapshot was taken.
_THIS_ONE = "select vf.backup_record(%s, %s, %s, %s)"


class RestoreRefused(Exception):
    """The backup was not restored, and nothing was changed."""


class Restored(msgspec.Struct, frozen=True):
    """What came of a restore."""

    head: Head
    rows: int
    revocations: list[Revocation]
    former: str | None
    """The name that the database had before now goes by, where there was one."""


Check = Callable[[str], None]
Tell = Callable[[str, Restored], None]


def verify(path: Path, identity: str) -> tuple[Head, int]:
    """Read a whole backup and compare it with its manifest; return head and rows. Raises `BackupUnreadable`."""
    with opened(path, identity) as archive:
        for _ in archive.pieces():
            pass
        return archive.head, sum(each.rows for each in archive.manifest.tables.values())


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to restore, and as what. `url` is a superuser's, of the database that the backup becomes.

    `check` is given the address of the loaded database and raises to refuse it; `tell` writes into its logs when
    everything else is done.
    """

    path: Path
    identity: str
    url: str
    state_dir: Path
    replace: bool = False
    journals: tuple[Path, ...] = ()
    without_journal: bool = False
    check: Check = lambda _url: None
    tell: Tell = lambda _url, _restored: None


def restore(request: Request) -> Restored:
    """Restore a backup. Raises `BackupUnreadable` and `RestoreRefused`, and then nothing was changed."""
    head, rows = verify(request.path, request.identity)
    if head.revision not in known_revisions():
        message = f"The backup was made by a newer version ({head.version}). Restore it with that one."
        raise RestoreRefused(message)
    wanted = urlsplit(request.url).path.removeprefix("/")
    fresh = f"{wanted}_restored_{datetime.now(UTC):%Y%m%d%H%M%S}"
    with psycopg.connect(_database(request.url, "postgres"), autocommit=True) as server:
        exists = _inspect(server, request.url, wanted, replace=request.replace)
        revocations = _revocations(request, head, exists=exists)
        server.execute(sql.SQL("create database {}").format(sql.Identifier(fresh)))
        try:
            restored = _fill(request, _database(request.url, fresh), Restored(head, rows, revocations, None))
            return msgspec.structs.replace(restored, former=_swap(server, wanted, fresh, exists=exists))
        except BaseException:
            with suppress(psycopg.Error):
                server.execute(
                    sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(fresh))
                )
            raise


def _fill(request: Request, url: str, restored: Restored) -> Restored:
    head = restored.head
    prepare(url, request.state_dir, head.revision)
    with psycopg.connect(url) as connection:
        _load(connection, request.path, request.identity)
    request.check(url)
    migrate(url, request.state_dir)
    with psycopg.connect(url) as connection:
        applied = journal.apply(connection, restored.revocations)
        connection.execute(_SIGN_ANEW)
        size = request.path.stat().st_size
        connection.execute(_THIS_ONE, [head.id, head.made_at, head.expires_at, size])
    restored = msgspec.structs.replace(restored, revocations=applied)
    request.tell(url, restored)
    return restored


def _inspect(server: psycopg.Connection[tuple[Any, ...]], url: str, wanted: str, *, replace: bool) -> bool:
    """Tell whether there is a database with a schema already. Raises `RestoreRefused`."""
    if server.execute("select 1 from pg_database where datname = %s", [wanted]).fetchone() is None:
        return False
    with psycopg.connect(url) as connection:
        row = connection.execute("select to_regclass('vf.schema_version') is not null").fetchone()
    if row == (False,):
        return False
    if not replace:
        message = f"The database {wanted} is not empty. With --replace it is kept under another name."
        raise RestoreRefused(message)
    busy = server.execute(
        "select distinct usename::text from pg_stat_activity where datname = %s and usename like 'vf\\_%%'",
        [wanted],
    ).fetchall()
    if busy:
        names = ", ".join(sorted(row[0] for row in busy))
        message = (
            f"The database {wanted} is in use ({names}). Stop every server first; agents go on meanwhile."
        )
        raise RestoreRefused(message)
    return True


def _revocations(request: Request, head: Head, *, exists: bool) -> list[Revocation]:
    entries = {each.id: each for each in journal.read(request.journals)}
    readable = False
    if exists:
        with suppress(psycopg.Error):
            entries |= {each.id: each for each in journal.of_database(request.url)}
            readable = True
    if not (readable or request.journals or request.without_journal):
        message = (
            f"There is no journal of revocations, so that whatever was revoked after {head.made_at} would be valid "
            "again. Name the files with --journal, or accept that with --without-journal."
        )
        raise RestoreRefused(message)
    return sorted(entries.values(), key=lambda each: each.at)


def _load(connection: psycopg.Connection[tuple[Any, ...]], path: Path, identity: str) -> None:
    """Load the data in one transaction; references are checked by the database as ever."""
    with opened(path, identity) as archive:
        tables = {table.name: table for table in archive.head.tables}
        identifiers = {name: sql.Identifier(*name.split(".")) for name in tables}
        for name in tables:
            connection.execute(sql.SQL("alter table {} disable trigger user").format(identifiers[name]))
        connection.execute(sql.SQL("truncate {} cascade").format(sql.SQL(", ").join(identifiers.values())))
        for table in tables.values():
            _partitions(connection, table)
        _copy(connection, archive.pieces(), tables)
        counted = {name: each.rows for name, each in archive.manifest.tables.items()}
    for name, identifier in identifiers.items():
        row = connection.execute(sql.SQL("select count(*) from {}").format(identifier)).fetchone()
        if row != (counted[name],):
            message = f"{name}: {row} rows were loaded, the manifest says {counted[name]}."
            raise BackupUnreadable(message)
        _sequences(connection, tables[name])
    if (
        "vf.revocations" in tables
    ):  # transactions of another database: the journal begins anew with all of them
        connection.execute("update vf.revocations set xid = '1'")
    for identifier in identifiers.values():
        connection.execute(sql.SQL("alter table {} enable trigger user").format(identifier))


def _copy(
    connection: psycopg.Connection[tuple[Any, ...]],
    pieces: Iterable[tuple[str, bytes]],
    tables: dict[str, TableHead],
) -> None:
    current: tuple[str, Any, Any] | None = None
    cursor = connection.cursor()
    for name, piece in pieces:
        if current is None or current[0] != name:
            if current is not None:
                current[1].__exit__(None, None, None)
            statement = sql.SQL("copy {} ({}) from stdin").format(
                sql.Identifier(*name.split(".")),
                sql.SQL(", ").join(map(sql.Identifier, tables[name].columns)),
            )
            manager = cursor.copy(statement)
            current = (name, manager, manager.__enter__())
        current[2].write(piece)
    if current is not None:
        current[1].__exit__(None, None, None)


def _partitions(connection: psycopg.Connection[tuple[Any, ...]], table: TableHead) -> None:
    for name, bound in table.partitions.items():
        if not (_NAME.fullmatch(name) and _BOUND.fullmatch(bound)):
            message = f"{table.name}: the partition {name} has a form that is not known."
            raise BackupUnreadable(message)
        if connection.execute("select to_regclass(%s)", [f"public.{name}"]).fetchone() == (None,):
            connection.execute("set local role vf_owner")
            connection.execute(
                sql.SQL("create table public.{} partition of {} " + bound).format(  # vetted above
                    sql.Identifier(name), sql.Identifier(*table.name.split("."))
                )
            )
            connection.execute("reset role")


def _sequences(connection: psycopg.Connection[tuple[Any, ...]], table: TableHead) -> None:
    for column in table.columns:
        row = connection.execute("select pg_get_serial_sequence(%s, %s)", [table.name, column]).fetchone()
        if row is not None and row[0] is not None:
            connection.execute(
                sql.SQL("select setval(%s, greatest((select max({}) from {}), 1))").format(
                    sql.Identifier(column), sql.Identifier(*table.name.split("."))
                ),
                [row[0]],
            )


def _swap(
    server: psycopg.Connection[tuple[Any, ...]], wanted: str, fresh: str, *, exists: bool
) -> str | None:
    """Give the restored database the wanted name; one that was there before keeps its data under another."""
    former = f"{wanted}_before_{datetime.now(UTC):%Y%m%d%H%M%S}" if exists else None
    rename = sql.SQL("alter database {} rename to {}")
    if former is not None:
        server.execute(rename.format(sql.Identifier(wanted), sql.Identifier(former)))
    else:
        server.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(wanted)))
    server.execute(rename.format(sql.Identifier(fresh), sql.Identifier(wanted)))
    return former


def _database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()
