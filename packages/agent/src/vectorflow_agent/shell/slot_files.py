"""The slots on disk: their state, what lies in them, and how an agent is started from one."""

import os
import stat
import sys
import zipfile
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.core.slots import INSTALLED, Slots
from vectorflow_agent.shell.disk import (
    folder,
    read_optional,
    remove_tree,
    to_disk,
    tree_to_disk,
    write_atomic,
)

EXIT_UPDATE: Final = 75
"""The agent ended so that its supervisor tries another slot."""
SUPERVISED: Final = "AGENT_SUPERVISOR_PID"
"""Set to the supervisor's process id for the agent it starts."""
MOST_UNPACKED: Final = 512 * 1024 * 1024
ENTRY: Final = "run.py"


class ReleaseDamaged(Exception):
    """An archive that is no release of the agent; says why."""


class SlotFiles:
    """The folder `releases` in the state folder."""

    def __init__(self, state: Path) -> None:
        self.root = state / "releases"
        self._state = self.root / "slots.json"
        self._confirmed = self.root / "confirmed"
        self.index = self.root / "index.json"

    def read(self) -> Slots:
        """The state of the slots; as installed when there is none or it is damaged."""
        stored = read_optional(self._state)
        try:
            return msgspec.json.decode(stored, type=Slots) if stored else Slots()
        except msgspec.MsgspecError:
            return Slots()

    def write(self, slots: Slots) -> None:
        """Keep the state of the slots."""
        write_atomic(self._state, msgspec.json.encode(slots))

    def slot(self, name: str) -> Path:
        """A slot's folder."""
        return self.root / name

    def confirm(self, digest: str) -> None:
        """Tell the supervisor that this release, on trial, works."""
        write_atomic(self._confirmed, digest.encode())

    def is_confirmed(self, digest: str) -> bool:
        """Whether the release on trial has said that it works."""
        return (read_optional(self._confirmed) or b"").decode("ascii", "replace") == digest

    def unconfirm(self) -> None:
        """Forget what an earlier trial said."""
        self._confirmed.unlink(missing_ok=True)

    def download(self, sha256: str) -> Path:
        """Where a file is put while it comes in."""
        return folder(self.root) / f"{sha256}.part"

    def unpack(self, archive: Path, slot: str) -> None:
        """Put a release into a slot, whole or not at all. Raises ReleaseDamaged, OSError."""
        fresh = self.root / f"{slot}.new"
        remove_tree(fresh)
        try:
            with zipfile.ZipFile(archive) as zipped:
                for member in zipped.infolist():
                    _member_check(member)
                zipped.extractall(folder(fresh))
            if not (fresh / ENTRY).is_file():
                raise ReleaseDamaged(f"the release holds no {ENTRY}")
            # Before the state of the slots names it, which is on the disk at once.
            tree_to_disk(fresh)
            remove_tree(self.slot(slot))
            os.replace(fresh, self.slot(slot))
            to_disk(self.root)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise ReleaseDamaged(f"the release is no archive that can be read: {error}") from error
        finally:
            remove_tree(fresh)

    def command(self, slot: str, command: str, arguments: list[str]) -> list[str]:
        """How a command of the agent is called from a slot, or as installed."""
        if slot == INSTALLED or not (self.slot(slot) / ENTRY).is_file():
            return [sys.executable, "-m", "vectorflow_agent", command, *arguments]
        return [sys.executable, "-I", "-S", str(self.slot(slot) / ENTRY), command, *arguments]

    def to_run(self, slots: Slots) -> str:
        """The slot to run now."""
        found = slots.to_run(__version__)
        return found if (self.slot(found) / ENTRY).is_file() else INSTALLED


def unpacked_size(archive: Path) -> int:
    """How many bytes a release takes when unpacked. Raises ReleaseDamaged, OSError."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            size = sum(member.file_size for member in zipped.infolist())
    except zipfile.BadZipFile as error:
        raise ReleaseDamaged(f"the release is no archive that can be read: {error}") from error
    if size > MOST_UNPACKED:
        raise ReleaseDamaged(f"the release is larger than {MOST_UNPACKED} bytes when unpacked")
    return size


def _member_check(member: zipfile.ZipInfo) -> None:
    parts = Path(member.filename).parts
    if member.filename.startswith("/") or ".." in parts or "\\" in member.filename:
        raise ReleaseDamaged(f"the release holds a path outside its folder: {member.filename[:100]!r}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ReleaseDamaged(f"the release holds a link: {member.filename[:100]!r}")
