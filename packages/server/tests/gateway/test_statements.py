"""A statement's way: asked for by a person, signed by the signer, told once, answered by the node."""

import asyncio
import time
from datetime import timedelta

import msgspec
import psycopg
import pytest

from vectorflow.fleet.errors import NodeNotFound, NodeNotTellable, StatementsWaiting
from vectorflow.fleet.statement_book import BELIEVED_SECONDS, StatementBook
from vectorflow.fleet.statement_types import SignedStatement
from vectorflow.fleet.statements import MOST_WAITING
from vectorflow.fleet.streams import Streams
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.clock import SystemClock
from vectorflow.kernel.ids import new_id
from vectorflow_wire import statements, verify
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.statements import LogLevelArguments, RestartArguments, StatementKind


async def ask(world, agent, **options):
    async with world.scoped() as txn:
        return await world.house.statements.restart(
            txn,
            world.environment_id,
            agent.node_id,
            RestartArguments(pipeline=str(new_id()), **options),
            SYSTEM,
        )


async def state_of(world, agent):
    async with world.scoped() as txn:
        rows = await world.house.statements.statements(
            txn, world.environment_id, agent.node_id, after=None, limit=50
        )
    return [(row.state, row.reason) for row in rows]


def believed(agent, envelope, node=None):
    return statements.verify_statement(
        envelope,
        trust=verify.Trust(keys=agent.key_list),
        node=node or agent.told.node_id,
        organization=agent.told.organization,
        spent={},
        now=int(time.time() * 1000),
    )


async def events(agent, count, *, after=None):
    """Read a stream until so many statements came; `after` is called once it is open."""
    found = []
    headers = {"authorization": f"Bearer {agent.told.node_token}"}
    async with asyncio.timeout(20), agent.http.stream("GET", "/agent/v1/stream", headers=headers) as stream:
        if after is not None:
            await after()
        name = ""
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: ") and name != "desired":
                found.append((name, msgspec.json.decode(line[6:].encode(), type=Envelope)))
                if len(found) == count:
                    return found
    return found


