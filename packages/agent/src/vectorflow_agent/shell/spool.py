"""Reports on their way: numbered, kept in one file each until the control plane has acknowledged them."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.shell.disk import folder, read_optional, write_atomic
from vectorflow_wire.messages import Report

_log = logging.getLogger(__name__)
_UNWRITTEN_LIMIT: Final = 200


class Spool:
    """The reports waiting. Numbers are never used twice, also when all files are gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counter = path / "sequence"
        self._lock = asyncio.Lock()
        self._waiting: dict[int, Report] = {}
        self._unwritten: set[int] = set()
        self._last = 0
        self.added = asyncio.Event()

    async def load(self) -> None:
        """Read what an earlier agent left."""
        await asyncio.to_thread(self._load)
        if self._waiting:
            self.added.set()

    async def add(self, report: Report) -> Report:
        """Number a report and keep it. With a full disk it is kept in memory and written later."""
        async with self._lock:
            self._last += 1
            report = msgspec.structs.replace(report, sequence=self._last)
            self._waiting[report.sequence] = report
            self._unwritten.add(report.sequence)
            await self._write()
        self.added.set()
        return report

    def waiting(self, limit: int) -> list[Report]:
        """The oldest reports, in order."""
        return [self._waiting[sequence] for sequence in sorted(self._waiting)[:limit]]

    def __len__(self) -> int:
        return len(self._waiting)

    async def done(self, sequences: Iterable[int]) -> None:
        """Forget reports that were acknowledged."""
        async with self._lock:
            for sequence in sequences:
                if self._waiting.pop(sequence, None) is not None:
                    self._unwritten.discard(sequence)
                    await asyncio.to_thread(self._file(sequence).unlink, missing_ok=True)

    async def set_aside(self, sequence: int) -> None:
        """Keep a report that the control plane cannot read where a person can find it."""
        async with self._lock:
            if self._waiting.pop(sequence, None) is not None:
                self._unwritten.discard(sequence)
                file = self._file(sequence)
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(file.replace, file.with_suffix(".rejected"))

    async def _write(self) -> None:
        try:
            for sequence in sorted(self._unwritten):
                await asyncio.to_thread(self._write_one, self._waiting[sequence])
                self._unwritten.discard(sequence)
        except OSError as error:
            _log.error("a report cannot be written to disk, it is kept in memory: %s", error)
            for sequence in sorted(self._unwritten)[:-_UNWRITTEN_LIMIT]:
                self._unwritten.discard(sequence)
                self._waiting.pop(sequence)

    def _write_one(self, report: Report) -> None:
        # The counter first: a number may be skipped, but never used twice.
        write_atomic(self._counter, str(report.sequence).encode())
        write_atomic(self._file(report.sequence), msgspec.json.encode(report))

    def _file(self, sequence: int) -> Path:
        return self._path / f"{sequence:012d}.json"

    def _load(self) -> None:
        folder(self._path)
        stored = read_optional(self._counter)
        self._last = int(stored) if stored and stored.isdigit() else 0
        for file in self._path.glob("*.json"):
            try:
                report = msgspec.json.decode(file.read_bytes(), type=Report)
            except (OSError, msgspec.MsgspecError):
                _log.error("the report in %s cannot be read and is left aside", file.name)
                continue
            self._waiting[report.sequence] = report
        self._last = max(self._last, *self._waiting, 0)
