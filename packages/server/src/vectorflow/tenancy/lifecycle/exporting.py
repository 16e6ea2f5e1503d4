"""Making an export: every table of the organisation that the app role may read, without secrets, in bounded memory.

The files are read as role app, so whatever that role must not see cannot be in an export. Each table is spooled to
disk, since a tar wants sizes first, and leaves in parts of a megabyte.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from typing import IO, Any
from uuid import UUID

import msgspec
import structlog

from vectorflow.audit.service import AuditService
from vectorflow.audit.types import AuditFilter
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.keys.signing import SigningService
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.tenant_rows import Readable, json_lines, readable_columns, tenant_tables
from vectorflow.tenancy import store as tenancy_store
from vectorflow.tenancy.lifecycle import store
from vectorflow.tenancy.lifecycle.archive import (
    AUDIT_FILE,
    FORMAT,
    ExportedFile,
    ExportManifest,
    Packer,
    canonical,
    signed_end,
)
from vectorflow.tenancy.lifecycle.types import ExportState

log = structlog.get_logger()

LEFT_OUT: Mapping[str, str] = {
    "public.audit_records": "stands in audit/log.ndjson, with its proof",
    "public.audit_checkpoints": "stands in audit/log.ndjson",
    "public.audit_heads": "stands in audit/log.ndjson",
    "public.data_keys": "keys never leave the database",
    "public.data_key_leases": "counts how often a key was used",
    "public.secret_versions": "values are never given out; the names stand in secrets",
    "public.sealed_secrets": "values are never given out",
    "public.bundles": "what nodes fetch, made from what is here",
    "public.idempotency_keys": "answers kept for a day",
    "public.organization_exports": "exports themselves",
    "public.organization_export_parts": "exports themselves",
    "public.organization_slugs": "the slug stands in the manifest",
    "jobs.procrastinate_jobs": "work under way",
}
# Columns that only serve to compare what somebody presents.
HIDDEN_COLUMNS = frozenset({"secret_hash", "token_hash", "password_hash"})
_PART = 2**20


class Exporter:
    """Makes exports. `database` is of the role app."""

    def __init__(self, database: Database, clock: Clock, version: str) -> None:
        self._database = database
        self._clock = clock
        self._version = version
        self._audit = AuditService(database)

    async def run(self, organization_id: UUID, arguments: Mapping[str, Any]) -> None:
        """Make an export, from the beginning when it was interrupted; the job's function."""
        export_id = UUID(str(arguments["export_id"]))
        async with self._database.transaction(organization_id) as txn:
            if not await store.export_begin(txn, export_id):
                return
        try:
            await self._make(organization_id, export_id)
        except Exception:
            async with self._database.transaction(organization_id) as txn:
                await store.export_end(txn, export_id, ExportState.FAILED, 0)
            raise

    async def _make(self, organization_id: UUID, export_id: UUID) -> None:
        parts = _Parts(self._database, organization_id, export_id)
        files: list[ExportedFile] = []
        async with self._database.snapshot(organization_id) as txn:
            known = await store.organization_get(txn)
            readable = await readable_columns(txn)
            tables = [name for name in await tenant_tables(txn) if name not in LEFT_OUT]
            sources = {
                _file_name(name): _rows(txn, name, readable[name])
                for name in ("public.organizations", *tables)
            }
            for name, pieces in (sources | {"people.ndjson": _people(txn)}).items():
                files.append(await self._file(parts, name, pieces))  # one after the other
        log_lines = self._audit.export_ndjson(organization_id, AuditFilter())
        files.append(await self._file(parts, AUDIT_FILE, log_lines))
        await parts.end()
        assert known is not None  # noqa: S101 - it was read in its own scope
        manifest = ExportManifest(
            FORMAT, str(organization_id), known.slug, known.name, rfc3339(self._clock.now()), self._version, files,
            dict(LEFT_OUT),
        )  # fmt: skip
        async with self._database.transaction(organization_id) as txn:
            await store.export_made(txn, export_id, canonical(manifest), parts.bytes)

    async def _file(self, parts: "_Parts", name: str, pieces: AsyncIterator[bytes]) -> ExportedFile:
        with tempfile.TemporaryFile() as spool:
            digest, size, rows = hashlib.sha256(), 0, 0
            async for piece in pieces:
                digest.update(piece)
                size, rows = size + len(piece), rows + piece.count(b"\n")
                await asyncio.to_thread(spool.write, piece)
            await parts.file(name, size, spool)
        return ExportedFile(name, size, rows, digest.hexdigest())


class _Parts:
    """Packs files and stores the archive part by part."""

    def __init__(self, database: Database, organization_id: UUID, export_id: UUID) -> None:
        self._database = database
        self._organization_id = organization_id
        self._export_id = export_id
        self._packer = Packer()
        self._held = bytearray()
        self._number = 0
        self.bytes = 0

    async def file(self, name: str, size: int, spool: IO[bytes]) -> None:
        """Take a file."""
        spool.seek(0)
        await self._take(self._packer.header(name, size))
        while piece := await asyncio.to_thread(spool.read, _PART):
            await self._take(await asyncio.to_thread(self._packer.content, piece))
        await self._take(self._packer.padding(size))

    async def end(self) -> None:
        """Store what is left; the signer adds the last part."""
        await self._take(self._packer.end(of_tar=False))
        await self._flush()

    async def _take(self, packed: bytes) -> None:
        self._held += packed
        if len(self._held) >= _PART:
            await self._flush()

    async def _flush(self) -> None:
        async with self._database.transaction(self._organization_id) as txn:
            await store.export_part_insert(txn, self._export_id, self._number, bytes(self._held))
        self.bytes += len(self._held)
        self._number += 1
        self._held.clear()


class ExportSigner:
    """Signs exports whose files are all there. `database` is of the role signer."""

    def __init__(self, database: Database, signing: SigningService) -> None:
        self._database = database
        self._signing = signing

    async def sweep(self) -> int:
        """Sign what waits; return how many that were."""
        async with self._database.unscoped() as txn:
            organizations = await store.organizations_to_sign_exports(txn)
        return sum([await self._sign(each) for each in organizations])

    async def _sign(self, organization_id: UUID) -> int:
        async with self._database.transaction(organization_id) as txn:
            waiting = await store.export_to_sign(txn)
            for each in waiting:
                online = await self._signing.signing_key(txn)
                key_list, root = await self._signing.key_list(txn), await self._signing.root_key(txn)
                end = signed_end(each.manifest, online.signer, key_list.envelope, root.public)
                await store.export_part_insert(txn, each.id, each.next_part, end)
                await store.export_end(txn, each.id, ExportState.READY, each.bytes + len(end))
        return len(waiting)


def _file_name(table: str) -> str:
    return f"data/{table.removeprefix('public.')}.ndjson"


async def _rows(txn: Transaction, table: str, readable: Readable) -> AsyncIterator[bytes]:
    columns = [each for each in readable.columns if each not in HIDDEN_COLUMNS]
    tenant = "id" if table == "public.organizations" else "organization_id"
    async for lines in json_lines(txn, table, columns, readable.key, tenant_column=tenant):
        yield b"".join(line + b"\n" for line in lines)


async def _people(txn: Transaction) -> AsyncIterator[bytes]:
    """Names and addresses of the members: accounts belong to no organisation, so no table of it holds them."""
    for each in await tenancy_store.member_list(txn, after=None, limit=1_000_000, text=None):
        yield msgspec.json.encode(each) + b"\n"
