"""The file of a backup: a compressed tar, encrypted with age to public keys, written and read as a stream.

age (X25519, then ChaCha20-Poly1305 in chunks of 64 kB, each authenticated, the last one marked) keeps the key that opens
a backup away from the machine that makes it. The members are `head.json`, the tables in pieces of at most 4 MiB, and
`manifest.json` with rows, bytes and SHA-256 of each table; a file that was cut has no genuine end.
"""

import gzip
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

import msgspec
import pyrage  # type: ignore[import-untyped]
from pyrage import x25519

FORMAT = "vectorflow.backup.v1"
PIECE_BYTES = 4 * 2**20


class BackupUnreadable(Exception):
    """The backup cannot be opened with this key, was cut off, or is no backup of VectorFlow."""


class TableHead(msgspec.Struct, frozen=True):
    """A table's columns in the order of its data, and its partitions: name and bound."""

    name: str
    columns: list[str]
    partitions: dict[str, str]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at the beginning of a backup. Times are RFC 3339; `revision` is that of the migrations."""

    format: str
    id: str
    made_at: str
    expires_at: str
    version: str
    revision: str
    server_version: str
    tables: list[TableHead]
    left_out: dict[str, str]


class TableSum(msgspec.Struct, frozen=True):
    """What a table's data amounts to."""

    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What stands at the end of a backup."""

    id: str
    tables: dict[str, TableSum]


class ArchiveWriter:
    """Takes the members of a backup in order."""

    def __init__(self, stream: IO[bytes], head: Head) -> None:
        self._packed = gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6)
        self._tar = tarfile.open(fileobj=self._packed, mode="w|")  # noqa: SIM115  # closed by `finish`
        self._id = head.id
        self._sums: dict[str, TableSum] = {}
        self._member("head.json", msgspec.json.encode(head))

    def table(self, name: str, pieces: Iterator[bytes], rows: Callable[[], int]) -> None:
        """Write a table's data; `rows` is asked when all of it was read."""
        digest, size = hashlib.sha256(), 0
        for number, piece in enumerate(_of_size(pieces)):
            self._member(f"data/{name}/{number:08d}", piece)
            digest.update(piece)
            size += len(piece)
        self._sums[name] = TableSum(rows(), size, digest.hexdigest())

    def finish(self) -> Manifest:
        """Write the end."""
        manifest = Manifest(self._id, self._sums)
        self._member("manifest.json", msgspec.json.encode(manifest))
        self._tar.close()
        self._packed.close()
        return manifest

    def abandon(self) -> None:
        """Let go of what was not finished."""
        for each in (self._tar, self._packed):
            with suppress(OSError):
                each.close()

    def _member(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self._tar.addfile(info, io.BytesIO(content))


class ArchiveReader:
    """Gives the members of a backup in order; at the end everything was compared with the manifest."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="r|gz")  # noqa: SIM115  # ends with its stream
        name, content = self._next()
        if name != "head.json":
            raise BackupUnreadable(BackupUnreadable.__doc__)
        self.head = msgspec.json.decode(content, type=Head)
        if self.head.format != FORMAT:
            message = f"The backup has the format {self.head.format}; this version reads {FORMAT}."
            raise BackupUnreadable(message)

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Yield the data as (table, piece). Raises `BackupUnreadable` when it is not what the manifest says."""
        digests = {table.name: hashlib.sha256() for table in self.head.tables}
        sizes = dict.fromkeys(digests, 0)
        while True:
            name, content = self._next()
            if name == "manifest.json":
                break
            table = name.split("/")[1]
            digests[table].update(content)
            sizes[table] += len(content)
            yield table, content
        self.manifest = msgspec.json.decode(content, type=Manifest)
        found = {name: (sizes[name], digest.hexdigest()) for name, digest in digests.items()}
        if found != {name: (each.bytes, each.sha256) for name, each in self.manifest.tables.items()}:
            message = "The backup's data is not what its manifest says."
            raise BackupUnreadable(message)
        if self._tar.next() is not None:
            raise BackupUnreadable(BackupUnreadable.__doc__)

    def _next(self) -> tuple[str, bytes]:
        member = self._tar.next()
        content = self._tar.extractfile(member) if member else None
        if member is None or content is None:
            raise BackupUnreadable(BackupUnreadable.__doc__)
        return member.name, content.read()


def new_identity() -> tuple[str, str]:
    """Return a fresh pair: the private key that opens backups, and the public one that they are made for."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def write(path: Path, recipients: list[str], head: Head, fill: Callable[[ArchiveWriter], None]) -> Manifest:
    """Write a backup; the file appears under its name only when it is whole."""
    keys = [x25519.Recipient.from_str(each) for each in recipients]
    unfinished = path.with_name(f".{path.name}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with _Pump(lambda reader: pyrage.encrypt_io(reader, file, keys)) as pump:
                writer = ArchiveWriter(pump.writing(), head)
                try:
                    fill(writer)
                    manifest = writer.finish()
                except BaseException:
                    writer.abandon()
                    raise
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


@contextmanager
def opened(path: Path, identity: str) -> Iterator[ArchiveReader]:
    """Open a backup with a private key. Raises `BackupUnreadable`, on leaving too."""
    try:
        key = x25519.Identity.from_str(identity.strip())
    except pyrage.IdentityError as error:
        message = "The key is not a private key of age: it begins with AGE-SECRET-KEY-1."
        raise BackupUnreadable(message) from error
    try:
        with path.open("rb") as file, _Pull(lambda writer: pyrage.decrypt_io(file, writer, [key])) as stream:
            yield ArchiveReader(stream)
    except (pyrage.DecryptError, tarfile.TarError, EOFError, msgspec.MsgspecError, KeyError) as error:
        raise BackupUnreadable(BackupUnreadable.__doc__) from error


class _Pump:
    """Runs what reads from a pipe in a thread, while this thread writes into the pipe."""

    def __init__(self, work: Callable[[IO[bytes]], object]) -> None:
        reading, writing = os.pipe()
        self._reader, self._writer = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(work,), name="backup")

    def writing(self) -> IO[bytes]:
        """Return the end to write into."""
        return self._writer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with suppress(BrokenPipeError):  # told below, as what the thread failed with
            self._writer.close()
        self._thread.join()
        if self._failure is not None and (kind is None or kind is BrokenPipeError):
            raise self._failure

    def _work(self, work: Callable[[IO[bytes]], object]) -> None:
        try:
            work(self._reader)
        except BaseException as error:
            self._failure = error
        finally:
            self._reader.close()


class _Pull:
    """Runs what writes into a pipe in a thread, while this thread reads from the pipe."""

    def __init__(self, work: Callable[[IO[bytes]], object]) -> None:
        reading, writing = os.pipe()
        self._reader, self._writer = os.fdopen(reading, "rb"), os.fdopen(writing, "wb")
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(work,), name="backup")

    def __enter__(self) -> IO[bytes]:
        self._thread.start()
        return self._reader

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            while self._reader.read(PIECE_BYTES):  # the end is authenticated too
                pass
        self._reader.close()
        self._thread.join()
        if isinstance(self._failure, pyrage.DecryptError) or (self._failure is not None and kind is None):
            raise self._failure

    def _work(self, work: Callable[[IO[bytes]], object]) -> None:
        try:
            work(self._writer)
        except BaseException as error:
            self._failure = error
        finally:
            with suppress(BrokenPipeError):  # whoever reads has gone
                self._writer.close()


def _of_size(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= PIECE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
