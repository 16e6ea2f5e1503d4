import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from vectorflow.keys.errors import KeyFileUnsafe, KeysUnavailable
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.types import KeyContext

CONTEXT = KeyContext(uuid4(), uuid4(), 1)


def path_of(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "platform.key"


async def test_the_key_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    provider = LocalKeyFile(tmp_path)
    provider.create()
    path = path_of(tmp_path)
    content = path.read_bytes()
    provider.create()
    assert path.read_bytes() == content
    assert len(content) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    wrapped = await provider.wrap(b"d" * 32, CONTEXT)
    assert await LocalKeyFile(tmp_path).unwrap(wrapped, CONTEXT) == b"d" * 32


async def test_without_its_file_keys_are_unavailable(tmp_path: Path) -> None:
    provider = LocalKeyFile(tmp_path)
    with pytest.raises(KeysUnavailable, match="cannot be read"):
        await provider.wrap(b"d" * 32, CONTEXT)


async def test_another_file_does_not_open_it(tmp_path: Path) -> None:
    provider = LocalKeyFile(tmp_path)
    provider.create()
    wrapped = await provider.wrap(b"d" * 32, CONTEXT)
    path_of(tmp_path).unlink()
    provider.create()
    with pytest.raises(KeysUnavailable, match="not the one"):
        await provider.unwrap(wrapped, CONTEXT)


async def test_a_readable_or_damaged_file_is_refused(tmp_path: Path) -> None:
    provider = LocalKeyFile(tmp_path)
    provider.create()
    path = path_of(tmp_path)
    os.chmod(path, 0o640)
    with pytest.raises(KeyFileUnsafe):
        await provider.wrap(b"d" * 32, CONTEXT)
    os.chmod(path, 0o600)
    path.write_bytes(b"short")
    with pytest.raises(KeysUnavailable, match="damaged"):
        await provider.wrap(b"d" * 32, CONTEXT)


def test_of_two_at_once_one_key_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: LocalKeyFile(tmp_path).create(), range(32)))
    assert [each.name for each in path_of(tmp_path).parent.iterdir()] == ["platform.key"]
    assert len(path_of(tmp_path).read_bytes()) == 32
