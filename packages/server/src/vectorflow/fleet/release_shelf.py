"""The releases that this server passes on to agents: a folder with the signed index and its files, by digest.

The signature is checked when an operator imports a release, and by every agent again. Nothing here can make one: the
release key is on no server.
"""

import asyncio
import hashlib
import os
import shutil
import time
from pathlib import Path

import msgspec

from vectorflow.fleet.errors import FileNotNamed, ReleasesMissing, ReleasesRefused
from vectorflow_wire.encoding import EncodingInvalid, base64_bytes
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.releases import (
    Release,
    ReleaseIndex,
    ReleaseRefused,
    index_verify,
    release_keys,
)

INDEX = "index.json"


class ReleaseShelf:
    """The folder, read as it is: an import takes effect at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def index(self) -> bytes:
        """Return the signed index as it was imported. Raises `ReleasesMissing`."""
        try:
            return await asyncio.to_thread((self._folder / INDEX).read_bytes)
        except FileNotFoundError as error:
            raise ReleasesMissing from error

    async def file(self, sha256: str) -> tuple[Path, int]:
        """Return where a release's file lies, and its size. Raises `FileNotNamed`."""
        path = self._folder / sha256
        try:
            return path, (await asyncio.to_thread(path.stat)).st_size
        except FileNotFoundError as error:
            raise FileNotNamed from error

    async def listed(self) -> ReleaseIndex | None:
        """Return what the index says, for people to choose from; agents verify it, this does not."""
        try:
            return _content(await self.index())
        except ReleasesMissing:
            return None


def import_releases(source: Path, folder: Path, public: list[str]) -> ReleaseIndex:
    """Verify an index and its files and put them on the shelf, the index last.

    Raises `ReleasesRefused`, OSError.
    """
    data = (source / INDEX).read_bytes()
    held = folder / INDEX
    last = _content(held.read_bytes()).number if held.exists() else 0
    try:
        index = index_verify(
            data, keys=release_keys(public), last_number=last, now=time.time_ns() // 1_000_000
        )
    except (ReleaseRefused, EncodingInvalid) as error:
        raise ReleasesRefused(str(error)) from error
    for release in index.releases:
        _digest_check(source / Path(release.file).name, release)
    folder.mkdir(parents=True, exist_ok=True)
    for release in index.releases:
        fresh = folder / f"{release.sha256}.new"
        shutil.copyfile(source / Path(release.file).name, fresh)
        os.replace(fresh, folder / release.sha256)
    fresh = folder / f"{INDEX}.new"
    fresh.write_bytes(data)
    os.replace(fresh, held)
    keep = {INDEX, *(release.sha256 for release in index.releases)}
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()
    return index


def _digest_check(path: Path, release: Release) -> None:
    try:
        with path.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ReleasesRefused(f"the index names {path.name}, which is not there") from error
    if digest != release.digest:
        raise ReleasesRefused(f"{path.name} is not what the index names")


def _content(data: bytes) -> ReleaseIndex:
    envelope = msgspec.json.decode(data, type=Envelope)
    return msgspec.json.decode(base64_bytes(envelope.payload), type=ReleaseIndex)
