"""Reports on their way: numbered, kept in one file each until the control plane has acknowledged them."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.shell.disk import folder, read_optional, write_atomic
from vectorflow_wire.messages import Report

_log = logging.getLogger(__name__)
_UNWRITTEN_LIMIT: Final = 200
_EMPTY_SECONDS: Final = 0.5


class Spool:
    """The reports waiting. Numbers are never used twice, also when all files are gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counter = path / "sequence"
        self._lock = asyncio.Lock()
        self._waiting: dict[int, Report] = {}
        self._unwritten: set[int] = set()
        self._last = 0
        # Kept with each report, so that it is the same whichever agent sends it.
        self._run = secrets.token_hex(8)
        self.added = asyncio.Event()

    async def load(self) -> None:
        """Read what an earlier agent left."""
        await asyncio.to_thread(self._load)
        if self._waiting:
            self.added.set()

    async def restore(self, reports: Iterable[Report]) -> None:
        """Take in reports that an earlier agent had numbered, but was killed before it wrote them here.

        Numbers are given and written one after another, so only the last ones can be missing.
        """
        async with self._lock:
            for report in sorted(reports, key=lambda each: each.sequence):
                if report.sequence > self._last:
                    self._last = report.sequence
                    self._waiting[report.sequence] = report
                    self._unwritten.add(report.sequence)
            await self._write()
        if self._waiting:
            self.added.set()

    async def add(
        self, *reports: Report, before: Callable[[tuple[Report, ...]], Awaitable[None]] | None = None
    ) -> None:
        """Number reports and keep them. With a full disk they are kept in memory and written later.

        `before` is done with the numbered reports before they are kept: what it writes down with them is
        the same to a later agent, whenever this one is killed (see `restore`).
        """
        async with self._lock:
            numbered = tuple(
                msgspec.structs.replace(report, sequence=self._last + place, run=self._run)
                for place, report in enumerate(reports, start=1)
            )
            if before is not None:
                await before(numbered)
            for report in numbered:
                self._last = report.sequence
                self._waiting[report.sequence] = report
                self._unwritten.add(report.sequence)
            await self._write()
        self.added.set()

    async def emptied(self) -> None:
        """Wait until every report has been acknowledged."""
        while self._waiting:  # noqa: ASYNC110  seldom, and nobody hurries
            await asyncio.sleep(_EMPTY_SECONDS)

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
        # The report first: its number is not given again while it is here, and none is left out.
        write_atomic(self._file(report.sequence), msgspec.json.encode(report))
        write_atomic(self._counter, str(report.sequence).encode())

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
        newest = max((self._last, *self._waiting))
        if newest > self._last:
            # Before any of them can be acknowledged and removed.
            write_atomic(self._counter, str(newest).encode())
            self._last = newest
