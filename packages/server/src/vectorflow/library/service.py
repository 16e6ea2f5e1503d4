"""Rules of engine schemas. Works in the caller's transaction, but for reading, which takes a thread."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.library import store
from vectorflow.library.errors import EngineSchemaNotFound, TooManyEngineSchemas
from vectorflow.library.reading import Read, read_schema
from vectorflow.library.types import (
    BY_NODES,
    MOST_OF_ONE_DIGEST,
    MOST_SCHEMAS,
    NODES_TO_CONFIRM,
    EngineSchemaRow,
    KnownEngine,
)
from vectorflow.platform.database import Transaction

DIGEST_PREFIX = "sha256:"
_DIGEST_BYTES = 32


class EngineSchemaService:
    """Keeps what programs say of themselves, and tells which account of each to go by."""

    def __init__(self) -> None:
        self._reading = asyncio.Semaphore(1)  # a schema takes a hundred megabytes while it is read

    async def read(self, zipped: bytes) -> Read:
        """Read what an agent sent. Raises `EngineSchemaRefused`."""
        async with self._reading:
            return await asyncio.to_thread(read_schema, zipped)

    async def record(self, txn: Transaction, digest: bytes, sent: Read, node_id: UUID, actor: Actor) -> None:
        """Keep a node's account of its engine; the second node that gives the same one confirms it.

        Raises `TooManyEngineSchemas`.
        """
        await store.engine_schemas_lock(txn)
        schema_id = await store.engine_schema_of_content(txn, digest, sent.content_sha256)
        accounts = await store.engine_schema_accounts(txn, [digest])
        if schema_id is None:
            if len(accounts) >= MOST_OF_ONE_DIGEST or await store.engine_schema_count(txn) >= MOST_SCHEMAS:
                raise TooManyEngineSchemas
            schema_id = new_id()
            await store.engine_schema_insert(
                txn,
                schema_id,
                digest=digest,
                content_sha256=sent.content_sha256,
                version=sent.version,
                content=sent.content,
            )
            what = "differs from another account" if accounts else "is new"
            await self._tell(
                txn,
                AuditAction.ENGINE_SCHEMA_RECEIVED,
                actor,
                (schema_id, digest),
                f"A node described its engine {sent.version}; the account {what}.",
            )
        await store.engine_schema_vouch(txn, schema_id, node_id)
        row = await self.schema(txn, schema_id)
        # Where accounts differ a person decides: two nodes may be in one hand.
        if row.confirmed_at is None and row.nodes >= NODES_TO_CONFIRM and not row.rivals:
            await store.engine_schema_confirm(txn, schema_id, digest, BY_NODES)
            await self._tell(
                txn,
                AuditAction.ENGINE_SCHEMA_CONFIRMED,
                actor,
                (schema_id, digest),
                f"{row.nodes} nodes describe engine {row.version} alike; checks go by it now.",
            )

    async def schemas(
        self, txn: Transaction, *, after: UUID | None = None, limit: int = 50
    ) -> list[EngineSchemaRow]:
        """Return schemas, newest first."""
        return await store.engine_schema_list(txn, after=after, limit=limit)

    async def schema(self, txn: Transaction, schema_id: UUID) -> EngineSchemaRow:
        """Return one schema. Raises `EngineSchemaNotFound`."""
        row = await store.engine_schema_get(txn, schema_id)
        if row is None:
            raise EngineSchemaNotFound
        return row

    async def confirm(self, txn: Transaction, row: EngineSchemaRow, actor: Actor) -> EngineSchemaRow:
        """Believe this account by a person's word; any other of the same program is believed no more."""
        await store.engine_schemas_lock(txn)
        await store.engine_schema_confirm(txn, row.id, row.digest, actor.name)
        await self._tell(
            txn,
            AuditAction.ENGINE_SCHEMA_CONFIRMED,
            actor,
            (row.id, row.digest),
            f"The schema of engine {row.version} was confirmed.",
        )
        return await self.schema(txn, row.id)

    async def delete(self, txn: Transaction, row: EngineSchemaRow, actor: Actor) -> None:
        """Forget an account; nodes with this engine are asked again."""
        await store.engine_schema_delete(txn, row.id)
        await self._tell(
            txn,
            AuditAction.ENGINE_SCHEMA_DELETED,
            actor,
            (row.id, row.digest),
            f"The schema of engine {row.version} was deleted.",
        )

    async def open_digests(self, txn: Transaction, digests: Sequence[bytes]) -> set[bytes]:
        """Return which programs nodes should (still) be asked about."""
        accounts = await store.engine_schema_accounts(txn, digests)
        settled = {each.digest for each in accounts if each.confirmed}
        several = {
            digest
            for digest in {each.digest for each in accounts}
            if sum(1 for each in accounts if each.digest == digest) > 1
        }
        return set(digests) - settled - several

    async def known(self, txn: Transaction, digests: Sequence[bytes]) -> list[KnownEngine]:
        """Return the account to go by of each program that has one."""
        return await store.engine_schemas_known(txn, digests) if digests else []

    async def content(self, txn: Transaction, schema_id: UUID) -> bytes:
        """Return an account as it was sent. Raises `EngineSchemaNotFound`."""
        found = await store.engine_schema_content(txn, schema_id)
        if found is None:
            raise EngineSchemaNotFound
        return found

    async def _tell(
        self, txn: Transaction, action: AuditAction, actor: Actor, of: tuple[UUID, bytes], summary: str
    ) -> None:
        schema_id, digest = of
        await txn.audit(
            AuditEntry(
                action=action,
                actor=actor,
                object_type="engine_schema",
                object_id=str(schema_id),
                summary=summary,
                after={"digest": DIGEST_PREFIX + digest.hex()},
            )
        )


def digest_bytes(text: str) -> bytes | None:
    """Return the 32 bytes of `sha256:<hex>`, or None when it is something else."""
    try:
        found = bytes.fromhex(text.removeprefix(DIGEST_PREFIX))
    except ValueError:
        return None
    return found if len(found) == _DIGEST_BYTES and text.startswith(DIGEST_PREFIX) else None
