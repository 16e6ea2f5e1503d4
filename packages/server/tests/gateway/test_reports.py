"""Reports: verified, stored once, acknowledged after commit."""

import base64

import msgspec
from nacl.signing import SigningKey

from vectorflow_wire import envelope, keys, messages


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
