"""``file``: events to files by a path that may hold dates and fields. Never drops what it took."""

import asyncio
import os
import stat
import time
from typing import Any, Literal

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Context, Options, Sink
from vectorflow_engine.encoding import EncodingOptions, FramingOptions, encoder
from vectorflow_engine.events import Batch, Metric
from vectorflow_engine.sinks.delivery import Backoff
from vectorflow_engine.sinks.file_path import PathTemplate, Unconfined

_MAX_OPEN = 256


class FileSinkOptions(Options, frozen=True):
    """Options of the ``file`` sink."""

    path: str
    encoding: EncodingOptions
    framing: FramingOptions | None = None
    compression: Literal["none"] = "none"
    idle_timeout_secs: int = 30
    base_dir: str | None = None
    timezone: str | None = None
    dangerously_allow_unconfined_template_resolution: bool = False


class _Open:
    __slots__ = ("fd", "regular", "used")

    def __init__(self, fd: int, *, regular: bool) -> None:
        self.fd, self.regular, self.used = fd, regular, time.monotonic()


class FileSink(Sink):
    """Appends; a full disk or any other trouble is tried again for as long as it takes."""

    def __init__(self, context: Context, options: FileSinkOptions) -> None:
        super().__init__(context)
        self._options = options
        self._path = PathTemplate(
            options.path,
            options.base_dir,
            unconfined=options.dangerously_allow_unconfined_template_resolution,
        )
        self._encode = encoder(options.encoding)
        self._separator = b"\n" if options.framing is None else options.framing.separator
        self._files: dict[str, _Open] = {}

    async def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            os.close(file.fd)
        self._files.clear()

    async def run(self, inbox: Buffer) -> None:
        """Write batch by batch; a batch is acknowledged when all of it is written."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                batch = await inbox.get(until=loop.time() + self._options.idle_timeout_secs)
            except TimeoutError:
                self._close_idle()
                continue
            if batch is None:
                return
            for path, events in self._by_path(batch).items():
                await self._write(path, events)
            batch.release()
            if not self._path.constant:
                self._close_idle()

    def _by_path(self, batch: Batch) -> dict[str, list[Any]]:
        if self._path.constant:
            return {self._options.path: batch.events}
        found: dict[str, list[Any]] = {}
        for event in batch.events:
            try:
                path = self._path.render(event.document() if isinstance(event, Metric) else event)
            except Unconfined:
                self._refuse(
                    "confinement_failed", "A field would lead the path out of its folder; event discarded."
                )
                continue
            if path is None:
                self._refuse("template_failed", 'Failed to render template for "path"; event discarded.')
            else:
                found.setdefault(path, []).append(event)
        return found

    def _refuse(self, error_type: str, text: str) -> None:
        self.meter.error(error_type, "processing")
        self.meter.discarded(1, intentional=False)
        self.log.error(text)

    async def _write(self, path: str, events: list[Any]) -> None:
        separator = self._separator
        data = separator.join(map(self._encode, events)) + separator
        rest, backoff = memoryview(data), Backoff(0.1, 5.0, "None")
        while rest:
            try:
                file = self._files.get(path) or await self._open(path)
                file.used = time.monotonic()
                count = (
                    os.write(file.fd, rest)
                    if file.regular
                    else await asyncio.to_thread(os.write, file.fd, rest)
                )
                rest = rest[count:]
            except OSError as error:
                self._forget(path)
                self.meter.error("io_failed", "sending")
                self.log.error(
                    "Failed to write to file; will try again. file=%s error=%s", path, error.strerror
                )
                await asyncio.sleep(backoff.next())
        self.sent.add_counted(len(events), len(data))
        self.sent_bytes.add(len(data))

    async def _open(self, path: str) -> _Open:
        """Open for appending, folders made; raises OSError."""
        if len(self._files) >= _MAX_OPEN:
            self._forget(min(self._files, key=lambda name: self._files[name].used))
        file = await asyncio.to_thread(_opened, path, self._separator)
        self._files[path] = file
        return file

    def _forget(self, path: str) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            os.close(file.fd)

    def _close_idle(self) -> None:
        limit = time.monotonic() - self._options.idle_timeout_secs
        for path in [path for path, file in self._files.items() if file.used < limit]:
            self._forget(path)


def _opened(path: str, separator: bytes) -> _Open:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        found = os.fstat(fd)
        regular = stat.S_ISREG(found.st_mode)
        if regular and found.st_size and separator == b"\n":
            _end_torn_line(fd, found.st_size)
    except OSError:
        os.close(fd)
        raise
    return _Open(fd, regular=regular)


def _end_torn_line(fd: int, size: int) -> None:
    """A killed writer may have left half a line: the next event must not stand behind it."""
    try:
        torn = os.pread(fd, 1, size - 1) != b"\n"
    except OSError:
        return  # not readable for us: appended to as it is
    if torn:
        os.write(fd, b"\n")
