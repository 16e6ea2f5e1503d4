"""``file``: follows files that match patterns, through rotation and restarts.

At least once: the checkpoint moves over acknowledged lines only, so that after a kill everything that was
in flight is read again. Duplicates are therefore at most what sources had handed on and sinks had not yet
acknowledged, plus a tenth of a second of acknowledgements that were not on disk yet.
"""

import asyncio
import contextlib
import os
import time
from fnmatch import fnmatch
from glob import glob
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vectorflow_engine.component import Context, Options, Source, StartError
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.sources.file_checkpoints import Checkpoints
from vectorflow_engine.sources.file_tail import Lines, Tail, fingerprint
from vectorflow_engine.vrl.timestamps import now

_FLUSH_SECONDS = 0.1
_IDLE_FIRST, _IDLE_MOST = 0.01, 0.25
_GONE_IDLE_SECONDS = 5.0
_RENAMED_IDLE_SECONDS = 300.0


class FingerprintOptions(Options, frozen=True):
    """``fingerprint``: how files are told apart."""

    strategy: Literal["checksum", "device_and_inode"] = "checksum"
    lines: int = 1
    ignored_header_bytes: int = 0


class FileSourceOptions(Options, frozen=True):
    """Options of the ``file`` source."""

    include: list[str]
    exclude: tuple[str, ...] = ()
    read_from: Literal["beginning", "end"] = "beginning"
    ignore_checkpoints: bool = False
    ignore_older_secs: int | None = None
    fingerprint: FingerprintOptions = FingerprintOptions()
    glob_minimum_cooldown_ms: int = 1000
    line_delimiter: str = "\n"
    max_line_bytes: int = 102400
    max_read_bytes: int = 2048  # accepted: reads are whole chunks here
    file_key: str = "file"
    host_key: str | None = None
    offset_key: str | None = None
    data_dir: str | None = None

    def check(self) -> None:
        """Raises `ConfigError` for what no struct can say."""
        if not self.include:
            raise ConfigError("option `include` must name at least one pattern")
        if not self.line_delimiter:
            raise ConfigError("option `line_delimiter` may not be empty")
        if self.max_line_bytes < 1 or self.fingerprint.lines < 1 or self.glob_minimum_cooldown_ms < 1:
            raise ConfigError(
                "options `max_line_bytes`, `fingerprint.lines` and `glob_minimum_cooldown_ms` must be at least 1"
            )


class _Seen(NamedTuple):
    path: str
    fd: int
    name: str
    inode: tuple[int, int]


