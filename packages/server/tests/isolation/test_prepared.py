"""Statements that a connection planned once for one organisation, then run by others on the same connection."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
import pytest
from packages.server.tests.isolation.world import granted

from vectorflow.platform.credentials import SERVING, role_url
from vectorflow.platform.database import Database, DatabaseUnavailable

ROUNDS = (
    4  # of three and five runs: prepared from the sixth on, and planned for all parameters after five more
)
Opened = Callable[[str], AbstractAsyncContextManager[Database]]


@pytest.fixture
def opened(isolated_url, state_dir, signer) -> Opened:
    """Open a database of a role with one connection."""

    @asynccontextmanager
    async def one(role: str) -> AsyncIterator[Database]:
        database = Database(role_url(isolated_url, role, state_dir), signer, size=1)
        await database.open()
        try:
            yield database
        finally:
            await database.close()

    return one


@pytest.mark.parametrize("role", SERVING)
async def test_a_plan_serves_whoever_runs_it_and_nobody_else(world, superuser, opened, role) -> None:
    # Whoever claims jobs sees those of all; the suite of cases says so.
    tables = [
        each
        for each in world.tenant_tables
        if each.name.startswith("public.") and granted(superuser, role.value, each.name, "SELECT")
    ]
    superuser.rollback()
    async with opened(role) as database:
        for table in tables:
            column = table.tenant_column
            found = f"select array_agg(distinct {column}) from {table.name}"
            asked = f"select count(*) from {table.name} where {column} = %(whose)s"
            try:
                async with database.transaction(world.mine) as txn:
                    await txn.value(found)
            except psycopg.errors.InsufficientPrivilege:  # other columns of it are granted
                continue
            for _ in range(ROUNDS):
                for own, foreign in ((world.mine, world.other), (world.other, world.mine)):
                    async with database.transaction(own) as txn:
                        assert await txn.value(found) == [own], table.name
                        assert await txn.value(asked, {"whose": own}) > 0, table.name
                        assert await txn.value(asked, {"whose": foreign}) == 0, table.name
                async with database.unscoped() as txn:
                    assert await txn.value(found) is None, table.name
                    assert await txn.value(asked, {"whose": world.mine}) == 0, table.name
            async with database.unscoped() as txn:  # the positive control: it was one plan
                plans = await txn.value(
                    "select min(generic_plans) from pg_prepared_statements where strpos(statement, %(table)s) > 0",
                    {"table": f" from {table.name}"},
                )
            assert plans > 0, table.name


async def test_a_plan_that_a_migration_outdated_costs_one_try(superuser, opened) -> None:
    superuser.execute("create table vf.changing (a integer)")
    superuser.execute("grant select on vf.changing to vf_app")
    superuser.commit()
    try:
        async with opened(SERVING[0]) as database:

            async def look() -> None:
                async with database.unscoped() as txn:
                    await txn.value("select * from vf.changing")

            for _ in range(3 * ROUNDS):
                await look()
            superuser.execute("alter table vf.changing add column b integer")
            superuser.commit()
            with pytest.raises(DatabaseUnavailable):
                await look()
            await look()
    finally:
        superuser.execute("drop table vf.changing")
        superuser.commit()
