"""Making a backup, as the role that reads everything, in one snapshot.

Each table is copied as text by PostgreSQL's own COPY. That needs no program beside the server and depends on no version
of one: the schema is not in the file, the migrations make it again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg import sql

from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.backup.archive import FORMAT, ArchiveWriter, Head, Manifest, TableHead, write
from vectorflow.platform.backup.plan import LEFT_OUT, planned

Connection = psycopg.Connection[tuple[object, ...]]
_LOCK_TIMEOUT = "set local lock_timeout = '30s'"


class Made(msgspec.Struct, frozen=True):
    """A backup that was just made."""

    path: Path
    head: Head
    manifest: Manifest
    bytes: int


def dump(url: str, folder: Path, recipients: list[str], *, version: str, keep: timedelta) -> Made:
    """Write a backup of the database at ``url`` (role backup) into ``folder``, and note it in the database."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute(_LOCK_TIMEOUT)
        connection.execute("set local row_security = off")  # an error where a policy would hide rows
        head = _head(connection, version, keep)
        path = folder / file_name(head)

        def fill(writer: ArchiveWriter) -> None:
            for table in head.tables:
                _table(connection, writer, table)

        manifest = write(path, recipients, head, fill)
    size = path.stat().st_size
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select vf.backup_record(%s, %s, %s, %s)", [head.id, head.made_at, head.expires_at, size]
        )
    return Made(path, head, manifest, size)


def file_name(head: Head) -> str:
    """Return the name of a backup's file, which tells when it was made and when it expires without its key."""
    made, expires = (
        datetime.fromisoformat(each).strftime("%Y%m%dT%H%M%SZ") for each in (head.made_at, head.expires_at)
    )
    return f"vectorflow-{made}-{expires}-{UUID(head.id).hex}.age"


def _head(connection: Connection, version: str, keep: timedelta) -> Head:
    row = connection.execute("select version_num, now() from vf.schema_version").fetchone()
    if row is None:
        message = "The database has no schema yet. Run `vectorflow migrate` first."
        raise LookupError(message)
    revision, made = str(row[0]), row[1]
    if not isinstance(made, datetime):
        raise TypeError("now() is a moment")
    return Head(
        format=FORMAT,
        id=str(uuid4()),
        made_at=rfc3339(made),
        expires_at=rfc3339((made + keep).astimezone(UTC)),
        version=version,
        revision=revision,
        server_version=str(connection.info.parameter_status("server_version")),
        tables=planned(connection),
        left_out=dict(LEFT_OUT),
    )


def _table(connection: Connection, writer: ArchiveWriter, table: TableHead) -> None:
    statement = sql.SQL("copy (select {} from {}) to stdout").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(*table.name.split("."))
    )
    with connection.cursor() as cursor:
        writer.table(table.name, _copied(cursor, statement), lambda: cursor.rowcount)


def _copied(cursor: psycopg.Cursor[tuple[object, ...]], statement: sql.Composed) -> Iterator[bytes]:
    with cursor.copy(statement) as copy:
        for piece in copy:
            yield bytes(piece)
