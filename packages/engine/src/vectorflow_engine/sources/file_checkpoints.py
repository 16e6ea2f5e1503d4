"""How far each file has been acknowledged, kept on disk so that a killed engine goes on from there.

A position advances only over what is finished, in the order it was read. Written at most
a tenth of a second after it changed, atomically (new file, flushed, renamed), so that a crash leaves the
old or the new state and never a torn one.
"""

import contextlib
import datetime
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from vectorflow_engine.events import Status


class _Entry(msgspec.Struct):
    fingerprint: str
    position: int
    modified: str


class _Stored(msgspec.Struct):
    version: str
    checkpoints: list[_Entry]


class _Pending:
    __slots__ = ("end", "status")

    def __init__(self, end: int) -> None:
        self.end = end
        self.status: Status | None = None


class Checkpoints:
    """Positions by fingerprint, and what is read but not yet finished."""

    # Entries of files that are gone; the oldest are forgotten beyond this.
    MAX_ENTRIES = 10_000

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checkpoints.json"
        self._entries: dict[str, _Entry] = {}
        self._pending: dict[str, deque[_Pending]] = {}
        self._dirty = False

    def load(self) -> None:
        """Read what an earlier run left; raises OSError, ValueError when it is unreadable."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            stored = msgspec.json.decode(self._path.read_bytes(), type=_Stored)
            self._entries = {entry.fingerprint: entry for entry in stored.checkpoints}

    def position(self, fingerprint: str) -> int | None:
        """The acknowledged position, None for a file never seen."""
        entry = self._entries.get(fingerprint)
        return entry.position if entry else None

    def begin(self, fingerprint: str, end: int) -> Callable[[Status], None]:
        """Something up to ``end`` was read; call what is returned once it is finished."""
        pending = _Pending(end)
        queue = self._pending.setdefault(fingerprint, deque())
        queue.append(pending)

        def done(status: Status) -> None:
            pending.status = status
            if self._pending.get(fingerprint) is not queue:
                return
            while queue and queue[0].status is not None:
                first = queue.popleft()
                if first.status is Status.DELIVERED:
                    self.set(fingerprint, first.end)

        return done

    def reset(self, fingerprint: str) -> None:
        """The file starts anew (truncated): what was read of its old content no longer counts."""
        self._pending[fingerprint] = deque()
        self.set(fingerprint, 0)

    def set(self, fingerprint: str, position: int) -> None:
        """Note a position."""
        stamp = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
        self._entries.pop(fingerprint, None)
        self._entries[fingerprint] = _Entry(fingerprint, position, stamp)
        while len(self._entries) > self.MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._dirty = True

    @property
    def unfinished(self) -> int:
        """How many reads wait for their acknowledgement."""
        return sum(len(queue) for queue in self._pending.values())

    def take_dirty(self) -> bytes | None:
        """What must be written, None when nothing changed."""
        if not self._dirty:
            return None
        self._dirty = False
        return msgspec.json.encode(_Stored("1", list(self._entries.values())))

    def write(self, data: bytes) -> None:
        """Put ``data`` on disk (blocking); raises OSError and leaves the old state then."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def mark_dirty(self) -> None:
        """A write failed; try again later."""
        self._dirty = True
