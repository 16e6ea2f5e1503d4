"""`vault.lookup_files`: an upload on disk, its digest, its pieces, and what it is taken for."""

import hashlib

import pytest

from vectorflow.vault.errors import LookupFileInvalid, LookupFileTooLarge
from vectorflow.vault.lookup_files import PART_BYTES, LookupFileService


async def chunks(*parts):
    for part in parts:
        yield part


async def taken(*parts, most=10 * PART_BYTES):
    async with LookupFileService(most).upload() as upload:
        await upload.take(chunks(*parts))
        position, content = 0, b""
        while part := await upload.part(position):
            assert len(part) <= PART_BYTES
            content, position = content + part, position + 1
        return upload, content


async def test_what_came_is_what_is_kept() -> None:
    given = [bytes([number]) * 700_000 for number in range(65, 70)]
    upload, content = await taken(*given)
    assert content == b"".join(given)
    assert (upload.size, upload.sha256) == (len(content), hashlib.sha256(content).digest())


@pytest.mark.parametrize(
    ("content", "kind", "detail"),
    [
        (b"a,b\n1,2\n", "csv", "2 columns: a, b"),
        (b'"x\x1b[31m",y\n', "csv", "2 columns: x\ufffd[31m, y"),
        (b"\xff\xfe\x00\x01" * 10, "other", "not text"),
        (b"\x00" * 100 + b"\xab\xcd\xefMaxMind.com" + b"\x01" * 50, "mmdb", "a MaxMind database"),
    ],
)
async def test_it_is_taken_for_what_it_is(content, kind, detail) -> None:
    upload, _ = await taken(content)
    assert (upload.format, upload.detail) == (kind, detail)


async def test_too_much_is_refused_before_the_end_and_nothing_too() -> None:
    async def endless():
        while True:
            yield b"x" * 1000

    async with LookupFileService(5000).upload() as upload:
        with pytest.raises(LookupFileTooLarge):
            await upload.take(endless())
    with pytest.raises(LookupFileInvalid):
        await taken(b"")
