"""Rules of lookup files: uploaded in a stream, kept by their hash, given to nodes whose bundle names them."""

import asyncio
import csv
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction
from vectorflow.vault.errors import (
    LookupFileInUse,
    LookupFileInvalid,
    LookupFileNameTaken,
    LookupFileNotFound,
    LookupFileTooLarge,
)
from vectorflow.vault.names import description_errors, in_words, name_errors
from vectorflow.vault.store import files as store
from vectorflow.vault.store import uses
from vectorflow.vault.store.files import LookupColumns, LookupFile, LookupVersion

PART_BYTES = 2**20
TOTAL_FILES = 20
"""How many files of the largest size an organisation may keep."""
_MMDB = b"\xab\xcd\xefMaxMind.com"
_MMDB_TAIL = 128 * 1024
_MOST_VERSIONS = 100
_MOST_COLUMNS = 30


class Upload:
    """A file on its way in: on disk until all of it is there, so that no transaction waits for the network."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._file = tempfile.TemporaryFile(prefix="vectorflow-upload-")  # noqa: SIM115 - closed in __aexit__
        self._hash = hashlib.sha256()
        self.size = 0
        self.format = ""
        self.detail = ""

    async def __aenter__(self) -> Self:
        """Return the upload."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what is on disk."""
        await asyncio.to_thread(self._file.close)

    @property
    def sha256(self) -> bytes:
        """The digest of what came."""
        return self._hash.digest()

    async def take(self, chunks: AsyncIterator[bytes]) -> None:
        """Take all of a body. Raises `LookupFileTooLarge` or `LookupFileInvalid`."""
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._most:
                raise LookupFileTooLarge(f"This installation takes files of at most {self._most} bytes.")
            await asyncio.to_thread(self._write, chunk)
        if self.size == 0:
            raise LookupFileInvalid(errors=[FieldError("content", "the file is empty")])
        self.format, self.detail = await asyncio.to_thread(self._judged)

    async def part(self, position: int) -> bytes:
        """Return a piece of what came; empty past the end."""
        return await asyncio.to_thread(self._read, position)

    def _write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)

    def _read(self, position: int) -> bytes:
        self._file.seek(position * PART_BYTES)
        return self._file.read(PART_BYTES)

    def _judged(self) -> tuple[str, str]:
        """Return the format and what can be said of the content, from its beginning and its end."""
        self._file.seek(max(0, self.size - _MMDB_TAIL))
        if _MMDB in self._file.read():
            return "mmdb", "a MaxMind database"
        self._file.seek(0)
        begin = self._file.read(64 * 1024)
        text = begin.decode("utf-8", errors="ignore")
        if b"\0" in begin or len(text.encode()) < len(begin) - 4:
            return "other", "not text"
        header = next(csv.reader(text.splitlines()[:1]), [])
        columns = ["".join(each if each.isprintable() else "\ufffd" for each in name)[:40] for name in header]
        more = f" and {len(columns) - _MOST_COLUMNS} more" if len(columns) > _MOST_COLUMNS else ""
        return "csv", f"{len(columns)} columns: {', '.join(columns[:_MOST_COLUMNS])}{more}"[:200]


