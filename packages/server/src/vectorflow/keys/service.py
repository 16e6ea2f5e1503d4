"""Sealing under an organisation's data key, and the data key's beginning."""

import os
from uuid import UUID

import structlog

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.keys import sealing, store
from vectorflow.keys.cache import KeyCache
from vectorflow.keys.errors import KeysUnavailable, SealBroken
from vectorflow.keys.leases import Leases
from vectorflow.keys.types import Cell, DataKey, KeyContext, KeyProvider
from vectorflow.platform.database import Database, Transaction

log = structlog.get_logger()


class KeyService:
    """Seals and unseals values of one organisation at a time: that of the transaction."""

    def __init__(self, database: Database, provider: KeyProvider, *, cache: KeyCache | None = None) -> None:
        self._database = database
        self._provider = provider
        self._cache = cache or KeyCache()
        self._leases = Leases()

    def close(self) -> None:
        """Overwrite every unwrapped key that is held."""
        self._cache.clear()

    async def create_for_organization(self, txn: Transaction) -> None:
        """Make the organisation's first data key; called by whatever makes the organisation.

        Calling it again changes nothing. Raises `KeysUnavailable`.
        """
        await store.platform_key_hold(txn)
        if await store.data_key_current(txn) is not None:
            return
        context = KeyContext(txn.organization_id, new_id(), 1)
        wrapped = await self._provider.wrap(os.urandom(sealing.KEY_BYTES), context)
        key = DataKey(id=context.key_id, version=1, wrapped=wrapped, provider=self._provider.name)
        if await store.data_key_insert(txn, key):
            await txn.audit(
                AuditEntry(
                    action=AuditAction.DATA_KEY_CREATED,
                    actor=SYSTEM,
                    object_type="data_key",
                    object_id=str(key.id),
                    summary="The organisation's data key was made.",
                    after={"version": key.version, "provider": key.provider},
                )
            )

    async def hold(self, txn: Transaction) -> None:
        """Keep the keys of what this transaction reads from now on from being destroyed before it ends.

        Call it before reading ciphertexts that are to be opened.
        """
        await store.data_key_hold(txn)

    async def seal(self, txn: Transaction, cell: Cell, value: bytes) -> bytes:
        """Return the value sealed for exactly this cell. Raises `KeysUnavailable`."""
        await store.data_key_hold(txn)  # until the end, so that a rotation sees what is written here
        key = await store.data_key_current(txn)
        if key is None:
            message = "The organisation has no data key. Ask whoever runs this installation."
            raise KeysUnavailable(message)
        if not await self._leases.take(txn, key.version):
            message = "The organisation's data key was used too often. Run `vectorflow keys rotate`."
            raise KeysUnavailable(message)
        unwrapped = await self._unwrapped(txn.organization_id, key)
        return sealing.seal(unwrapped, key.version, txn.organization_id, cell, value)

    async def unseal(self, txn: Transaction, cell: Cell, sealed: bytes) -> bytes:
        """Return the value sealed for this cell.

        Raises `KeysUnavailable` without the key, and `SealBroken`, which the organisation's log then
        tells, when the ciphertext was not made for this cell.
        """
        organization_id = txn.organization_id
        try:
            version = sealing.key_version_of(sealed)
            unwrapped = self._cache.get(organization_id, version)
            if unwrapped is None:
                key = await store.data_key_find(txn, version)
                if key is None:
                    raise sealing.Unopenable(sealing.Unopenable.__doc__)
                unwrapped = await self._unwrapped(organization_id, key)
            return sealing.unseal(unwrapped, organization_id, cell, sealed)
        except sealing.Unopenable as error:
            await self._tell_broken(organization_id, cell)
            raise SealBroken from error

    async def _unwrapped(self, organization_id: UUID, key: DataKey) -> bytearray:
        held = self._cache.get(organization_id, key.version)
        if held is not None:
            return held
        if key.provider != self._provider.name:
            message = f"The organisation's data key is held by {key.provider}, which is not set up here."
            raise KeysUnavailable(message)
        context = KeyContext(organization_id, key.id, key.version)
        return self._cache.put(
            organization_id, key.version, await self._provider.unwrap(key.wrapped, context)
        )

    async def _tell_broken(self, organization_id: UUID, cell: Cell) -> None:
        # In a transaction of its own: the caller's is about to be rolled back.
        place = f"{cell.table}.{cell.column}"
        log.error("keys.seal-broken", place=place, row_id=str(cell.row_id))
        async with self._database.transaction(organization_id) as txn:
            await txn.audit(
                AuditEntry(
                    action=AuditAction.SECRET_REFUSED,
                    actor=SYSTEM,
                    object_type=cell.table,
                    object_id=str(cell.row_id),
                    summary=f"A sealed value in {place} does not belong where it stands and was not opened.",
                    after={"domain": cell.domain, "column": cell.column, "row_version": cell.row_version},
                )
            )
