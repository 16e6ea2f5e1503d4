"""The journals of take-overs, one file each in the state folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.adopt.types import TakeOver
from vectorflow_agent.shell.disk import folder, write_atomic

_NAME: Final = re.compile(r"[A-Za-z0-9@_.:-]{1,200}")


class JournalDamaged(Exception):
    """A journal cannot be read; the message names the file."""


def place(state: Path) -> Path:
    """The folder of the journals."""
    return state / "adopted"


def file_of(state: Path, name: str) -> Path:
    """The file of one journal. Raises ValueError for what cannot be a name."""
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise ValueError(f"{name!r} is not the name of a unit")
    return place(state) / f"{name}.json"


def journals(state: Path) -> Iterator[TakeOver]:
    """All journals by name. Raises JournalDamaged, OSError."""
    for path in sorted(place(state).glob("*.json")):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=TakeOver)
        except msgspec.MsgspecError:
            raise JournalDamaged(
                f"{path} cannot be read: restore it, or see what it was about and remove it"
            ) from None


def journal_write(state: Path, record: TakeOver) -> None:
    """Put a journal on disk before what it says is done. Raises OSError."""
    folder(place(state))
    write_atomic(file_of(state, record.id), msgspec.json.encode(record))


def journal_remove(state: Path, name: str) -> None:
    """Forget a take-over that is over."""
    file_of(state, name).unlink(missing_ok=True)
