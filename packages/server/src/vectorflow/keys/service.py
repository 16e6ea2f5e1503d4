"""Sealing under an organisation's data key, and the data key's beginning and end."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog

from vectorflow.kernel.actor import SYSTEM, Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import new_id, parse_id
from vectorflow.keys import sealing
from vectorflow.keys.cache import KeyCache
from vectorflow.keys.errors import KeysBusy, KeysUnavailable, SealBroken
from vectorflow.keys.flights import Flights
from vectorflow.keys.leases import Leases
from vectorflow.keys.ring import KeyRing, ring_of
from vectorflow.keys.store import data_keys as store
from vectorflow.keys.types import Cell, DataKey, KeyContext, KeyProvider, KeySource, ShredState
from vectorflow.platform.bus import Bus
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.reading import afresh

BACKUP_RETENTION = timedelta(days=35)
_HELD_BY_BACKUPS = (
    "Backups made before still hold the wrapped data keys; the last of them expires at this moment."
)
_HELD_BY_CUSTOMER = f"{_HELD_BY_BACKUPS} They are wrapped by the organisation's own key: once it is destroyed, this is complete."
log = structlog.get_logger()


class KeyService:
    """Seals and unseals values of one organisation at a time: that of the transaction.

    `source` says where an organisation's data keys are wrapped when they are not by the platform's provider.
    """

    def __init__(
        self,
        database: Database,
        provider: KeyProvider | KeyRing,
        *,
        cache: KeyCache | None = None,
        source: KeySource | None = None,
        backup_retention: timedelta = BACKUP_RETENTION,
    ) -> None:
        self._database = database
        self._ring = ring_of(provider)
        self._source = source
        self._cache = KeyCache() if cache is None else cache  # an empty one is falsy
        self._flights = Flights()
        self._leases = Leases()
        self._backup_retention = backup_retention

    @property
    def ring(self) -> KeyRing:
        """The platform's key providers."""
        return self._ring

    def attach(self, bus: Bus) -> None:
        """Drop keys when another process says so, and all of them when it may have said so unheard."""
        bus.subscribe(Topic.DATA_KEYS, self._on_message)
        bus.on_reconnect(self._cache.clear)

    def close(self) -> None:
        """Overwrite every unwrapped key that is held."""
        self._flights.close()
        self._cache.clear()

    async def create_for_organization(self, txn: Transaction) -> None:
        """Make the organisation's first data key; called by whatever makes the organisation.

        Calling it again changes nothing. Raises `KeysUnavailable`.
        """
        await store.platform_key_hold(txn)
        if await store.data_key_current(txn) is not None:
            return
        key = await self.new_key(txn, 1)
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

    async def new_key(self, txn: Transaction, version: int) -> DataKey:
        """Return a new data key, wrapped by the organisation's own key or by the platform's, and not stored yet."""
        provider = await self._wrapping(txn)
        context = KeyContext(txn.organization_id, new_id(), version)
        wrapped = await provider.wrap(os.urandom(sealing.KEY_BYTES), context)
        return DataKey(id=context.key_id, version=version, wrapped=wrapped, provider=provider.name)

    async def rewrap(self, txn: Transaction) -> None:
        """Wrap the organisation's data keys by what wraps now; the caller holds the keys alone (`data_key_lock`).

        Raises `KeysUnavailable` when one cannot be unwrapped; then none is changed.
        """
        provider = await self._wrapping(txn)
        former: set[str] = set()
        for key in await store.data_key_list(txn):
            if key.destroyed_at is None:
                context = KeyContext(txn.organization_id, key.id, key.version)
                plain = await (await self._provider_of(txn, key.provider)).unwrap(key.wrapped, context)
                fresh = DataKey(key.id, key.version, await provider.wrap(plain, context), provider.name)
                await store.data_key_rewrap(txn, fresh, key.wrapped)
                former.add(key.provider)
        if former - {provider.name}:
            await txn.audit(
                AuditEntry(
                    action=AuditAction.DATA_KEY_REWRAPPED,
                    actor=SYSTEM,
                    object_type="organization",
                    object_id=str(txn.organization_id),
                    summary="The organisation's data keys are wrapped by another key now.",
                    before={"providers": sorted(former)},
                    after={"provider": provider.name},
                )
            )

    async def shred(self, txn: Transaction, *, actor: Actor = SYSTEM) -> ShredState:
        """Destroy every data key of the transaction's organisation, for ever; nothing sealed opens afterwards.

        Needs the database role worker or signer, and waits until nobody holds the keys. Calling it again
        changes nothing. Raises `KeysBusy`. When the answer's moment comes, no backup opens it either.
        """
        try:
            await store.data_key_lock(txn)
        except psycopg.errors.LockNotAvailable as error:
            raise KeysBusy from error
        own = await store.data_key_count_not_of(txn, self._ring.names)
        destroyed = await store.data_key_destroy_all(txn)
        moment = await store.data_keys_forgotten_at(txn, self._backup_retention)
        state = ShredState(moment, _HELD_BY_CUSTOMER if own else _HELD_BY_BACKUPS)
        await self.forget(txn)
        if destroyed:
            await txn.audit(
                AuditEntry(
                    action=AuditAction.DATA_KEYS_SHREDDED,
                    actor=actor,
                    object_type="organization",
                    object_id=str(txn.organization_id),
                    summary="Every data key of the organisation was destroyed.",
                    after={"keys": destroyed, "complete_at": rfc3339(state.complete_at), "why": state.why},
                )
            )
        return state

    async def try_current(self, txn: Transaction) -> None:
        """Raise `KeysUnavailable` when the organisation's present data key cannot be had."""
        key = await store.data_key_current(txn)
        if key is None:
            message = "The organisation has no data key."
            raise KeysUnavailable(message)
        await self._unwrapped(txn, key)

    async def misplaced(self, txn: Transaction) -> bool:
        """Tell whether a data key is wrapped by something else than what wraps now."""
        name = (await self._wrapping(txn)).name
        return await store.data_key_count_not_of(txn, [name]) > 0

    async def forget(self, txn: Transaction) -> None:
        """Have every process overwrite the organisation's unwrapped keys once the transaction commits."""
        organization_id = txn.organization_id
        await txn.notify(Topic.DATA_KEYS)
        txn.after_commit(lambda: self._cache.drop(organization_id))

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
        unwrapped = await self._unwrapped(txn, key)
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
                unwrapped = await self._unwrapped(txn, key)
            return sealing.unseal(unwrapped, organization_id, cell, sealed)
        except sealing.Unopenable as error:
            await self._tell_broken(organization_id, cell)
            raise SealBroken from error

    async def _unwrapped(self, txn: Transaction, key: DataKey) -> bytearray:
        name = (txn.organization_id, key.version)
        held = self._cache.get(*name)
        if held is None:
            provider = await self._provider_of(txn, key.provider)
            context = KeyContext(txn.organization_id, key.id, key.version)

            async def fetch() -> None:
                self._cache.put(*name, await provider.unwrap(key.wrapped, context))

            await self._flights.join(name, fetch)
            held = self._cache.get(*name)
        if held is None:
            message = "The organisation's data key was dropped while it was being fetched; try again."
            raise KeysUnavailable(message)
        return held

    async def _provider_of(self, txn: Transaction, name: str) -> KeyProvider:
        own = await self._source.unwrapping(txn, name) if self._source else None
        return own or self._ring.provider(name)

    async def _wrapping(self, txn: Transaction) -> KeyProvider:
        own = await self._source.wrapping(txn) if self._source else None
        return own or self._ring.provider(self._ring.name)

    def _on_message(self, message: Mapping[str, Any]) -> None:
        organization_id: UUID | None = parse_id(str(message.get("organization_id")))
        if organization_id is not None:
            self._cache.drop(organization_id)

    async def _tell_broken(self, organization_id: UUID, cell: Cell) -> None:
        # In a transaction of its own: the caller's is about to be rolled back.
        place = f"{cell.table}.{cell.column}"
        log.error("keys.seal-broken", place=place, row_id=str(cell.row_id))
        with afresh():
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
