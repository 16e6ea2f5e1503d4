"""`telemetry.jobs`: partitions are kept while others read and write, and put off while somebody reads for long."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from vectorflow.telemetry.jobs import DAYS_AHEAD, keep_partitions

PARENTS = ["counters", "host_metrics", "logs"]


@pytest.fixture
async def owner(database_url):
    """A connection that may make tables."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        cursor = await connection.execute("select tableowner from pg_tables where tablename = 'logs'")
        await connection.execute(f"set role {(await cursor.fetchone())[0]}")
        yield connection


def last_day(parent: str) -> str:
    return f"{parent}_{datetime.now(UTC) + timedelta(days=DAYS_AHEAD):%Y%m%d}"


async def exists(owner, name: str) -> bool:
    cursor = await owner.execute("select to_regclass(%s) is not null", [f"public.{name}"])
    return (await cursor.fetchone())[0]


@pytest.mark.parametrize("parent", PARENTS)
async def test_a_long_reader_puts_upkeep_off_and_nobody_waits_behind_it(
    owner, worker_database, database_url, parent
) -> None:
    await keep_partitions(worker_database, logs_days=7)
    last = last_day(parent)
    await owner.execute(f"drop table {last}")
    await owner.execute(
        f"create table {parent}_20010101 partition of {parent} for values from ('2001-01-01') to ('2001-01-02')"
    )
    slowest = 0.0
    async with (
        await psycopg.AsyncConnection.connect(database_url) as backup,
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as writer,
    ):
        await backup.execute(f"select count(*) from {parent}")
        upkeep = asyncio.create_task(keep_partitions(worker_database, logs_days=7))
        began = time.monotonic()
        while not upkeep.done():
            asked = time.monotonic()
            assert asked - began < 30, "upkeep waits for the backup"
            async with asyncio.timeout(20):
                await writer.execute(f"delete from {parent} where false")
            slowest = max(slowest, time.monotonic() - asked)
            await asyncio.sleep(0.05)
        await upkeep
        assert slowest < 5
        assert await exists(owner, last), "a partition is made beside readers"
        assert await exists(owner, f"{parent}_20010101")
    assert await keep_partitions(worker_database, logs_days=7) == 1
    assert not await exists(owner, f"{parent}_20010101")


async def test_an_attached_partition_is_as_one_that_was_made_in_place(owner, worker_database) -> None:
    for parent in PARENTS:
        name = last_day(parent)
        await owner.execute(f"drop table if exists {name}")
        await keep_partitions(worker_database, logs_days=7)
        await owner.execute(
            f"create table {parent}_in_place partition of {parent} for values from ('2001-01-01') to ('2001-01-02')"
        )
        described = [await columns_and_indexes(owner, each) for each in (name, f"{parent}_in_place")]
        await owner.execute(f"drop table {parent}_in_place")
        assert described[0] == described[1]


async def columns_and_indexes(owner, name: str) -> tuple[object, ...]:
    columns = await owner.execute(
        """select attname, atttypid, attnotnull, attstorage, attcompression from pg_attribute
        where attrelid = %s::regclass and attnum > 0 order by attnum""",
        [name],
    )
    indexes = await owner.execute(
        """select replace(pg_get_indexdef(indexrelid), %s, '') from pg_index
        where indrelid = %s::regclass order by 1""",
        [name, name],
    )
    checks = await owner.execute(
        """select conname, pg_get_constraintdef(oid) from pg_constraint
        where conrelid = %s::regclass and contype = 'c' order by 1""",
        [name],
    )
    return await columns.fetchall(), await indexes.fetchall(), await checks.fetchall()
