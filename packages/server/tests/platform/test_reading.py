"""`platform.reading`: what only reads is refused every change and every lock, and nothing after it is."""

import asyncio

import psycopg
import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Database
from vectorflow.platform.reading import afresh, only_reads, reads_only

_LOCKS = ("for update", "for no key update", "for share", "for key share")


async def _locks(database: Database, how: str) -> None:
    async with database.unscoped() as txn:
        await txn.execute(f"select id from secrets {how}")


@pytest.mark.parametrize("how", _LOCKS)
async def test_no_lock_on_a_row_is_had_and_the_connection_is_as_before(single: Database, how: str) -> None:
    with afresh():
        only_reads()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await _locks(single, how)
        async with single.unscoped() as txn:
            assert await txn.value("select count(*) from secrets") == 0
    await _locks(single, how)  # the positive control


async def test_no_change_is_made(single: Database) -> None:
    with afresh():
        only_reads()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            async with single.unscoped() as txn:
                await txn.execute("delete from secrets")
    async with single.unscoped() as txn:
        assert await txn.execute("delete from secrets") == 0


async def test_a_snapshot_of_what_only_reads_is_both(single: Database) -> None:
    with afresh():
        only_reads()
        async with single.snapshot(new_id()) as txn:
            assert await txn.value("show transaction_read_only") == "on"
            assert await txn.value("show transaction_isolation") == "repeatable read"
    async with single.unscoped() as txn:
        assert await txn.value("show transaction_read_only") == "off"
        assert await txn.value("show transaction_isolation") == "read committed"


async def test_what_a_reader_starts_reads_as_well_and_what_begins_afresh_does_not() -> None:
    async def asked() -> bool:
        return reads_only()

    with afresh():
        only_reads()
        assert await asyncio.create_task(asked())
        with afresh():
            assert not await asyncio.create_task(asked())
        assert reads_only()
    assert not reads_only()
