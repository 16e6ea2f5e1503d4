"""Sealing of what belongs to no organisation, by the platform's own data key, in the same one format.

Cells are bound to a nil organisation, which no organisation ever is, so nothing passes from one to the other.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

import psycopg
import structlog

from vectorflow.kernel.ids import new_id
from vectorflow.keys import sealing
from vectorflow.keys.cache import KeyCache
from vectorflow.keys.errors import ColumnsUndeclared, KeysBusy, KeysUnavailable, SealBroken
from vectorflow.keys.flights import Flights
from vectorflow.keys.leases import MOST_ENCRYPTIONS, ROTATION_DUE
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.store import data_keys
from vectorflow.keys.store import platform_keys as store
from vectorflow.keys.types import Cell, DataKey, KeyContext, KeyState, Resealed, SealedColumn
from vectorflow.platform.database import Database, Transaction

PLATFORM = UUID(int=0)
_BLOCK = 1 << 10
_BATCH = 500
_FIRST = UUID(int=0)
_TRIES = 15
log = structlog.get_logger()


class PlatformKeyService:
    """Seals and unseals values of accounts and of the platform itself; any transaction will do, scoped or not."""

    def __init__(self, ring: KeyRing, *, cache: KeyCache | None = None) -> None:
        self._ring = ring
        self._cache = KeyCache() if cache is None else cache
        self._flights = Flights()
        self._left: dict[int, int] = {}

    def close(self) -> None:
        """Overwrite every unwrapped key that is held."""
        self._flights.close()
        self._cache.clear()

    async def hold(self, txn: Transaction) -> None:
        """Keep versions from being destroyed before the transaction ends; call it before reading ciphertexts."""
        await store.platform_data_key_hold(txn)

    async def seal(self, txn: Transaction, cell: Cell, value: bytes) -> bytes:
        """Return the value sealed for exactly this cell. Raises `KeysUnavailable`."""
        await store.platform_data_key_hold(txn)
        key = await store.platform_data_key(txn) or await self._first(txn)
        await self._count(txn, key.version)
        return sealing.seal(await self._unwrapped(key), key.version, PLATFORM, cell, value)

    async def unseal(self, txn: Transaction, cell: Cell, sealed: bytes) -> bytes:
        """Return the value sealed for this cell. Raises `KeysUnavailable` or `SealBroken`."""
        try:
            version = sealing.key_version_of(sealed)
            held = self._cache.get(PLATFORM, version)
            if held is None:
                key = await store.platform_data_key(txn, version)
                if key is None:
                    raise sealing.Unopenable(sealing.Unopenable.__doc__)
                held = await self._unwrapped(key)
            return sealing.unseal(held, PLATFORM, cell, sealed)
        except sealing.Unopenable as error:
            log.error("keys.seal-broken", place=f"{cell.table}.{cell.column}", row_id=str(cell.row_id))
            raise SealBroken from error

    async def new_key(self, version: int) -> DataKey:
        """Return a new key, wrapped and not stored yet. Raises `KeysUnavailable`."""
        context = KeyContext(PLATFORM, new_id(), version)
        wrapped = await self._ring.wrap(os.urandom(sealing.KEY_BYTES), context)
        return DataKey(context.key_id, version, wrapped, self._ring.name)

    async def rewrapped(self, key: KeyState) -> DataKey:
        """Return the key wrapped by the present provider. Raises `KeysUnavailable`."""
        context = KeyContext(PLATFORM, key.id, key.version)
        plain = await self._ring.unwrap(key, context)
        return DataKey(key.id, key.version, await self._ring.wrap(plain, context), self._ring.name)

    async def _first(self, txn: Transaction) -> DataKey:
        await data_keys.platform_key_hold(txn)
        key = await self.new_key(1)
        if await store.platform_data_key_add(txn, key):
            return key
        found = await store.platform_data_key(txn)
        if found is None:
            raise KeysUnavailable("The platform's own data key was destroyed.")
        return found

    async def _count(self, txn: Transaction, version: int) -> None:
        left = self._left.get(version, 0) - 1
        self._left[version] = left
        if left >= 0:
            return
        amount = _BLOCK - left
        given = await store.platform_data_key_count(txn, version, amount)
        if given is None or given > MOST_ENCRYPTIONS:
            raise KeysUnavailable(
                "The platform's own data key was used too often. Run `vectorflow keys rotate`."
            )
        txn.after_commit(lambda: self._left.update({version: self._left.get(version, 0) + amount}))

    async def _unwrapped(self, key: DataKey) -> bytearray:
        held = self._cache.get(PLATFORM, key.version)
        if held is None:

            async def fetch() -> None:
                context = KeyContext(PLATFORM, key.id, key.version)
                self._cache.put(PLATFORM, key.version, await self._ring.unwrap(key, context))

            await self._flights.join((PLATFORM, key.version), fetch)
            held = self._cache.get(PLATFORM, key.version)
        if held is None:
            raise KeysUnavailable
        return held


class PlatformColumn(SealedColumn, Protocol):
    """A sensitive column that the platform's key seals; in a table of organisations it is read one by one."""

    @property
    def scoped(self) -> bool:
        """Whether the column stands in a table of organisations."""
        ...