class LookupFileService:
    """Keeps lookup files. A new version takes effect with the next revision of whatever uses it."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes

    def upload(self) -> Upload:
        """Begin an upload."""
        return Upload(self.most_bytes)

    async def files(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: str | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[LookupFile]:
        """Return lookup files in the order of their names."""
        return await store.lookup_file_list(txn, environment_id, after=after, limit=limit, text=text)

    async def file(self, txn: Transaction, environment_id: UUID, file_id: UUID) -> LookupFile:
        """Return a lookup file. Raises `LookupFileNotFound`."""
        found = await store.lookup_file_get(txn, environment_id, file_id)
        if found is None:
            raise LookupFileNotFound
        return found

    async def for_change(self, txn: Transaction, environment_id: UUID, file_id: UUID) -> LookupFile:
        """Return a lookup file and hold it. Raises `LookupFileNotFound`."""
        found = await store.lookup_file_lock(txn, environment_id, file_id)
        if found is None:
            raise LookupFileNotFound
        return found

    async def versions(self, txn: Transaction, environment_id: UUID, file_id: UUID) -> list[LookupVersion]:
        """Return a lookup file's versions, newest first. Raises `LookupFileNotFound`."""
        found = await self.file(txn, environment_id, file_id)
        return await store.lookup_version_list(txn, found.id, _MOST_VERSIONS)

    async def part(self, txn: Transaction, sha256: bytes, position: int) -> bytes | None:
        """Return a piece of a content of at most 1 MiB, None past its end."""
        return await store.content_part(txn, sha256, position)

    async def create(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        *,
        name: str,
        description: str,
        upload: Upload,
    ) -> LookupFile:
        """Keep a new lookup file. Raises `LookupFileInvalid`, `LookupFileNameTaken`, `LookupFileTooLarge`."""
        problems = [*name_errors(name), *description_errors(description)]
        if problems:
            raise LookupFileInvalid(errors=problems)
        file_id = new_id()
        if not await store.lookup_file_insert(txn, environment_id, file_id, name, description):
            raise LookupFileNameTaken
        await self._keep(txn, actor, file_id, 1, upload)
        made = await self.file(txn, environment_id, file_id)
        summary = f"The lookup file {name} was uploaded."
        await txn.audit(_entry(AuditAction.LOOKUP_FILE_CREATED, actor, made, summary))
        return made

    async def renew(
        self, txn: Transaction, actor: Actor, environment_id: UUID, file: LookupFile, upload: Upload
    ) -> LookupFile:
        """Keep a new version of a file that `for_change` returned. Raises `LookupFileTooLarge`."""
        version = await store.lookup_file_next_version(txn, file.id)
        await self._keep(txn, actor, file.id, version, upload)
        if upload.sha256 != file.sha256:
            await uses.use_mark_stale(txn, environment_id, "file", file.name)
        newer = await self.file(txn, environment_id, file.id)
        summary = f"A new version of the lookup file {file.name} was uploaded."
        await txn.audit(_entry(AuditAction.LOOKUP_FILE_UPDATED, actor, newer, summary))
        return newer

    async def delete(self, txn: Transaction, actor: Actor, environment_id: UUID, file: LookupFile) -> None:
        """Remove a lookup file that `for_change` returned. Raises `LookupFileInUse`."""
        used = await uses.use_list(txn, environment_id, "file", [file.name])
        if used:
            names = in_words([each.name for each in used])
            raise LookupFileInUse(f"{LookupFileInUse.title()} They are: {names}.")
        await store.lookup_file_delete(txn, file.id)
        summary = f"The lookup file {file.name} was deleted."
        await txn.audit(_entry(AuditAction.LOOKUP_FILE_DELETED, actor, file, summary))

    async def hold_contents(self, txn: Transaction) -> None:
        """Keep uploads waiting until the transaction ends, so that none takes up a content that is on its way out."""
        await store.contents_lock(txn)

    async def remove_unused(self, txn: Transaction, kept: Sequence[str]) -> int:
        """Remove contents older than an hour that no version names, but for these digests; `hold_contents` first."""
        return await store.content_delete_unused(txn, kept)

    async def _keep(
        self, txn: Transaction, actor: Actor, file_id: UUID, version: int, upload: Upload
    ) -> None:
        await store.contents_lock_shared(txn)
        if await store.content_insert(txn, upload.sha256, upload.size):
            most = self.most_bytes * TOTAL_FILES
            if await store.content_total(txn) > most:
                message = f"The organisation's files would take more than {most} bytes. Delete some first."
                raise LookupFileTooLarge(message)
            position = 0
            while part := await upload.part(position):
                await store.content_part_insert(txn, upload.sha256, position, part)
                position += 1
        columns = LookupColumns(id=new_id(), sha256=upload.sha256, format=upload.format, detail=upload.detail)
        await store.lookup_version_insert(txn, file_id, version, columns, actor)


def _entry(action: AuditAction, actor: Actor, file: LookupFile, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="lookup_file",
        object_id=str(file.id),
        summary=summary,
        after={"name": file.name, "version": file.version, "sha256": file.sha256.hex(), "size": file.size},
    )
