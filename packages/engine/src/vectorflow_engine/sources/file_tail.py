"""One file being followed: reading whole lines, noticing truncation, telling files apart.

Everything here is direct and quick (a read of at most some 100 KiB from a local file).
"""

import hashlib
import os
import time
from typing import NamedTuple

_CHUNK = 64 * 1024
_HEAD = 64


class Lines(NamedTuple):
    """What one read gave: whole lines without their delimiter, the position after them, bytes used."""

    data: bytes
    start: int
    end: int


def fingerprint(
    fd: int, *, strategy: str, lines: int, header: int, delimiter: bytes, max_line: int
) -> str | None:
    """What tells this file from others; None when its first lines are not complete yet."""
    stat = os.fstat(fd)
    if strategy == "device_and_inode":
        return f"inode:{stat.st_dev}:{stat.st_ino}"
    data = b""
    position = header
    while data.count(delimiter) < lines:
        part = os.pread(fd, 4096, position)
        if not part or len(data) > max_line * lines:
            break
        data += part
        position += len(part)
    parts = data.split(delimiter)
    if len(parts) <= lines:
        if len(data) <= max_line * lines:
            return None
        return "checksum:" + hashlib.blake2b(data[: max_line * lines], digest_size=8).hexdigest()
    return "checksum:" + hashlib.blake2b(delimiter.join(parts[:lines]), digest_size=8).hexdigest()


class Tail:
    """An open file and how far it has been read."""

    def __init__(self, path: str, fd: int, name: str, position: int) -> None:
        """``name`` is its fingerprint; owns ``fd``."""
        self.path, self.fd, self.name, self.position = path, fd, name, position
        stat = os.fstat(fd)
        self.inode = (stat.st_dev, stat.st_ino)
        self.findable = True
        self.too_long = 0
        self.idle_since = time.monotonic()
        self._skipping = False
        self._head = os.pread(fd, min(_HEAD, position), 0)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        return os.fstat(self.fd).st_size

    @property
    def unlinked(self) -> bool:
        """Whether nobody can open it any more."""
        return os.fstat(self.fd).st_nlink == 0

    def was_truncated(self) -> bool:
        """Whether the content that was read is no longer there (copytruncate)."""
        if self.position == 0:
            return False
        return self.size < self.position or os.pread(self.fd, len(self._head), 0) != self._head

    def restart(self, name: str | None = None) -> None:
        """Read from the beginning again, as another file if ``name`` says so."""
        self.name = name or self.name
        self.position, self._head, self._skipping = 0, b"", False

    def read(self, delimiter: bytes, max_line: int) -> Lines | None:
        """The next whole lines, None when there are none yet."""
        data = os.pread(self.fd, _CHUNK, self.position)
        cut = data.rfind(delimiter)
        if cut < 0 and len(data) == _CHUNK:
            data = os.pread(self.fd, _CHUNK + max_line + len(delimiter), self.position)
            cut = data.rfind(delimiter)
            if cut < 0 and len(data) > max_line:
                self._skip(len(data) - len(delimiter) + 1)
                return None
        if cut < 0:
            return None
        start, self.position = self.position, self.position + cut + len(delimiter)
        self.idle_since = time.monotonic()
        if len(self._head) < _HEAD:
            self._head = os.pread(self.fd, min(_HEAD, self.position), 0)
        if self._skipping:
            self._skipping = False
            first = data.find(delimiter) + len(delimiter)
            return Lines(data[first:cut], start + first, self.position) if first <= cut else None
        return Lines(data[:cut], start, self.position)

    def _skip(self, count: int) -> None:
        """Leave part of a line that is too long."""
        self.too_long += not self._skipping
        self._skipping = True
        self.position += count
        self.idle_since = time.monotonic()

    def rest(self) -> bytes:
        """What stands after the last delimiter, at most one chunk; the file is not written any more."""
        return b"" if self._skipping else os.pread(self.fd, _CHUNK, self.position)
