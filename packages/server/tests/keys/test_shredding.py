"""Crypto-shredding: nothing of the organisation opens afterwards, and others are not touched."""

from datetime import timedelta

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.keys.errors import KeysBusy, KeysUnavailable, SealBroken
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell

CELL = Cell("test", "things", "value", new_id(), 1)


async def test_nothing_opens_after_shredding(new_organization, app, signing_database, keys, provider) -> None:
    gone, stays = await new_organization(), await new_organization()
    sealed = {}
    for each in (gone, stays):
        async with app.transaction(each) as txn:
            sealed[each] = await keys.seal(txn, CELL, b"value")
    shredder = KeyService(signing_database, provider, backup_retention=timedelta(days=7))
    states = []
    for _ in range(2):  # doing it again changes nothing
        async with signing_database.transaction(gone) as txn:
            states.append(await shredder.shred(txn))
    assert states[0] == states[1]
    assert "backups" in states[0].why.lower()
    async with app.transaction(gone) as txn:
        row = await txn.value(
            "select bool_and(wrapped = decode(repeat('00', 48), 'hex') and destroyed_at is not null) from data_keys"
        )
        assert row is True
        moment = await txn.value("select max(destroyed_at) from data_keys")
    assert states[0].complete_at == moment + timedelta(days=7)
    fresh = KeyService(app, provider)
    with pytest.raises(SealBroken):
        async with app.transaction(gone) as txn:
            await fresh.unseal(txn, CELL, sealed[gone])
    async with app.transaction(gone) as txn:
        with pytest.raises(KeysUnavailable):
            await fresh.seal(txn, CELL, b"more")
        await fresh.create_for_organization(txn)
        with pytest.raises(KeysUnavailable):  # no new key comes in place of the old
            await fresh.seal(txn, CELL, b"more")
    rotation = KeyRotation(signing_database, provider, [])
    assert not await rotation.due(gone)
    async with app.transaction(stays) as txn:
        assert await fresh.unseal(txn, CELL, sealed[stays]) == b"value"
    fresh.close()


async def test_a_process_that_holds_the_key_drops_it(
    new_organization, signing_database, app, provider
) -> None:
    organization = await new_organization()
    here = KeyService(signing_database, provider)
    async with app.transaction(organization) as txn:
        sealed = await here.seal(txn, CELL, b"value")
    async with signing_database.transaction(organization) as txn:
        await here.shred(txn)
    with pytest.raises(SealBroken):
        async with app.transaction(organization) as txn:
            await here.unseal(txn, CELL, sealed)
    elsewhere = KeyService(app, provider)
    async with app.transaction(await new_organization()) as txn:
        await elsewhere.seal(txn, CELL, b"value")
        elsewhere._on_message({"organization_id": str(txn.organization_id)})
    assert len(elsewhere._cache) == 0


async def test_shredding_waits_for_who_holds_the_keys(
    new_organization, app, signing_database, keys, provider
) -> None:
    organization = await new_organization()
    async with app.transaction(organization) as txn:
        await keys.seal(txn, CELL, b"value")
        with pytest.raises(KeysBusy):
            async with signing_database.transaction(organization) as other:
                await KeyService(signing_database, provider).shred(other)
    keys.close()
