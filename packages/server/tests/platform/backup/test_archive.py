"""The file itself: whole, or refused."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from vectorflow.platform.backup.archive import (
    FORMAT,
    PIECE_BYTES,
    ArchiveWriter,
    BackupUnreadable,
    Head,
    TableHead,
    new_identity,
    opened,
    write,
)

HEAD = Head(
    format=FORMAT,
    id="0193f2a4-0000-7000-8000-000000000000",
    made_at="2026-01-01T00:00:00.000Z",
    expires_at="2026-02-01T00:00:00.000Z",
    version="0",
    revision="0001",
    server_version="18",
    tables=[TableHead("public.large", ["a"], {}), TableHead("public.empty", ["a"], {})],
    left_out={},
)
MARK = b"canary-5b1d"
# Bytes that do not compress, so that the file has many encrypted chunks.
LINES = [MARK + random.Random(number).randbytes(4000).hex().encode() + b"\n" for number in range(1200)]


def _lines() -> Iterator[bytes]:
    yield from LINES


def _fill(writer: ArchiveWriter) -> None:
    writer.table("public.large", _lines(), lambda: len(LINES))
    writer.table("public.empty", iter(()), lambda: 0)


@pytest.fixture
def pair() -> tuple[str, str]:
    return new_identity()


@pytest.fixture
def archive(tmp_path: Path, pair) -> Path:
    path = tmp_path / "one.age"
    write(path, [pair[1]], HEAD, _fill)
    return path


def _read(path: Path, identity: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with opened(path, identity) as reader:
        for name, piece in reader.pieces():
            assert len(piece) < 2 * PIECE_BYTES
            found[name] = found.get(name, b"") + piece
    return found


def test_what_was_written_is_read(archive, pair) -> None:
    assert _read(archive, pair[0]) == {"public.large": b"".join(LINES)}
    assert MARK not in archive.read_bytes()
    assert archive.stat().st_size > PIECE_BYTES
    assert archive.stat().st_mode & 0o777 == 0o600


def test_every_recipient_opens_it_and_nobody_else(tmp_path, pair) -> None:
    second, stranger = new_identity(), new_identity()
    path = tmp_path / "two.age"
    write(path, [pair[1], second[1]], HEAD, _fill)
    assert _read(path, second[0]) == _read(path, pair[0])
    with pytest.raises(BackupUnreadable):
        _read(path, stranger[0])
    with pytest.raises(BackupUnreadable, match="AGE-SECRET-KEY"):
        _read(path, pair[1])


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.98])
def test_one_changed_bit_is_noticed(archive, pair, part) -> None:
    content = bytearray(archive.read_bytes())
    content[int(part * len(content))] ^= 1
    archive.write_bytes(content)
    with pytest.raises(BackupUnreadable):
        _read(archive, pair[0])


@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_a_cut_file_is_noticed(archive, pair, part) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(part * len(content))])
    with pytest.raises(BackupUnreadable):
        _read(archive, pair[0])


def test_appended_bytes_are_noticed(archive, pair) -> None:
    archive.write_bytes(archive.read_bytes() + b"more")
    with pytest.raises(BackupUnreadable):
        _read(archive, pair[0])


def test_a_backup_that_fails_leaves_nothing(tmp_path, pair) -> None:
    def fail(writer: ArchiveWriter) -> None:
        writer.table("public.large", _lines(), lambda: len(LINES))
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        write(tmp_path / "three.age", [pair[1]], HEAD, fail)
    assert list(tmp_path.iterdir()) == []


def test_another_format_is_refused(tmp_path, pair) -> None:
    other = Head(**{name: getattr(HEAD, name) for name in HEAD.__struct_fields__} | {"format": "x"})
    write(tmp_path / "four.age", [pair[1]], other, _fill)
    with pytest.raises(BackupUnreadable, match="format"):
        _read(tmp_path / "four.age", pair[0])
