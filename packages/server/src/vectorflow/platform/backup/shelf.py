"""The folder with the backups: what is there, and what has expired."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

_NAME = re.compile(r"vectorflow-(\d{8}T\d{6}Z)-(\d{8}T\d{6}Z)-([0-9a-f]{32})\.age")


class Kept(msgspec.Struct, frozen=True):
    """A backup on the shelf, as its name tells."""

    path: Path
    id: UUID
    made_at: datetime
    expires_at: datetime
    bytes: int


def backups(folder: Path) -> list[Kept]:
    """Return the backups of a folder, newest first."""
    found = []
    for path in folder.glob("vectorflow-*.age"):
        match = _NAME.fullmatch(path.name)
        if match:
            made, expires = (
                datetime.strptime(each, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for each in match.groups()[:2]
            )
            found.append(Kept(path, UUID(match[3]), made, expires, path.stat().st_size))
    return sorted(found, key=lambda each: each.made_at, reverse=True)


def expired(kept: list[Kept], now: datetime, *, at_most: int | None = None) -> list[Kept]:
    """Return what is to be removed: what has expired, and what is beyond the newest so many."""
    beyond = kept[at_most:] if at_most else []
    return [each for each in kept if each.expires_at <= now or each in beyond]


def remove(url: str, gone: list[Kept]) -> None:
    """Delete backups, and note that (role backup)."""
    with psycopg.connect(url, autocommit=True) as connection:
        for each in gone:
            each.path.unlink(missing_ok=True)
            connection.execute("select vf.backup_removed(%s)", [each.id])
