"""Log lines on their way: numbered batches, one file each, until the control plane has acknowledged them.

The spool is bounded in size and age; what goes over is counted. Numbers of batches and lines, and how far each
log was read, are written down after the batch: a batch that an agent left without that is made anew from the logs.

Each agent process numbers on, but under a random name of its own. So two machines that speak as one node (a copied
disk) never give one name and number to different lines, and what a process left is sent as it was.
"""

import contextlib
import gzip
import logging
import secrets
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.shell.disk import folder, read_optional, write_atomic
from vectorflow_wire.logs import LogBatch, LogLine, batch_zipped

_log = logging.getLogger(__name__)
MOST_BYTES: Final = 32 * 1024 * 1024
OLDEST_MS: Final = 20 * 60 * 60 * 1000
SPOOL_FULL: Final = "the spool on the node was full"
TOO_OLD: Final = "the control plane could not be reached for too long"
UNWRITTEN: Final = "the node's disk could not be written"


class _State(msgspec.Struct):
    spool: str = ""
    """The name that the newest batch was made under; an older agent goes on under it."""
    batch: int = 0
    sequences: dict[str, int] = {}
    offsets: dict[str, int] = {}


class _Waiting(msgspec.Struct, frozen=True):
    path: Path
    size: int
    made: int
    lines: dict[str, int]
    """How many lines of each source are in it."""


class LogSpool:
    """The batches that wait."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES, oldest_ms: int = OLDEST_MS) -> None:
        self._path = path
        self._most_bytes, self._oldest_ms = most_bytes, oldest_ms
        self._state = _State()
        self._name = secrets.token_hex(8)
        self._waiting: dict[int, _Waiting] = {}
        self._failing = False
        self._lock = threading.RLock()  # collecting and sending are different threads
        self._dropped: Counter[tuple[str, str]] = Counter()

    @property
    def offsets(self) -> Mapping[str, int]:
        """How far each log was read when the newest batch was made."""
        return self._state.offsets

    def __len__(self) -> int:
        return len(self._waiting)

    def load(self) -> None:
        """Read what an earlier agent left. Raises OSError."""
        folder(self._path)
        stored = read_optional(self._path / "state.json")
        try:
            self._state = msgspec.json.decode(stored or b"", type=_State)
        except msgspec.MsgspecError:
            self._state = _State()
        for path in sorted(self._path.glob("*.gz")):
            try:
                batch = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=LogBatch)
            except (OSError, EOFError, ValueError, msgspec.MsgspecError):
                batch = None
            if batch is None or batch.batch > self._state.batch:
                path.unlink(missing_ok=True)
                continue
            self._waiting[batch.batch] = _waiting(path, batch)

    def add(self, lines: Sequence[LogLine], offsets: Mapping[str, int], now: int) -> None:
        """Number lines and keep them as a batch; without room on the disk they are counted as dropped."""
        state = msgspec.structs.replace(
            self._state,
            spool=self._name,
            batch=self._state.batch + 1,
            sequences=dict(self._state.sequences),
            offsets=dict(offsets),
        )
        numbered = []
        for line in lines:
            sequence = state.sequences[line.pipeline] = state.sequences.get(line.pipeline, 0) + 1
            numbered.append(msgspec.structs.replace(line, sequence=sequence))
        batch = LogBatch(spool=self._name, batch=state.batch, lines=tuple(numbered))
        path = self._path / f"{batch.batch:012d}.gz"
        try:
            write_atomic(path, batch_zipped(batch), sync=False)
            write_atomic(self._path / "state.json", msgspec.json.encode(state), sync=False)
        except OSError as error:
            if not self._failing:
                _log.error("log lines cannot be kept on disk: %s", error.strerror)
            self._failing = True
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            self._lost(_by_source(lines), UNWRITTEN)
            return
        self._failing = False
        with self._lock:
            self._state = state
            self._waiting[batch.batch] = _waiting(path, batch)
            self.bound(now)

    def bound(self, now: int) -> None:
        """Let the oldest batches go that are too many or too old."""
        with self._lock:
            size = sum(each.size for each in self._waiting.values())
            for number in sorted(self._waiting):
                each = self._waiting[number]
                old = now - each.made > self._oldest_ms
                if not old and size <= self._most_bytes:
                    break
                size -= each.size
                self.drop(number, TOO_OLD if old else SPOOL_FULL)

    def oldest(self) -> tuple[int, bytes] | None:
        """Return the number and content of the oldest batch."""
        with self._lock:
            for number in sorted(self._waiting):
                content = read_optional(self._waiting[number].path)
                if content is not None:
                    return number, content
                self.drop(number, UNWRITTEN)
        return None

    def done(self, number: int) -> None:
        """Forget a batch that was acknowledged."""
        with self._lock:
            each = self._waiting.pop(number, None)
        if each is not None:
            with contextlib.suppress(OSError):
                each.path.unlink(missing_ok=True)

    def drop(self, number: int, reason: str) -> None:
        """Forget a batch and count its lines."""
        with self._lock:
            if (each := self._waiting.get(number)) is not None:
                self._lost(each.lines, reason)
                self.done(number)

    def dropped_taken(self) -> Counter[tuple[str, str]]:
        """Take the counts of lines that are gone, by source and reason, to tell them."""
        with self._lock:
            taken, self._dropped = self._dropped, Counter()
        return taken

    def _lost(self, lines: Mapping[str, int], reason: str) -> None:
        with self._lock:
            for source, count in lines.items():
                self._dropped[source, reason] += count


def _waiting(path: Path, batch: LogBatch) -> _Waiting:
    newest = max((line.at for line in batch.lines), default=0)
    stat = path.stat()
    return _Waiting(path, stat.st_size, max(newest, int(stat.st_mtime * 1000)), _by_source(batch.lines))


def _by_source(lines: Sequence[LogLine]) -> dict[str, int]:
    count: Counter[str] = Counter()
    for line in lines:
        count[line.pipeline] += line.dropped or 1
    return dict(count)
