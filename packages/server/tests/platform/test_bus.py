"""The bus: messages arrive at commit only, and a cut connection makes subscribers drop their caches."""

import asyncio
import contextlib
import uuid
from collections.abc import Sequence

import psycopg

from vectorflow.platform.bus import Bus
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.hints import Hints


async def test_messages_arrive_with_the_commit(bare_database: Database, database_url, state_dir) -> None:
    bus = Bus(role_url(database_url, Role.APP, state_dir))
    seen: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    end = bus.subscribe("test.topic", lambda message: seen.put_nowait(dict(message)))
    running = asyncio.create_task(bus.run())
    try:
        await asyncio.wait_for(bus.connected.wait(), 60)
        organization = uuid.uuid4()
        async with bare_database.transaction(organization) as txn:
            await txn.notify("test.topic", {"node_id": "n1"})
            await asyncio.sleep(0.1)
            assert seen.empty()
        message = await asyncio.wait_for(seen.get(), 60)
        assert message == {"topic": "test.topic", "organization_id": str(organization), "node_id": "n1"}
        end()
        async with bare_database.transaction(organization) as txn:
            await txn.notify("test.topic")
        await asyncio.sleep(0.2)
        assert seen.empty()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_cut_connection_drops_caches_and_comes_back(bare_database, database_url, state_dir) -> None:
    bus = Bus(role_url(database_url, Role.APP, state_dir))
    dropped: list[int] = []
    seen: asyncio.Queue[object] = asyncio.Queue()
    bus.on_reconnect(lambda: dropped.append(1))
    bus.subscribe("test.failing", lambda message: 1 / 0)
    bus.subscribe("test.topic", seen.put)
    running = asyncio.create_task(bus.run())
    try:
        await asyncio.wait_for(bus.connected.wait(), 60)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen vectorflow'"
            )
        for _ in range(100):
            await asyncio.sleep(0.05)
            if len(dropped) == 2:
                break
        assert len(dropped) == 2
        async with bare_database.transaction(uuid.uuid4()) as txn:
            await txn.notify("test.failing")
            await txn.notify("test.topic")
        await asyncio.wait_for(seen.get(), 60)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_hints_of_many_transactions_go_out_once_and_only_after_their_commit(
    bare_database: Database, database_url, state_dir
) -> None:
    bus = Bus(role_url(database_url, Role.APP, state_dir))
    topic = f"test.hints-{uuid.uuid4().hex}"
    seen: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    bus.subscribe(topic, lambda message: seen.put_nowait(dict(message)))
    running = asyncio.create_task(bus.run())
    organization = uuid.uuid4()

    async def one() -> None:
        async with bare_database.transaction(organization) as txn:
            txn.hint(topic, {"node_id": "n1"})

    try:
        await asyncio.wait_for(bus.connected.wait(), 60)
        async with bare_database.transaction(organization) as txn:
            txn.hint(topic, {"node_id": "n1"})
            await asyncio.sleep(0.05)
            assert seen.empty()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(one())
        message = await asyncio.wait_for(seen.get(), 60)
        assert message == {"topic": topic, "organization_id": str(organization), "node_id": "n1"}
        with contextlib.suppress(ZeroDivisionError):
            async with bare_database.transaction(organization) as txn:
                txn.hint(topic, {"node_id": "rolled-back"})
                raise ZeroDivisionError
        async with bare_database.transaction(organization) as txn:
            txn.hint(topic, {"node_id": "n2"})
        assert (await asyncio.wait_for(seen.get(), 60))["node_id"] in {"n1", "n2"}
        await bare_database.hints.close()
        assert "rolled-back" not in {each["node_id"] for each in _drained(seen)}
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _drained(queue: asyncio.Queue[dict[str, object]]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    while not queue.empty():
        found.append(queue.get_nowait())
    return found


async def test_hints_that_cannot_be_sent_are_dropped_and_counted() -> None:
    sent: list[list[str]] = []

    async def send(messages: Sequence[str]) -> None:
        sent.append(list(messages))
        if len(sent) == 1:
            raise OSError

    hints = Hints(send)
    hints.add("a")
    hints.add("a")
    await hints.close()
    hints.add("b")
    await hints.close()
    assert (sent, hints.dropped) == ([["a"], ["b"]], 1)