class PlatformKeyRotation:
    """Rotates the platform's own data key, as the role signer; what is left to do is read from the database."""

    def __init__(
        self, database: Database, keys: PlatformKeyService, columns: Sequence[PlatformColumn]
    ) -> None:
        self._database, self._keys, self._columns = database, keys, columns

    async def status(self) -> list[KeyState]:
        """Return every version, newest first."""
        async with self._database.unscoped() as txn:
            return await store.platform_data_key_list(txn)

    async def due(self) -> bool:
        """Tell whether a rotation is under way, or the present version was used half as often as it may be."""
        keys = await self.status()
        return any(key.retired_at and not key.destroyed_at for key in keys) or (
            bool(keys) and keys[0].encryptions >= ROTATION_DUE
        )

    async def rotate(self, organizations: Callable[[], Awaitable[list[UUID]]]) -> int:
        """Finish a rotation under way, or else do a new one; return how many values were sealed anew.

        Raises `ColumnsUndeclared`, `KeysBusy`, `KeysUnavailable` or `SealBroken`.
        """
        async with self._database.unscoped() as txn:
            missing = await data_keys.sealed_column_names(txn, platform=True)
        missing -= {column.name for column in self._columns}
        if missing:
            raise ColumnsUndeclared(f"{ColumnsUndeclared.title()} They are: {', '.join(sorted(missing))}.")
        keys = await self.status()
        if keys and not any(key.retired_at and not key.destroyed_at for key in keys):
            await self._alone(self._activate)
        resealed = 0
        for key in await self.status():
            if key.retired_at is not None and key.destroyed_at is None:
                places = await self._places(organizations)
                for column, scope in places:
                    resealed += await self._reseal(column, scope, key.version)
                await self._destroy(places, key.version)
        return resealed

    async def rewrap(self) -> int:
        """Wrap every version by the present provider; return how many there are."""
        count = 0
        async with self._database.unscoped() as txn:
            for key in await store.platform_data_key_list(txn):
                if key.destroyed_at is None:
                    count += 1
                    await store.platform_data_key_rewrap(txn, await self._keys.rewrapped(key), key.wrapped)
        return count

    async def verify(self, organizations: Callable[[], Awaitable[list[UUID]]]) -> int:
        """Open every value and return how many there are. Raises `SealBroken` or `KeysUnavailable`."""
        opened = 0
        for column, scope in await self._places(organizations):
            after = _FIRST
            while True:
                async with self._transaction(scope) as txn:
                    await self._keys.hold(txn)
                    rows = await column.batch(txn, after, _BATCH)
                    for row in rows:
                        await self._keys.unseal(txn, column.cell(row), row.value)
                opened += len(rows)
                if len(rows) < _BATCH:
                    break
                after = rows[-1].id
        return opened

    async def _places(
        self, organizations: Callable[[], Awaitable[list[UUID]]]
    ) -> list[tuple[PlatformColumn, UUID | None]]:
        everyone = await organizations()
        return [
            (column, scope) for column in self._columns for scope in (everyone if column.scoped else [None])
        ]

    async def _reseal(self, column: PlatformColumn, scope: UUID | None, version: int) -> int:
        after, count = _FIRST, 0
        while True:
            async with self._transaction(scope) as txn:
                await self._keys.hold(txn)
                rows = await column.of_version(txn, version, after, _BATCH)
                fresh = []
                for row in rows:
                    value = await self._keys.unseal(txn, column.cell(row), row.value)
                    fresh.append(
                        Resealed(row.id, row.value, await self._keys.seal(txn, column.cell(row), value))
                    )
                count += await column.swap(txn, fresh) if fresh else 0
            if len(rows) < _BATCH:
                return count
            after = rows[-1].id

    async def _activate(self, txn: Transaction) -> None:
        keys = await store.platform_data_key_list(txn)
        if not any(key.retired_at and not key.destroyed_at for key in keys):
            key = await self._keys.new_key(keys[0].version + 1)
            await store.platform_data_key_add(txn, key)
            await store.platform_data_key_retire_before(txn, key.version)

    async def _destroy(self, places: Sequence[tuple[PlatformColumn, UUID | None]], version: int) -> None:
        async def destroy(alone: Transaction) -> None:
            # Nobody seals now, so what is not found does not exist.
            for column, scope in places:
                async with self._transaction(scope) as txn:
                    if await column.of_version(txn, version, _FIRST, 1):
                        raise KeysBusy
            await store.platform_data_key_destroy(alone, version)

        await self._alone(destroy)

    async def _alone(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        for _ in range(_TRIES):
            try:
                async with self._database.unscoped() as txn:
                    await store.platform_data_key_lock(txn)
                    await work(txn)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                continue
            return
        raise KeysBusy

    def _transaction(self, scope: UUID | None) -> AbstractAsyncContextManager[Transaction]:
        return self._database.unscoped() if scope is None else self._database.transaction(scope)
