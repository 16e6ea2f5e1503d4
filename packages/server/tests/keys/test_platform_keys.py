"""What belongs to no organisation is sealed in the same format, by the platform's own data key."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.keys import sealing
from vectorflow.keys.errors import ColumnsUndeclared, KeysUnavailable, SealBroken
from vectorflow.keys.platform_keys import PlatformKeyRotation, PlatformKeyService
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.types import Cell, Resealed, SealedValue

CELL = Cell("totp", "accounts", "totp_seed", uuid4(), 1)


class Held:
    """A platform column that stands in memory, as another room would declare its own."""

    name = "customer_keys.credential"
    scoped = False

    def __init__(self) -> None:
        self.values: dict[UUID, bytes] = {}

    def cell(self, sealed: SealedValue) -> Cell:
        return Cell("totp", "accounts", "totp_seed", sealed.id, 1)

    async def batch(self, txn, after: UUID, limit: int) -> list[SealedValue]:
        rows = [SealedValue(key, 1, value) for key, value in sorted(self.values.items()) if key > after]
        return rows[:limit]

    async def of_version(self, txn, version: int, after: UUID, limit: int) -> list[SealedValue]:
        rows = await self.batch(txn, after, 10_000)
        return [row for row in rows if sealing.key_version_of(row.value) == version][:limit]

    async def swap(self, txn, values: Sequence[Resealed]) -> int:
        for each in values:
            assert self.values[each.id] == each.old
            self.values[each.id] = each.new
        return len(values)


@pytest.fixture
def ring(platform_ring: KeyRing) -> KeyRing:
    return platform_ring


async def nobody() -> list[UUID]:
    return []


async def test_a_value_opens_in_its_cell_and_in_no_organisation(ring, app, keys, new_organization) -> None:
    platform = PlatformKeyService(ring)
    async with app.unscoped() as txn:
        sealed = await platform.seal(txn, CELL, b"seed")
        assert sealed[0] == sealing.FORMAT
        assert b"seed" not in sealed
        assert await platform.unseal(txn, CELL, sealed) == b"seed"
        with pytest.raises(SealBroken):
            await platform.unseal(txn, Cell("totp", "accounts", "totp_seed", uuid4(), 1), sealed)
    organization = await new_organization()
    async with app.transaction(organization) as txn:
        assert await platform.unseal(txn, CELL, sealed) == b"seed"
        theirs = await keys.seal(txn, CELL, b"seed")
        with pytest.raises(SealBroken):
            await platform.unseal(txn, CELL, theirs)
    with pytest.raises(SealBroken):
        async with app.transaction(organization) as txn:
            await keys.unseal(txn, CELL, sealed)
    platform.close()


async def test_rotation_seals_anew_and_destroys(ring, app, signing_database) -> None:
    platform, column = PlatformKeyService(ring), Held()
    async with app.unscoped() as txn:
        for _ in range(3):
            row = new_id()
            column.values[row] = await platform.seal(txn, column.cell(SealedValue(row, 1, b"")), row.bytes)
    old = dict(column.values)
    rotation = PlatformKeyRotation(signing_database, PlatformKeyService(ring), [column])
    assert await rotation.rotate(nobody) == 3
    assert await rotation.verify(nobody) == 3
    newest, *older = await rotation.status()
    assert newest.destroyed_at is None
    assert all(key.destroyed_at and not any(key.wrapped) for key in older)
    fresh = PlatformKeyService(ring)
    async with app.unscoped() as txn:
        for row, value in column.values.items():
            cell = column.cell(SealedValue(row, 1, b""))
            assert await fresh.unseal(txn, cell, value) == row.bytes
            with pytest.raises(SealBroken):
                await fresh.unseal(txn, cell, old[row])
    assert await rotation.rewrap() == 1
    assert not await rotation.due()


async def test_an_undeclared_column_stops_it(ring, signing_database) -> None:
    rotation = PlatformKeyRotation(signing_database, PlatformKeyService(ring), [])
    with pytest.raises(ColumnsUndeclared, match=r"customer_keys\.credential"):
        await rotation.rotate(nobody)


async def test_without_the_provider_nothing_is_sealed(ring, app, tmp_path) -> None:
    async with app.unscoped() as txn:
        await PlatformKeyService(ring).seal(txn, CELL, b"seed")
    gone = PlatformKeyService(KeyRing(LocalKeyFile(tmp_path / "gone")))
    async with app.unscoped() as txn:
        with pytest.raises(KeysUnavailable):
            await gone.seal(txn, CELL, b"seed")
