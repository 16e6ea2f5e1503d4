"""When a key is rotated by itself: by age, and long before it was used as often as it may be. And what is no value."""

from datetime import timedelta

import psycopg
import pytest
from packages.server.tests.keys.test_service import CELL, audited

from vectorflow.keys import sealing
from vectorflow.keys.errors import SealBroken
from vectorflow.keys.leases import MOST_ENCRYPTIONS, ROTATION_DUE
from vectorflow.keys.rotation import KeyRotation
from vectorflow.vault.columns import vault_columns


def _set(url: str, statement: str, organization_id) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(statement, {"o": organization_id})


async def test_a_key_is_due_at_its_age_and_not_before(
    new_organization, signing_database, provider, database_url
) -> None:
    organization_id = await new_organization()
    rotation = KeyRotation(signing_database, provider, vault_columns(), most_age=timedelta(days=90))
    never = KeyRotation(signing_database, provider, vault_columns(), most_age=None)
    for days, due in ((89, False), (91, True)):
        age = (
            f"update data_keys set created_at = now() - interval '{days} days' where organization_id = %(o)s"
        )
        _set(database_url, age, organization_id)
        assert await rotation.due(organization_id) is due
    assert not await never.due(organization_id)


async def test_a_key_is_due_at_half_of_its_encryptions(
    new_organization, signing_database, provider, database_url
) -> None:
    assert 2 * ROTATION_DUE == MOST_ENCRYPTIONS == 2**31
    organization_id = await new_organization()
    rotation = KeyRotation(signing_database, provider, vault_columns())
    for used, due in ((ROTATION_DUE - 1, False), (1, True)):
        lease = f"""insert into data_key_leases (organization_id, id, key_version, encryptions)
            values (%(o)s, gen_random_uuid(), 1, {used})"""
        _set(database_url, lease, organization_id)
        assert await rotation.due(organization_id) is due


@pytest.mark.parametrize(
    "broken", ["cut", "empty", "format", "version", "another row", "another version of the row"]
)
async def test_what_is_no_value_of_this_cell_is_refused_and_told(new_organization, app, keys, broken) -> None:
    organization_id = await new_organization()
    async with app.transaction(organization_id) as txn:
        sealed, cell = await keys.seal(txn, CELL, b"value"), CELL
        assert await keys.unseal(txn, cell, sealed) == b"value"  # the positive control
    changed = {
        "cut": sealed[:-1],
        "empty": b"",
        "format": bytes([sealing.FORMAT + 1]) + sealed[1:],
        "version": sealed[:1] + (99).to_bytes(4, "big") + sealed[5:],
    }.get(broken, sealed)
    if broken == "another row":
        cell = CELL.__class__(CELL.domain, CELL.table, CELL.column, organization_id, CELL.row_version)
    if broken == "another version of the row":
        cell = CELL.__class__(CELL.domain, CELL.table, CELL.column, CELL.row_id, CELL.row_version + 1)
    with pytest.raises(SealBroken):
        async with app.transaction(organization_id) as txn:
            await keys.unseal(txn, cell, changed)
    assert await audited(app, organization_id) == ["data-key.created", "secret.refused"]
