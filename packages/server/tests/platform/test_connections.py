"""`platform.database`: a connection is looked at before it is lent, without asking the server each time."""

import contextlib

import psycopg
import pytest

from vectorflow.platform.database import Database, DatabaseUnavailable


async def test_a_connection_whose_server_ended_is_not_lent(single: Database, database_url: str) -> None:
    async with single.unscoped() as txn:
        pid = await txn.value("select pg_backend_pid()")
    with psycopg.connect(database_url, autocommit=True) as outside:
        # Waits until the process is gone.
        assert outside.execute("select pg_terminate_backend(%s, 30000)", [pid]).fetchone() == (True,)
    async with single.unscoped() as txn:
        assert await txn.value("select pg_backend_pid()") != pid


async def test_a_connection_that_has_something_to_say_is_lent_once_it_was_heard(
    single: Database,
) -> None:
    async with single.connection() as connection:
        pid = connection.info.backend_pid
        await connection.execute("listen heard")
    async with single.connection() as connection:
        await connection.execute("select pg_notify('heard', '')")
    async with single.unscoped() as txn:
        assert await txn.value("select pg_backend_pid()") == pid


async def test_a_sound_connection_is_lent_without_a_statement(single: Database, database_url: str) -> None:
    async with single.unscoped() as txn:
        pid = await txn.value("select pg_backend_pid()")
    async with single.connection() as connection:
        assert connection.info.backend_pid == pid
        with psycopg.connect(database_url) as outside:
            last = outside.execute("select query from pg_stat_activity where pid = %s", [pid]).fetchone()
    assert last == ("COMMIT",)


async def test_a_transaction_whose_connection_broke_under_a_caught_error_is_never_told_as_committed(
    single: Database, database_url: str
) -> None:
    """As when the job that reports defer is queued already, and PostgreSQL is killed at that moment."""
    done: list[str] = []

    async def work() -> None:
        async with single.unscoped() as txn:
            pid = await txn.value("select pg_backend_pid()")
            txn.after_commit(lambda: done.append("committed"))
            with contextlib.suppress(psycopg.errors.DivisionByZero):
                async with txn.connection.transaction():
                    try:
                        await txn.execute("select 1 / 0")
                    finally:
                        with psycopg.connect(database_url, autocommit=True) as outside:
                            outside.execute("select pg_terminate_backend(%s, 30000)", [pid])

    with pytest.raises(DatabaseUnavailable):
        await work()
    assert done == []