async def test_a_statement_is_believed_told_by_heartbeat_and_gone_once_answered(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    assert (await agent.beat()).statements == ()
    asked = await ask(world, agent)
    assert asked.state == "requested"
    await world.sign()
    told = (await agent.beat()).statements
    statement = believed(agent, told[0])
    assert (len(told), statement.id, statement.kind) == (1, str(asked.id), "restart")
    assert (await agent.beat()).statements == told  # repeated until the node answers
    assert await state_of(world, agent) == [("signed", "")]
    report = agent.report("statement-done", statement=statement.id, message="restarted")
    await agent.send(report)
    await world.bus_settled()
    assert (await agent.beat()).statements == ()
    assert await state_of(world, agent) == [("done", "")]


async def test_a_stream_hears_of_a_statement_at_once_and_only_once(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    first = await ask(world, agent)

    async def another():
        async with world.scoped() as txn:
            await world.house.statements.log_level(
                txn, world.environment_id, agent.node_id, LogLevelArguments(level="debug"), SYSTEM
            )
        await world.sign()

    heard = await events(agent, 2, after=another)
    assert [name for name, _ in heard] == ["restart", "log-level"]
    assert believed(agent, heard[0][1]).id == str(first.id)
    assert believed(agent, heard[1][1]).read(LogLevelArguments).level == "debug"


async def test_a_lost_message_costs_no_statement(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    await agent.beat()
    await ask(world, agent)
    house = world.house
    await house.statement_signer.sign(world.organization_id)
    await world.bus_settled()
    # As if the message had not come: nothing is known of the statement.
    house.gateway.statements._entries.clear()
    await agent.beat()  # only tokens in use are asked about, and the gateway's own round may just have been
    await house.gateway.tokens.refresh()
    assert len((await agent.beat()).statements) == 1


async def test_a_refusal_is_written_down_with_its_reason(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    asked = await ask(world, agent)
    await world.sign()
    await agent.send(agent.report("statement-refused", statement=str(asked.id), reason="statement-kind"))
    assert await state_of(world, agent) == [("refused", "statement-kind")]
    await agent.send(agent.report("statement-done", statement=str(asked.id)))
    assert await state_of(world, agent) == [("refused", "statement-kind")]  # the first answer counts


async def test_nobody_answers_for_another_node(world) -> None:
    agent, other = await world.agents(2)
    await agent.poll()
    asked = await ask(world, agent)
    await world.sign()
    await other.send(other.report("statement-done", statement=str(asked.id)))
    assert await state_of(world, agent) == [("signed", "")]
    envelope = (await agent.beat()).statements[0]
    assert (await other.beat()).statements == ()
    with pytest.raises(statements.StatementForeignNode):
        believed(agent, envelope, node=other.told.node_id)


async def test_another_organisations_node_cannot_be_told_anything(world, new_world) -> None:
    stranger = await new_world()
    agent = (await world.agents(1))[0]
    async with stranger.scoped() as txn:
        with pytest.raises(NodeNotFound):
            await world.house.statements.restart(
                txn, world.environment_id, agent.node_id, RestartArguments(pipeline="p"), SYSTEM
            )


async def test_a_statement_nobody_heard_runs_out(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    async with world.scoped() as txn:
        node = await world.house.statements._node(txn, world.environment_id, agent.node_id)
        await world.house.statements.request(
            txn,
            node,
            StatementKind.RESTART,
            RestartArguments(pipeline="p"),
            life=timedelta(seconds=1),
            actor=SYSTEM,
            summary="s",
        )
    await world.sign()
    assert len((await agent.beat()).statements) == 1
    await asyncio.sleep(1.1)
    assert (await agent.beat()).statements == ()
    assert await state_of(world, agent) == [("expired", "")]


async def test_a_node_that_was_revoked_is_told_nothing_and_few_orders_wait(world) -> None:
    agent = (await world.agents(1))[0]
    for _ in range(MOST_WAITING):
        await ask(world, agent)
    with pytest.raises(StatementsWaiting):
        await ask(world, agent)
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
        await world.house.fleet.node_revoke(txn, world.environment_id, agent.node_id, node.etag, SYSTEM)
    with pytest.raises(NodeNotTellable):
        await ask(world, agent)


async def test_only_the_signer_may_write_an_envelope(world) -> None:
    agent = (await world.agents(1))[0]
    asked = await ask(world, agent)
    for database, change in (
        (world.house.app, "update statements set envelope = 'x', state = 'signed' where id = %(id)s"),
        (world.house.worker, "update statements set envelope = 'x' where id = %(id)s"),
        (world.house.signer, "update statements set reason = 'x' where id = %(id)s"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.transaction(world.organization_id) as txn:
                await txn.execute(change, {"id": asked.id})


async def test_the_book_asks_the_database_for_no_node_that_nothing_waits_for(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    held = world.house.gateway.tokens
    authority = held._entries[held._of_node[agent.node_id][0]].authority
    assert not authority.told
    now = [0.0]
    book = StatementBook(world.house.app, Streams(), SystemClock(), monotonic=lambda: now[0])
    assert await book.waiting(authority) == ()
    assert not book._entries
    await ask(world, agent)
    await world.house.statement_signer.sign(world.organization_id)
    told = msgspec.structs.replace(authority, told=True)
    assert [each.kind for each in await book.waiting(told)] == ["restart"]
    async with world.scoped() as txn:
        await txn.execute("update statements set state = 'cancelled'")
    assert len(await book.waiting(told)) == 1  # believed for some seconds
    now[0] += BELIEVED_SECONDS + 1
    assert await book.waiting(told) == ()
    now[0] += BELIEVED_SECONDS + 1
    book.sweep()
    assert not book._entries


async def test_two_signers_store_one_envelope(world) -> None:
    agent = (await world.agents(1))[0]
    asked = await ask(world, agent)
    signed = await asyncio.gather(
        *(world.house.statement_signer.sign(world.organization_id) for _ in range(3))
    )
    assert sum(signed) == 1
    async with world.house.signer.transaction(world.organization_id) as txn:
        rows = await txn.rows(
            SignedStatement, "select id, node_id, kind, envelope, signed_until from statements"
        )
    assert [row.id for row in rows] == [asked.id]
