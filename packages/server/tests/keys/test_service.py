from pathlib import Path

import psycopg
import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.keys.errors import KeysUnavailable, SealBroken
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell
from vectorflow.platform.database import Database

CELL = Cell("test", "things", "value", new_id(), 1)


async def audited(database: Database, organization_id) -> list[str]:
    async with database.transaction(organization_id) as txn:
        return await txn.value(
            "select array_agg(action order by sequence) from audit_records where organization_id = %(organization_id)s"
        )


async def test_an_organisation_has_one_data_key(new_organization, app: Database, keys: KeyService) -> None:
    organization_id = await new_organization()
    async with app.transaction(organization_id) as txn:
        await keys.create_for_organization(txn)
        assert await txn.value("select count(*) from data_keys") == 1
    assert await audited(app, organization_id) == ["data-key.created"]


async def test_sealed_values_open_in_their_cell_only(
    new_organization, app: Database, keys: KeyService
) -> None:
    organization_id = await new_organization()
    async with app.transaction(organization_id) as txn:
        sealed = await keys.seal(txn, CELL, b"value")
        assert await keys.unseal(txn, CELL, sealed) == b"value"
        assert sealed == await txn.value("select %(sealed)s::bytea::vf.sealed", {"sealed": sealed})


async def test_a_moved_value_is_refused_and_told(new_organization, app: Database, keys: KeyService) -> None:
    organization_id = await new_organization()
    other = Cell("test", "things", "value", new_id(), 1)
    with pytest.raises(SealBroken):
        async with app.transaction(organization_id) as txn:
            await keys.unseal(txn, other, await keys.seal(txn, CELL, b"value"))
    assert await audited(app, organization_id) == ["data-key.created", "secret.refused"]


async def test_another_organisations_value_is_refused(
    new_organization, app: Database, keys: KeyService
) -> None:
    first, second = await new_organization(), await new_organization()
    async with app.transaction(first) as txn:
        sealed = await keys.seal(txn, CELL, b"value")
    with pytest.raises(SealBroken):
        async with app.transaction(second) as txn:
            await keys.unseal(txn, CELL, sealed)
    assert "secret.refused" in await audited(app, second)
    assert "secret.refused" not in await audited(app, first)


async def test_without_the_platform_key_nothing_is_sealed(
    new_organization, app: Database, tmp_path: Path
) -> None:
    organization_id = await new_organization()
    elsewhere = KeyService(app, LocalKeyFile(tmp_path / "nowhere"))
    async with app.transaction(organization_id) as txn:
        with pytest.raises(KeysUnavailable) as caught:
            await elsewhere.seal(txn, CELL, b"value")
    assert caught.value.status == 503


async def test_without_a_data_key_nothing_is_sealed(app: Database, keys: KeyService) -> None:
    async with app.transaction(new_id()) as txn:
        with pytest.raises(KeysUnavailable):
            await keys.seal(txn, CELL, b"value")


async def test_data_keys_are_stored_wrapped_and_cannot_be_changed(
    new_organization, app: Database, keys: KeyService
) -> None:
    organization_id = await new_organization()
    async with app.transaction(organization_id) as txn:
        wrapped = await txn.value("select wrapped from data_keys")
        assert len(wrapped) == 12 + 32 + 16
    for statement in ("update data_keys set version = 9", "delete from data_keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with app.transaction(organization_id) as txn:
                await txn.execute(statement)
