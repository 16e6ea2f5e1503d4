"""The engines' logs as files that grow: what is new in each, without what must not be seen.

Only what engines say on their standard error is read. Their standard output is what console sinks print,
events, and stays on the node.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from vectorflow_agent.core.loglines import Line, Parser, Splitter, hidden
from vectorflow_agent.shell.disk import read_optional
from vectorflow_agent.shell.instances import Instance
from vectorflow_wire.bundles import BundlePipeline

READ_BYTES: Final = 1024 * 1024
"""Of one log in one round; what it grew by beyond twice that is passed over and counted."""
_IDLE_ROUNDS: Final = 5

Open = Callable[[BundlePipeline], list[str]]
"""Gives the secret values of a specification. Raises ValueError when they cannot be opened."""


class Tail:
    """One engine's log."""

    def __init__(self, folder: Path, pipeline: str, offset: int) -> None:
        self.pipeline = pipeline
        self._log = folder / "engine.log"
        self._record = folder / "engine.json"
        self._record_seen: tuple[int, int] = (0, 0)
        self._secrets: tuple[str, ...] = ()
        self._sealed = False
        self._splitter, self._parser = Splitter(), Parser()
        self._at = offset
        self._idle = 0
        self.missed = 0
        """Lines passed over since this was last set to 0."""
        self.unclean = 0
        """Lines that could not be freed of secrets, since this was last set to 0."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the engine was given that must not be seen."""
        return self._secrets

    @property
    def offset(self) -> int:
        """Where the next line begins."""
        return self._at - self._splitter.waiting

    def read(self, secrets: Open) -> list[Line]:
        """Return the lines that are new."""
        try:
            size = self._log.stat().st_size
        except OSError:
            return []
        if size < self._at:
            # It was cut, see `processes.rotate`.
            self._splitter, self._at = Splitter(), 0
        if size == self._at:
            return self._unended(secrets)
        self._idle = 0
        self._look_at_record(secrets)
        return self._lines(self._splitter.feed(self._grown(size)))

    def _unended(self, secrets: Open) -> list[Line]:
        """A line without an end is one after a while: nothing more comes from an engine that died."""
        if not self._splitter.waiting:
            return []
        self._idle += 1
        if self._idle < _IDLE_ROUNDS:
            return []
        self._look_at_record(secrets)
        return self._lines(iter([self._splitter.flush()]))

    def _lines(self, raw: Iterator[tuple[bytes, int]]) -> list[Line]:
        found = []
        for data, length in raw:
            if self._sealed:
                self.unclean += 1
            elif (line := self._parser.read(data, length, self._secrets)) is not None:
                found.append(line)
        return found

    def _grown(self, size: int) -> bytes:
        with self._log.open("rb") as file:
            file.seek(self._at)
            if size - self._at > 2 * READ_BYTES:
                self._pass_over(file, size - READ_BYTES)
            piece = file.read(min(size - self._at, 2 * READ_BYTES))
        self._at += len(piece)
        return piece

    def _pass_over(self, file: BinaryIO, until: int) -> None:
        while self._at < until:
            piece = file.read(min(READ_BYTES, until - self._at))
            if not piece:
                return
            self._at += len(piece)
            self.missed += piece.count(b"\n")
        self._splitter = Splitter()

    def _look_at_record(self, secrets: Open) -> None:
        """Know the secrets that the engine was given; those of before a reload are still taken out."""
        try:
            stat = self._record.stat()
        except OSError:
            return
        seen = (stat.st_mtime_ns, stat.st_ino)
        if seen == self._record_seen:
            return
        try:
            record = msgspec.json.decode(read_optional(self._record) or b"", type=Instance)
            values = secrets(record.spec)
        except (msgspec.MsgspecError, ValueError):
            self._sealed = True
            return
        if record.scrubbed:
            # What was known of it before still counts.
            self._sealed = self._record_seen == (0, 0)
            return
        self._record_seen, self._sealed = seen, False
        self._secrets = hidden({*self._secrets, *values})