class FileSource(Source):
    """Reads lines of files and remembers how far they are acknowledged."""

    def __init__(self, context: Context, options: FileSourceOptions) -> None:
        super().__init__(context)
        options.check()
        self._options = options
        self._delimiter = options.line_delimiter.encode()
        self._folder = Path(options.data_dir or context.data_dir) / context.id
        self._checkpoints = Checkpoints(self._folder)
        self._tails: dict[str, Tail] = {}
        self._received_bytes = self.meter.counter("component_received_bytes_total")
        self._truncated: dict[tuple[int, int], str] = {}
        self._next_scan = 0.0
        self._first_scan = True
        self._flusher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Load checkpoints; raises `StartError` when the data folder cannot be used."""
        try:
            self._checkpoints.load()
            if not os.access(self._folder, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            reason = error.strerror or str(error)
            raise StartError(
                f"data_dir {str(self._folder)!r} does not exist or is not writable: {reason}"
            ) from None
        except ValueError as error:
            raise StartError(f"the checkpoints in {str(self._folder)!r} are damaged: {error}") from None
        self._flusher = asyncio.create_task(self._flush_often())

    @property
    def unfinished(self) -> int:
        """Reads that are not acknowledged yet."""
        return self._checkpoints.unfinished

    async def close(self) -> None:
        """Write the last checkpoints and close the files."""
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
        await self._flush()
        for tail in self._tails.values():
            tail.close()
        self._tails.clear()

    async def run(self) -> None:
        """Look for files, read what is new, wait a little when nothing is."""
        idle = _IDLE_FIRST
        while not self.stopping.is_set():
            if time.monotonic() >= self._next_scan:
                self._next_scan = time.monotonic() + self._options.glob_minimum_cooldown_ms / 1000
                await self._scan()
            busy = False
            for tail in list(self._tails.values()):
                if self.stopping.is_set():
                    return
                busy |= await self._read(tail)
            idle = _IDLE_FIRST if busy else min(idle * 2, _IDLE_MOST)
            # Other components must have their turn, also while files are long.
            await (asyncio.sleep(0) if busy else self.pause(idle))

    # Reading

    async def _read(self, tail: Tail) -> bool:
        try:
            if tail.was_truncated():
                self._lose(tail)
                return False
            before = tail.position
            lines = tail.read(self._delimiter, self._options.max_line_bytes)
        except OSError as error:
            self.meter.error("reader_failed", "receiving")
            self.log.error("Error reading file. file=%s error=%s", tail.path, error.strerror)
            return False
        self._report_too_long(tail)
        if lines is None:
            return tail.position > before
        self._received_bytes.add(lines.end - before)
        events = self._events(tail.path, lines)
        await self.send(events, self._checkpoints.begin(tail.name, lines.end))
        return True

    def _events(self, path: str, lines: Lines) -> list[dict[str, Any]]:
        options, longest = self._options, self._options.max_line_bytes
        parts = lines.data.split(self._delimiter)
        if len(lines.data) > longest and any(len(part) > longest for part in parts):
            self.meter.discarded(sum(len(part) > longest for part in parts), intentional=False)
            self.log.warning("Found lines that exceed max_line_bytes; discarding. file=%s", path)
            if not options.offset_key:
                parts = [part for part in parts if len(part) <= longest]
        if options.offset_key:
            return self._events_with_offsets(path, lines.start, parts)
        common = {options.file_key: path, options.host_key or "host": self.context.host}
        stamp = now()
        return [
            {**common, "message": part.decode("utf-8", "replace"), "source_type": "file", "timestamp": stamp}
            for part in parts
        ]

    def _events_with_offsets(self, path: str, offset: int, parts: list[bytes]) -> list[dict[str, Any]]:
        options, events, stamp = self._options, [], now()
        for part in parts:
            if len(part) <= options.max_line_bytes:
                events.append(
                    {
                        options.file_key: path,
                        options.host_key or "host": self.context.host,
                        "message": part.decode("utf-8", "replace"),
                        str(options.offset_key): offset,
                        "source_type": "file",
                        "timestamp": stamp,
                    }
                )
            offset += len(part) + len(self._delimiter)
        return events

    def _report_too_long(self, tail: Tail) -> None:
        if tail.too_long:
            self.meter.discarded(tail.too_long, intentional=False)
            self.log.warning("Found lines that exceed max_line_bytes; discarding. file=%s", tail.path)
            tail.too_long = 0

    def _lose(self, tail: Tail) -> None:
        """The file was truncated: let it be found anew. Its checkpoint stays, a copy may carry its name."""
        self.log.info("File has been truncated; reading it from the beginning. file=%s", tail.path)
        self._truncated[tail.inode] = tail.name
        del self._tails[tail.name]
        tail.close()
        self._next_scan = 0.0

    # Finding

    async def _scan(self) -> None:
        found = await asyncio.to_thread(self._look)
        seen = set()
        for each in found:
            if each.name in seen or not self._adopt(each):
                os.close(each.fd)
            seen.add(each.name)
        self._first_scan = False
        for name, tail in list(self._tails.items()):
            tail.findable = name in seen
            if not tail.findable and await self._is_over(tail):
                tail.close()
                self._tails.pop(name, None)

    def _look(self) -> list[_Seen]:
        """All files that match, opened and told apart (in a thread: folders may be long)."""
        options = self._options
        paths = {path: None for pattern in options.include for path in sorted(glob(pattern, recursive=True))}
        found = []
        for path in paths:
            if any(fnmatch(path, pattern) for pattern in options.exclude):
                continue
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                self._unreadable(path, error)
                continue
            name = self._name(fd, path)
            if name is None:
                os.close(fd)
            else:
                stat = os.fstat(fd)
                found.append(_Seen(path, fd, name, (stat.st_dev, stat.st_ino)))
        return found

    def _unreadable(self, path: str, error: OSError) -> None:
        if isinstance(error, (FileNotFoundError, IsADirectoryError)):
            return
        self.meter.error("reader_failed", "receiving")
        self.log.error("Failed to open file. file=%s error=%s", path, error.strerror)

    def _name(self, fd: int, path: str) -> str | None:
        options = self._options.fingerprint
        try:
            return fingerprint(
                fd,
                strategy=options.strategy,
                lines=options.lines,
                header=options.ignored_header_bytes,
                delimiter=self._delimiter,
                max_line=self._options.max_line_bytes,
            )
        except IsADirectoryError:
            return None
        except OSError as error:
            self._unreadable(path, error)
            return None

    def _adopt(self, seen: _Seen) -> bool:
        """Take a file over; False when it is known already and its descriptor is not needed."""
        known = self._tails.get(seen.name)
        if known is not None:
            known.path = seen.path
            return False
        for name, tail in list(self._tails.items()):
            if tail.inode == seen.inode:
                # The same file with other first lines: it was truncated and written anew.
                del self._tails[name]
                tail.restart(seen.name)
                tail.path = seen.path
                self._tails[seen.name] = tail
                return False
        self._tails[seen.name] = Tail(seen.path, seen.fd, seen.name, self._start_position(seen))
        self.log.info("Found new file to watch. file=%s", seen.path)
        return True

    def _start_position(self, seen: _Seen) -> int:
        options, stat = self._options, os.fstat(seen.fd)
        position = None if options.ignore_checkpoints else self._checkpoints.position(seen.name)
        anew = self._truncated.pop(seen.inode, None) == seen.name
        if position is not None and (anew or position > stat.st_size):
            self._checkpoints.reset(seen.name)
            return 0
        if position is not None:
            return position
        old = (
            options.ignore_older_secs is not None and time.time() - stat.st_mtime > options.ignore_older_secs
        )
        if old or (options.read_from == "end" and self._first_scan):
            self._checkpoints.set(seen.name, stat.st_size)
            return stat.st_size
        return 0

    async def _is_over(self, tail: Tail) -> bool:
        """Whether a file that no pattern finds any more has been read to its end and left alone."""
        limit = _GONE_IDLE_SECONDS if tail.unlinked else _RENAMED_IDLE_SECONDS
        if time.monotonic() - tail.idle_since < limit:
            return False
        rest = tail.rest()
        if rest and self._delimiter in rest:
            return False
        if rest:
            lines = Lines(rest, tail.position, tail.position + len(rest))
            self._received_bytes.add(len(rest))
            done = self._checkpoints.begin(tail.name, lines.end)
            await self.send(self._events(tail.path, lines), done)
        return True

    # Checkpoints

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        data = self._checkpoints.take_dirty()
        if data is None:
            return
        try:
            await asyncio.to_thread(self._checkpoints.write, data)
        except OSError as error:
            self._checkpoints.mark_dirty()
            self.meter.error("writer_failed", "receiving", code="writing_checkpoints")
            self.log.error("Failed writing checkpoints; will try again. error=%s", error.strerror)
