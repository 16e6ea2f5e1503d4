"""Reports: verified, stored once, acknowledged after commit."""

import base64
import time

import msgspec
import psycopg
import pytest
from nacl.signing import SigningKey

from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.jobs import expire_reports
from vectorflow.kernel.actor import SYSTEM
from vectorflow_wire import envelope, keys, messages

DAY = 24 * 60 * 60


async def stored(world, agent):
    async with world.scoped() as txn:
        return (await world.house.fleet.node(txn, world.environment_id, agent.node_id)).reports


async def test_a_report_is_stored_once_however_often_it_comes(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    report = agent.report("refused", reason="policy", message="no")
    for _ in range(3):
        assert (await agent.send(report)).accepted == (1,)
    assert (await agent.send(report, agent.report("restarted"))).accepted == (1, 2)
    assert [each.sequence for each in await stored(world, agent)] == [2, 1]


async def test_two_machines_that_number_alike_are_seen_as_two(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    report = agent.report("refused", reason="policy", message="no")
    for _ in range(2):
        assert (await agent.send(report)).accepted == (1,)
    async with world.scoped() as txn:
        assert (await world.house.fleet.node(txn, world.environment_id, agent.node_id)).duplicate is None
    agent.sequence -= 1  # the copy's own first report
    assert (
        await agent.send(agent.report("refused", reason="policy", message="no", run="copy"))
    ).accepted == (1,)
    # Neither is lost, and what is sent again is still stored once.
    for _ in range(2):
        assert (await agent.send(report)).accepted == (1,)
    assert [(each.sequence, each.kind) for each in await stored(world, agent)] == [(1, "refused")] * 2
    async with world.scoped() as txn:
        shown = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert (shown.duplicate.reason, shown.reasons.count("clone")) == ("clone", 1)


async def test_two_machines_that_number_alike_in_one_commit_are_seen_as_two(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    first = agent.report("refused", reason="policy", message="no")
    agent.sequence -= 1
    both = await agent.send(first, agent.report("restarted", run="copy"))
    assert both.accepted == (1, 1)
    assert {each.kind for each in await stored(world, agent)} == {"refused", "restarted"}
    async with world.scoped() as txn:
        shown = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert shown.duplicate.reason == "clone"


async def test_of_agents_that_do_not_say_who_they_are_two_machines_are_still_seen(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    assert (await agent.send(agent.report("refused"))).accepted == (1,)
    agent.sequence -= 1
    assert (await agent.send(agent.report("restarted"))).accepted == (1,)
    async with world.scoped() as txn:
        shown = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert shown.duplicate.reason == "clone"


async def test_a_report_signed_by_another_key_or_for_another_node_is_refused_for_good(world) -> None:
    first, second = await world.agents(2)
    await first.poll()
    honest = first.identity
    first.identity = SigningKey.generate()
    forged = first.report("applied")
    first.identity = honest
    answer = await first.send(forged, first.report("stopped"))
    assert answer.refused == {1: "unknown-key"}
    assert answer.accepted == (2,)
    second.identity, second.told = first.identity, second.told
    alien = second.report("applied")
    assert (await second.send(alien)).refused
    foreign = first.report("applied")
    payload = msgspec.json.decode(base64.b64decode(foreign.payload))
    payload["node"] = second.told.node_id
    signer = envelope.MemorySigner(honest, keys.key_id(bytes(honest.verify_key)))
    moved = envelope.sign(envelope.REPORT, payload, signer)
    assert (await first.send(moved)).refused == {3: "report-node"}


async def test_hostile_and_boundless_reports_are_cut_and_cleaned(world) -> None:
    agent = (await world.agents(1))[0]
    report = agent.report(
        "refused",
        "not-an-id",
        message="\x00\x1b[31m" + "x" * 100_000,
        engine_output=tuple("\x07line\x00" for _ in range(1000)),
        number=2**53 - 1,
        generation=-5,
        revision="r" * 1000,
        at=2**53 - 1,
    )
    assert (await agent.send(report)).accepted == (1,)
    shown = (await stored(world, agent))[0]
    assert len(shown.message) <= 4000
    assert len(shown.engine_output) == 100
    assert "\x1b" not in shown.message
    assert "\x07" not in shown.engine_output[0]
    assert shown.pipeline_id is None


async def test_what_is_not_a_report_gets_400(world) -> None:
    agent = (await world.agents(1))[0]
    for body in (b"", b"{}", b'{"reports": [{"payload": "!!", "payloadType": "x", "signatures": []}]}'):
        answer = await agent.call("POST", "/agent/v1/reports", content=body)
        assert answer.status_code == 400, body


async def test_many_nodes_share_commits(world) -> None:
    agents = await world.agents(5)
    for agent in agents:
        await agent.poll()
    for agent in agents:
        assert (await agent.send(agent.report("restarted"))).accepted == (1,)


def test_the_answer_names_every_sequence() -> None:
    assert messages.ReportsAnswer(accepted=(1,)).refused == {}


async def test_a_node_that_floods_reports_is_slowed_down_alone(world) -> None:
    loud, other = await world.agents(2)
    intake = world.house.gateway.intake
    refused = intake.refused
    payload = base64.b64encode(b"x" * 3_000_000).decode()
    junk = messages.ReportsRequest(
        reports=(envelope.Envelope(payload=payload, payload_type=envelope.REPORT, signatures=()),)
    )
    for _ in range(40):
        answer = await loud.call("POST", messages.REPORTS_PATH, content=msgspec.json.encode(junk))
        if answer.status_code != 400:
            break
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert intake.refused == refused + 1
    await other.poll()
    assert (await other.send(other.report("stopped"))).accepted == (1,)
    await loud.poll()
    # What is small passes before what is large.
    assert (await loud.send(loud.report("stopped"))).accepted == (1,)


def aged(database_url, agent, days: int, sequences=None) -> None:
    """Let reports of a node be as old; nobody but a superuser can, and only past the triggers."""
    with psycopg.connect(database_url) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute(
            """update reports set at = at - make_interval(days => %(days)s),
                received_at = received_at - make_interval(days => %(days)s)
            where node_id = %(node)s and (%(some)s::bigint[] is null or sequence = any(%(some)s))""",
            {"days": days, "node": agent.node_id, "some": sequences},
        )


async def sequences_of(world, agent) -> list[int]:
    return sorted(each.sequence for each in await stored(world, agent))


@pytest.mark.parametrize("batch", [1, 2, 5000])
async def test_old_reports_end_and_young_ones_stay(world, new_world, database_url, batch) -> None:
    (agent,), other = await world.agents(1), await new_world()
    (stranger,) = await other.agents(1)
    for each in (agent, stranger):
        for _ in range(6):
            await each.send(each.report("restarted"))
    aged(database_url, agent, 401, [1, 2, 3, 4])
    aged(database_url, agent, 399, [5])
    aged(database_url, stranger, 399)
    assert await expire_reports(world.house.worker, days=400, batch=batch) == 4
    assert await sequences_of(world, agent) == [5, 6]
    assert await sequences_of(other, stranger) == [1, 2, 3, 4, 5, 6]
    assert await expire_reports(world.house.worker, days=400, batch=batch) == 0
    assert (
        await expire_reports(world.house.worker, days=1, batch=batch) == 6
    )  # never what is younger than 30 days
    assert await sequences_of(world, agent) == [6]


async def test_a_report_that_was_removed_is_known_when_it_comes_again(world, database_url) -> None:
    (agent,) = await world.agents(1)
    at = int(time.time() * 1000)
    old = [agent.report("restarted", at=at - (401 * DAY - number) * 1000, run="a") for number in range(3)]
    assert (await agent.send(*old)).accepted == (1, 2, 3)
    with psycopg.connect(database_url) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute("update reports set received_at = at where node_id = %s", [agent.node_id])
    assert await expire_reports(world.house.worker, days=400) == 2
    assert (await agent.send(*old)).accepted == (1, 2, 3)
    assert await sequences_of(world, agent) == [3]
    # A copy of the machine counts from the beginning; what it says is news.
    agent.sequence = 0
    assert (await agent.send(agent.report("refused", run="copy"))).accepted == (1,)
    assert await sequences_of(world, agent) == [1, 3]


async def test_what_decided_a_rollout_and_a_nodes_last_word_stay(world, database_url) -> None:
    (agent,), pipeline_id = await world.agents(1), await world.pipeline()
    delivery = world.house.delivery
    rollouts = []
    for message in ("first", "second"):
        await world.change(pipeline_id, message)
        async with world.scoped() as txn:
            new = NewRollout(watch_seconds=0.0)
            made = await delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, new)
        rollouts.append(made.id)
        await world.sign()
        await agent.apply(pipeline_id)
        await world.advance()
        await agent.send(agent.report("restarted", pipeline_id))
    await agent.send(
        agent.report("refused", pipeline_id, reason="policy", message="no"), agent.report("started")
    )
    aged(database_url, agent, 500)
    assert await expire_reports(world.house.worker, days=400) == 2
    assert await sequences_of(world, agent) == [1, 3, 5, 6]
    async with world.scoped() as txn:
        for rollout_id in rollouts:
            shown = await delivery.rollout_nodes(txn, world.environment_id, rollout_id)
            assert [(node.state, node.report_kind) for node in shown] == [("applied", "applied")]
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert "refused" in node.reasons


async def test_nobody_removes_or_changes_a_report_by_hand(world, database_url) -> None:
    (agent,) = await world.agents(1)
    await agent.send(agent.report("restarted"))
    aged(database_url, agent, 500)
    house = world.house
    for database in (house.app, house.worker, house.signer):
        for statement in ("delete from reports", "update reports set message = ''"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with database.transaction(world.organization_id) as txn:
                    await txn.execute(statement + " where organization_id = %(organization_id)s")
    with psycopg.connect(database_url) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege):
        owner.execute("delete from reports")  # whoever it is: the trigger
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with house.app.transaction(world.organization_id) as txn:
            await txn.value("select removed from vf.reports_expire(30, '2000-01-01', 10)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with house.worker.unscoped() as txn:
            await txn.value("select removed from vf.reports_expire(30, '2000-01-01', 10)")
