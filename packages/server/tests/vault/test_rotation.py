import asyncio
import sys
from pathlib import Path

import pytest

from vectorflow.entry.keys_cli import rotate_platform
from vectorflow.entry.sealed_columns import SEALED_COLUMNS
from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.errors import ColumnsUndeclared, KeysUnavailable
from vectorflow.keys.leases import Leases
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Database
from vectorflow.vault.columns import vault_columns
from vectorflow.vault.service import VaultService

COLUMNS = SEALED_COLUMNS
KILLS = 3


@pytest.fixture
def key_dir(tmp_path: Path) -> Path:
    LocalKeyFile(tmp_path).create()
    return tmp_path


@pytest.fixture
def provider(key_dir: Path) -> LocalKeyFile:
    return LocalKeyFile(key_dir)


@pytest.fixture
def rotation(signing_database: Database, provider: LocalKeyFile) -> KeyRotation:
    return KeyRotation(signing_database, provider, COLUMNS)


async def _write(app: Database, vault: VaultService, place, ledger: dict[str, str], count: int) -> None:
    async with app.transaction(place.organization_id) as txn:
        made = {f"s{len(ledger) + number}": f"value {len(ledger) + number}" for number in range(count)}
        for name, value in made.items():
            await vault.create(txn, SYSTEM, place.environment_id, name, value)
    ledger.update(made)


async def _read(database: Database, vault: VaultService, place, names) -> dict[str, str]:
    async with database.transaction(place.organization_id) as txn:
        values = (await vault.secret_values(txn, place.environment_id, names)).values.values()
    return {value.name: value.value.decode() for value in values}


async def test_killed_rotations_lose_nothing_while_others_read_and_write(  # noqa: PLR0917
    app, signing_database, vault, signers_vault, new_place, rotation, database_url, state_dir, key_dir
) -> None:
    place, ledger, stop = await new_place(), {}, asyncio.Event()
    await _write(app, vault, place, ledger, 1500)

    async def write() -> None:
        while not stop.is_set():
            await _write(app, vault, place, ledger, 2)
            await asyncio.sleep(0.02)

    async def read() -> None:
        while not stop.is_set():
            expected = dict(list(ledger.items())[::50])
            assert await _read(signing_database, signers_vault, place, list(expected)) == expected
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(read())
        for kill in range(KILLS):
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(Path(__file__).with_name("rotating.py")), database_url,
                str(state_dir), str(key_dir), str(place.organization_id),
            )  # fmt: skip
            await asyncio.sleep(0.8 + 0.15 * kill)
            if process.returncode is None:
                process.kill()
            await process.wait()
        await rotation.rotate(place.organization_id)
        stop.set()
    await rotation.finish(place.organization_id)
    fresh = VaultService(KeyService(signing_database, LocalKeyFile(key_dir)))
    assert await _read(signing_database, fresh, place, list(ledger)) == ledger
    newest, *older = await rotation.status(place.organization_id)
    assert newest.version > 1
    assert newest.destroyed_at is None
    assert older
    assert all(not any(key.wrapped) and key.destroyed_at for key in older)
    assert await rotation.verify(place.organization_id) == len(ledger)


async def test_the_platform_key_changes_and_the_former_opens_nothing(  # noqa: PLR0917
    app, signing_database, vault, new_place, rotation, provider, key_dir, tmp_path_factory
) -> None:
    place, ledger = await new_place(), {}
    await _write(app, vault, place, ledger, 3)
    former = tmp_path_factory.mktemp("former")
    (former / "keys").mkdir()
    LocalKeyFile(former).create()
    (former / "keys/platform.key").write_bytes((key_dir / "keys/platform.key").read_bytes())

    async def everyone() -> list:
        return [place.organization_id]

    provider.begin_rotation()  # and killed here: done again below
    await rotate_platform(rotation, provider, everyone)
    assert not provider.rotating
    fresh = VaultService(KeyService(signing_database, LocalKeyFile(key_dir)))
    assert await _read(signing_database, fresh, place, list(ledger)) == ledger
    outdated = VaultService(KeyService(signing_database, LocalKeyFile(former)))
    with pytest.raises(KeysUnavailable):
        await _read(signing_database, outdated, place, list(ledger))


async def test_an_undeclared_column_stops_a_rotation(new_place, signing_database, provider) -> None:
    place = await new_place()
    rotation = KeyRotation(signing_database, provider, COLUMNS[:1])
    with pytest.raises(ColumnsUndeclared, match=r"secret_versions\.value"):
        await rotation.rotate(place.organization_id)
    assert len(await rotation.status(place.organization_id)) == 1


async def test_encryptions_are_counted_and_end(new_place, app) -> None:
    place, leases = await new_place(), Leases(block=2, most=4)
    async with app.transaction(place.organization_id) as txn:
        assert await leases.take(txn, 1)
    async with app.transaction(place.organization_id) as txn:
        assert [await leases.take(txn, 1) for _ in range(2)] == [True, True]
        assert not await leases.take(txn, 1)


def test_every_column_of_the_vault_is_rotated() -> None:
    ours = {each.name for each in vault_columns()}
    assert "secret_versions.value" in ours
    assert ours <= {each.name for each in COLUMNS}
