"""Jobs: deferred with the transaction, fenced by organisation, run again after a worker died."""

import asyncio
import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs


@pytest.fixture
async def job_database(database_url, state_dir, signer):
    jobs = Jobs()
    database = Database(role_url(database_url, Role.APP, state_dir), signer, job_sink=jobs)
    await database.open()
    yield jobs, database
    await database.close()


async def _run(jobs: Jobs, url: str, until: asyncio.Event) -> None:
    worker = asyncio.create_task(jobs.work(url))
    try:
        await asyncio.wait_for(until.wait(), 60)
        await asyncio.sleep(0.2)
    finally:
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker


async def test_a_job_runs_in_the_organisation_that_deferred_it(job_database, database_url, state_dir) -> None:
    jobs, database = job_database
    seen: list[tuple[uuid.UUID, Mapping[str, Any]]] = []
    done = asyncio.Event()

    async def run(organization_id: uuid.UUID, arguments: Mapping[str, Any]) -> None:
        seen.append((organization_id, dict(arguments)))
        done.set()

    jobs.task("test.run", run, help="A test.")
    organization = uuid.uuid4()
    async with database.transaction(organization) as txn:
        await txn.defer("test.run", {"n": 1})
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction(organization) as txn:
            await txn.defer("test.run", {"n": 2})
            raise ZeroDivisionError
    await _run(jobs, role_url(database_url, Role.WORKER, state_dir), done)
    assert seen == [(organization, {"n": 1})]


async def test_a_queueing_lock_is_the_organisations_own(job_database, database_url) -> None:
    jobs, database = job_database
    first, second = uuid.uuid4(), uuid.uuid4()

    async def run(organization_id: uuid.UUID, arguments: Mapping[str, Any]) -> None: ...

    jobs.task("test.locked", run, help="A test.")
    for organization in (first, first, second):
        async with database.transaction(organization) as txn:
            await txn.defer("test.locked", queueing_lock="same")
    with psycopg.connect(database_url) as connection:
        count = connection.execute(
            "select count(*) from jobs.procrastinate_jobs where task_name = 'test.locked'"
        ).fetchone()
        assert count == (2,)
        connection.execute("delete from jobs.procrastinate_jobs where task_name = 'test.locked'")


async def test_the_app_role_sees_and_forges_no_other_organisations_job(job_database, database_url) -> None:
    jobs, database = job_database
    mine, theirs = uuid.uuid4(), uuid.uuid4()

    async def run(organization_id: uuid.UUID, arguments: Mapping[str, Any]) -> None: ...

    jobs.task("test.fenced", run, help="A test.")
    async with database.transaction(theirs) as txn:
        await txn.defer("test.fenced")
    async with database.transaction(mine) as txn:
        assert await txn.value("select count(*) from jobs.procrastinate_jobs") == 0
    with pytest.raises(psycopg.errors.CheckViolation):
        async with database.transaction(mine) as txn:
            await txn.execute(
                "insert into jobs.procrastinate_jobs (queue_name, task_name, args) "
                "values ('default', 'test.fenced', jsonb_build_object('organization_id', %(theirs)s::text))",
                {"theirs": str(theirs)},
            )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction(mine) as txn:
            await txn.execute(
                "insert into jobs.procrastinate_jobs (queue_name, task_name, args, organization_id) "
                "values ('default', 'test.fenced', jsonb_build_object('organization_id', %(theirs)s::text), "
                "%(theirs)s::uuid)",
                {"theirs": str(theirs)},
            )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction(mine) as txn:
            await txn.execute("delete from jobs.procrastinate_jobs where id = 1")
    with psycopg.connect(database_url) as connection:
        connection.execute("delete from jobs.procrastinate_jobs where task_name = 'test.fenced'")


async def test_a_dead_workers_job_runs_again(job_database, database_url, state_dir) -> None:
    jobs, database = job_database
    done = asyncio.Event()

    async def run(organization_id: uuid.UUID, arguments: Mapping[str, Any]) -> None:
        done.set()

    jobs.task("test.rescued", run, help="A test.")
    async with database.transaction(uuid.uuid4()) as txn:
        await txn.defer("test.rescued", lock="held")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """with dead as (insert into jobs.procrastinate_workers (last_heartbeat)
                             values (now() - interval '1 minute') returning id)
               update jobs.procrastinate_jobs set status = 'doing', worker_id = dead.id from dead
               where task_name = 'test.rescued'"""
        )
    await _run(jobs, role_url(database_url, Role.WORKER, state_dir), done)
    assert done.is_set()


async def test_the_worker_outlives_its_database_connections(job_database, database_url, state_dir) -> None:
    jobs, database = job_database
    done = asyncio.Event()

    async def run(organization_id: uuid.UUID, arguments: Mapping[str, Any]) -> None:
        done.set()

    jobs.task("test.outlives", run, help="A test.")
    working = asyncio.create_task(_run(jobs, role_url(database_url, Role.WORKER, state_dir), done))
    await asyncio.sleep(1)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'vf_worker'"
        )
    async with database.transaction(uuid.uuid4()) as txn:
        await txn.defer("test.outlives")
    await working


def test_seconds_in_the_wrong_field_are_refused() -> None:
    async def nothing() -> None: ...

    with pytest.raises(ValueError, match="last field"):
        Jobs().periodic(
            "wrong", nothing, cron="*/30 * * * * *", help="Runs every second of two minutes an hour."
        )
    Jobs().periodic("right", nothing, cron="* * * * * */30", help="Runs every thirty seconds.")
