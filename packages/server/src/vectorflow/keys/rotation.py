"""Rotation of data keys and of the platform key, as reconcilers: what is left to do is read from the database.

A run that is killed at any moment is finished by the next one. Runs with the role signer.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import psycopg
import structlog

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.keys.errors import ColumnsUndeclared, KeysBusy, KeysUnavailable
from vectorflow.keys.leases import ROTATION_DUE
from vectorflow.keys.service import KeyService
from vectorflow.keys.store import data_keys as store
from vectorflow.keys.store import own_keys
from vectorflow.keys.types import KeyProvider, KeyState, Resealed, SealedColumn
from vectorflow.platform.database import Database, Transaction

log = structlog.get_logger()
_BATCH = 500
_FIRST = UUID(int=0)
_TRIES = 15
_Work = Callable[..., Awaitable[None]]


class KeyRotation:
    """Rotates the keys of one organisation at a time, while others read and write."""

    def __init__(
        self,
        database: Database,
        keys: KeyService | KeyProvider,
        columns: Sequence[SealedColumn],
        *,
        most_age: timedelta | None = None,
    ) -> None:
        self._database = database
        self._keys = keys if isinstance(keys, KeyService) else KeyService(database, keys)
        self._columns = columns
        self._most_age = most_age

    def close(self) -> None:
        """Overwrite every unwrapped key that is held."""
        self._keys.close()

    async def status(self, organization_id: UUID) -> list[KeyState]:
        """Return the versions of the organisation's data key, newest first."""
        async with self._database.transaction(organization_id) as txn:
            return await store.data_key_list(txn)

    async def problem(self, organization_id: UUID) -> str | None:
        """Return why the organisation's present data key cannot be had, or None."""
        try:
            async with self._database.transaction(organization_id) as txn:
                await self._keys.try_current(txn)
        except KeysUnavailable as error:
            return error.detail
        return None

    async def due(self, organization_id: UUID) -> bool:
        """Tell whether a rotation is under way, or the present key is old or was used half as often as it may be."""
        keys = await self.status(organization_id)
        if not keys or keys[0].destroyed_at is not None:
            return False
        newest = keys[0]
        return (
            any(key.retired_at and not key.destroyed_at for key in keys)
            or newest.encryptions >= ROTATION_DUE
            or (self._most_age is not None and newest.age >= self._most_age)
        )

    async def rotate(self, organization_id: UUID) -> int:
        """Finish a rotation under way, or else do a new one; return how many values were sealed anew.

        Raises `ColumnsUndeclared` before anything is changed, `KeysBusy`, `KeysUnavailable` or `SealBroken`.
        """
        async with self._database.transaction(organization_id) as txn:
            await self._refuse_undeclared(txn)
            keys = await store.data_key_list(txn)
        if not any(key.retired_at and not key.destroyed_at for key in keys):
            await self._alone(organization_id, self._activate)
        return await self.finish(organization_id)

    async def finish(self, organization_id: UUID) -> int:
        """Seal what old versions sealed under the newest one, then destroy the old ones."""
        resealed = 0
        for key in await self.status(organization_id):
            if key.retired_at is not None and key.destroyed_at is None:
                for column in self._columns:
                    resealed += await self._reseal(organization_id, column, key.version)
                await self._alone(organization_id, self._destroy, key.version)
                log.info("keys.destroyed", organization_id=str(organization_id), version=key.version)
        return resealed

    async def verify(self, organization_id: UUID) -> int:
        """Open every ciphertext and return how many there are. Raises `SealBroken` or `KeysUnavailable`."""
        opened = 0
        for column in self._columns:
            after = _FIRST
            while True:
                async with self._database.transaction(organization_id) as txn:
                    await self._refuse_undeclared(txn)
                    await self._keys.hold(txn)
                    rows = await column.batch(txn, after, _BATCH)
                    for row in rows:
                        await self._keys.unseal(txn, column.cell(row), row.value)
                opened += len(rows)
                if len(rows) < _BATCH:
                    break
                after = rows[-1].id
        return opened

    async def rewrap(self, organization_id: UUID) -> int:
        """Wrap the organisation's data keys by what wraps now; return how many there are.

        Done anew it changes nothing but the wrapping, so a run that was killed is simply repeated.
        """
        await self._alone(organization_id, self._rewrap)
        return sum(key.destroyed_at is None for key in await self.status(organization_id))

    async def care(self, organization_id: UUID) -> None:
        """Do what is due by itself: move data keys to what wraps now, and rotate what is asked for, old or worn.

        Raises `KeysBusy`, `KeysUnavailable`, `ColumnsUndeclared` or `SealBroken`; the next run goes on from there.
        """
        async with self._database.transaction(organization_id) as txn:
            misplaced = await self._keys.misplaced(txn)
            request = await own_keys.rotation_request_newest(txn)
        if misplaced:
            await self.rewrap(organization_id)
        asked = request is not None and request.done_at is None
        if asked or await self.due(organization_id):
            resealed = await self.rotate(organization_id)
            if request is not None and asked:
                async with self._database.transaction(organization_id) as txn:
                    await own_keys.rotation_request_done(txn, request.id, resealed)

    async def organizations(self) -> list[UUID]:
        """Return every organisation (role signer only)."""
        async with self._database.unscoped() as txn:
            return await store.organizations_with_data_keys(txn)

    async def wait_for_wrapping(self) -> None:
        """Wait for organisations that are being made; the ones made later use the present platform key."""
        async with self._database.unscoped() as txn:
            await store.platform_key_wait(txn)

    async def _reseal(self, organization_id: UUID, column: SealedColumn, version: int) -> int:
        after, count = _FIRST, 0
        while True:
            async with self._database.transaction(organization_id) as txn:
                await self._keys.hold(txn)
                rows = await column.of_version(txn, version, after, _BATCH)
                fresh = []
                for row in rows:
                    cell = column.cell(row)
                    value = await self._keys.unseal(txn, cell, row.value)
                    fresh.append(Resealed(row.id, row.value, await self._keys.seal(txn, cell, value)))
                count += await column.swap(txn, fresh) if fresh else 0
            if len(rows) < _BATCH:
                return count
            after = rows[-1].id

    async def _activate(self, txn: Transaction, *_: int) -> None:
        keys = await store.data_key_list(txn)
        if not keys or any(key.retired_at and not key.destroyed_at for key in keys):
            return  # there is none, or another run was first
        if keys[0].destroyed_at is not None:
            return  # they were shredded: an organisation that ended gets no new key
        key = await self._keys.new_key(txn, keys[0].version + 1)
        await store.data_key_insert(txn, key)
        await store.data_key_retire_before(txn, key.version)
        await txn.audit(
            AuditEntry(
                action=AuditAction.DATA_KEY_CREATED,
                actor=SYSTEM,
                object_type="data_key",
                object_id=str(key.id),
                summary="The organisation's data key is being rotated: a new version was made.",
                after={"version": key.version, "provider": key.provider},
            )
        )

    async def _destroy(self, txn: Transaction, *versions: int) -> None:
        # Nobody reads or writes under these keys now, so what is not found does not exist.
        await self._refuse_undeclared(txn)
        for version in versions:
            for column in self._columns:
                if await column.of_version(txn, version, _FIRST, 1):
                    raise KeysBusy
            await store.data_key_destroy(txn, version)
            await txn.audit(
                AuditEntry(
                    action=AuditAction.DATA_KEY_ROTATED,
                    actor=SYSTEM,
                    object_type="data_key",
                    object_id=str(version),
                    summary=f"Version {version} of the data key was destroyed; nothing is sealed with it any more.",
                    after={"version": version},
                )
            )

    async def _rewrap(self, txn: Transaction, *_: int) -> None:
        await self._keys.rewrap(txn)

    async def _alone(self, organization_id: UUID, work: _Work, *versions: int) -> None:
        """Do a short piece of work while nobody holds the organisation's keys. Raises `KeysBusy`."""
        for _ in range(_TRIES):
            try:
                async with self._database.transaction(organization_id) as txn:
                    await store.data_key_lock(txn)
                    await work(txn, *versions)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                continue
            return
        raise KeysBusy

    async def _refuse_undeclared(self, txn: Transaction) -> None:
        missing = await store.sealed_column_names(txn) - {column.name for column in self._columns}
        if missing:
            message = f"{ColumnsUndeclared.title()} They are: {', '.join(sorted(missing))}."
            raise ColumnsUndeclared(message)
