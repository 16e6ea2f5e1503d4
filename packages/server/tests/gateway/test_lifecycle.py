"""How nodes leave and how doubles are told apart."""

import asyncio
from uuid import UUID

import psycopg
import pytest

from vectorflow.fleet import jobs as fleet_jobs
from vectorflow.fleet import service
from vectorflow.fleet.errors import NodeNotFound, NodeNotInState
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.http.etag import StaleVersionError
from vectorflow.platform.jobs import Jobs, for_each_organization
from vectorflow_wire.statements import StatementKind, WipeArguments

from .conftest import waited_for
from .test_statements import believed


async def node_of(world, agent):
    async with world.scoped() as txn:
        return await world.house.fleet.node(txn, world.environment_id, agent.node_id)


async def leave(world, agent, engines="keep"):
    async with world.scoped() as txn:
        return await world.house.lifecycle.decommission(
            txn, world.environment_id, agent.node_id, engines, if_match=None, actor=SYSTEM
        )


async def test_a_node_has_left_only_when_it_says_so(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    await agent.beat()
    asked = await leave(world, agent, "stop")
    assert (await node_of(world, agent)).status == "leaving"
    with pytest.raises(NodeNotInState):
        await leave(world, agent)
    await world.sign()
    statement = believed(agent, (await agent.beat()).statements[0])
    assert (statement.kind, statement.read(WipeArguments).engines) == (StatementKind.WIPE, "stop")
    assert (await node_of(world, agent)).status == "leaving"
    await agent.send(agent.report("wiped", statement=str(asked.id)))
    assert (await node_of(world, agent)).status == "decommissioned"
    await world.bus_settled()
    assert (await agent.call("GET", "/agent/v1/desired")).status_code == 401
    async with world.scoped() as txn:
        assert await world.house.fleet.nodes(txn, world.environment_id) == []


async def test_a_node_that_was_not_asked_cannot_leave(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    await agent.send(agent.report("wiped", statement="01936f3e-7a10-7c1b-8f00-0123456789ab"))
    assert (await node_of(world, agent)).status == "pending"
    asked = await leave(world, agent)
    async with world.scoped() as txn:
        await world.house.lifecycle.decommission_cancel(txn, world.environment_id, agent.node_id, SYSTEM)
    assert (await node_of(world, agent)).status == "pending"
    await world.sign()
    assert (await agent.beat()).statements == ()
    await agent.send(agent.report("wiped", statement=str(asked.id)))
    assert (await node_of(world, agent)).status in (
        "pending",
        "healthy",
    )  # by whether the beat is written yet


async def test_a_wipe_is_signed_again_once_its_envelope_has_run_out(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    await leave(world, agent)
    await world.sign()
    first = (await agent.beat()).statements[0]
    async with world.house.signer.transaction(world.organization_id) as txn:
        await txn.execute("update statements set signed_until = now() - interval '6 minutes'")
    assert world.organization_id in await world.house.bundles.due_organizations()
    world.house.gateway.statements.clear()
    await world.sign()
    second = (await agent.beat()).statements[0]
    assert second != first
    assert believed(agent, second).id == believed(agent, first).id


async def test_a_machine_takes_the_place_of_the_node_that_it_was(world, make_agent) -> None:
    token = await world.token(labels={"env": "prod"})
    pipeline = await world.pipeline("hello")
    old = make_agent("old-name")
    await old.enroll(token, machine_id="same")
    await world.sign()
    async with world.scoped() as txn:
        revision = await world.house.revisions.make_revision(txn, pipeline, "m", SYSTEM)
        await service.assign(txn, [old.node_id], pipeline, revision=revision.number, desired="run")
    new = make_agent("new-name")
    await new.enroll(await world.token(approval=True), machine_id="same")
    shown = await node_of(world, new)
    assert (shown.duplicate.reason, shown.duplicate.of, shown.status) == (
        "machine-id",
        old.node_id,
        "waiting",
    )
    async with world.scoped() as txn:
        await world.house.lifecycle.merge_duplicate(txn, world.environment_id, new.node_id, SYSTEM)
    await world.sign()
    shown = await node_of(world, new)
    assert (shown.name, shown.labels, shown.duplicate) == ("old-name", {"env": "prod"}, None)
    assert [each.id for each in (await new.poll()).pipelines] == [str(pipeline)]
    await world.bus_settled()
    assert (await old.call("GET", "/agent/v1/desired")).status_code == 401


async def test_labels_are_changed_on_the_version_that_was_seen(world) -> None:
    agent, other = await world.agents(2)
    before = await node_of(world, agent)
    async with world.scoped() as txn:
        await world.house.lifecycle.labels(
            txn, world.environment_id, agent.node_id, {"env": "dev"}, if_match=before.etag, actor=SYSTEM
        )
    with pytest.raises(StaleVersionError):
        async with world.scoped() as txn:
            await world.house.lifecycle.labels(
                txn, world.environment_id, agent.node_id, {}, if_match=before.etag, actor=SYSTEM
            )
    async with world.scoped() as txn:
        changed = await world.house.lifecycle.labels_of_many(
            txn,
            world.environment_id,
            [agent.node_id, other.node_id],
            set_to={"zone": "a"},
            remove=["env"],
            actor=SYSTEM,
        )
    assert changed == 2
    assert [(await node_of(world, each)).labels for each in (agent, other)] == [{"zone": "a"}] * 2


async def while_labels_change(world, agent, decide) -> None:
    """Decide about a node while its labels are changed in a transaction that is not committed yet."""

    async def decided() -> None:
        async with world.scoped() as txn:
            await decide(txn)

    async with world.scoped() as txn:
        await world.house.lifecycle.labels_of_many(
            txn, world.environment_id, [agent.node_id], set_to={"zone": "a"}, remove=[], actor=SYSTEM
        )
        deciding = asyncio.create_task(decided())
        await waited_for(txn)
    await deciding


async def test_a_node_that_changed_meanwhile_is_not_said_to_be_revoked(world) -> None:
    agent = (await world.agents(1))[0]
    house = world.house

    async def revoke(txn, etag) -> None:
        await house.fleet.node_revoke(txn, world.environment_id, agent.node_id, etag, SYSTEM)

    seen = (await node_of(world, agent)).etag
    with pytest.raises(StaleVersionError):
        await while_labels_change(world, agent, lambda txn: revoke(txn, seen))
    again = await node_of(world, agent)
    assert again.status == "pending"
    async with world.scoped() as txn:
        await revoke(txn, again.etag)
    assert (await node_of(world, agent)).status == "revoked"


async def test_labels_that_changed_meanwhile_are_not_changed_back(world) -> None:
    agent = (await world.agents(1))[0]
    seen = (await node_of(world, agent)).etag

    async def label(txn) -> None:
        await world.house.lifecycle.labels(
            txn, world.environment_id, agent.node_id, {"zone": "b"}, if_match=seen, actor=SYSTEM
        )

    with pytest.raises(StaleVersionError):
        await while_labels_change(world, agent, label)
    assert (await node_of(world, agent)).labels == {"zone": "a"}


async def test_a_node_whose_labels_change_is_turned_away_all_the_same(world, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token(approval=True))

    async def reject(txn) -> None:
        await world.house.lifecycle.reject(txn, world.environment_id, agent.node_id, SYSTEM)

    await while_labels_change(world, agent, reject)
    await world.bus_settled()
    assert (await agent.call("GET", "/agent/v1/desired")).status_code == 401


async def test_a_node_whose_labels_change_gives_way_to_its_successor_all_the_same(world, make_agent) -> None:
    token = await world.token()
    old, new = make_agent("old"), make_agent("new")
    for agent in (old, new):
        await agent.enroll(token, machine_id="same")

    async def merge(txn) -> None:
        await world.house.lifecycle.merge_duplicate(txn, world.environment_id, new.node_id, SYSTEM)

    await while_labels_change(world, old, merge)
    assert (await node_of(world, old)).status == "revoked"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("merge", "keep"),
        ("keep", "merge"),
        ("merge", "merge"),
        ("keep", "keep"),
        ("leave", "leave"),
        ("stay", "stay"),
    ],
)
async def test_of_two_who_decide_about_a_node_at_once_the_second_is_told_what_the_first_did(
    world, make_agent, first, second
) -> None:
    token = await world.token()
    old, new = make_agent("old"), make_agent("new")
    for agent in (old, new):
        await agent.enroll(token, machine_id="same")
    lifecycle, environment_id = world.house.lifecycle, world.environment_id
    if "stay" in (first, second):
        await leave(world, new)

    async def decide(txn, decision) -> None:
        match decision:
            case "merge":
                await lifecycle.merge_duplicate(txn, environment_id, new.node_id, SYSTEM)
            case "keep":
                await lifecycle.keep_duplicate(txn, environment_id, new.node_id, SYSTEM)
            case "leave":
                await lifecycle.decommission(
                    txn, environment_id, new.node_id, "keep", if_match=None, actor=SYSTEM
                )
            case "stay":
                await lifecycle.decommission_cancel(txn, environment_id, new.node_id, SYSTEM)

    async def decide_too() -> None:
        async with world.scoped() as txn:
            await decide(txn, second)

    async with world.scoped() as txn:
        await decide(txn, first)
        deciding = asyncio.create_task(decide_too())
        await waited_for(txn)
    with pytest.raises(NodeNotInState):
        await deciding


async def test_another_organisations_node_cannot_be_labelled(world, new_world) -> None:
    stranger = await new_world()
    agent = (await world.agents(1))[0]
    async with stranger.scoped() as txn:
        with pytest.raises(NodeNotFound):
            await world.house.lifecycle.labels_of_many(
                txn, stranger.environment_id, [agent.node_id], set_to={"a": "b"}, remove=[], actor=SYSTEM
            )


async def test_nodes_that_are_silent_for_too_long_are_stale_and_then_told_to_leave(
    world, database_url
) -> None:
    lost, heard = await world.agents(2)
    await lost.beat()
    await heard.beat()
    await world.house.gateway.ingest.flush()
    async with world.scoped() as txn:
        await txn.execute("update nodes set enrolled_at = now() - interval '60 days'")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "update node_presence set last_seen_at = now() - interval '9 days' where node_id = %s",
            [lost.node_id],
        )
    assert [(await node_of(world, each)).status for each in (lost, heard)] == ["stale", "healthy"]
    async with world.scoped() as txn:
        settings = await world.house.groups.settings(txn, world.environment_id)
        await world.house.groups.settings_update(
            txn,
            world.environment_id,
            stale_after_days=30,
            decommission_after_days=None,
            if_match=settings.etag,
            actor=SYSTEM,
        )
    assert (await node_of(world, lost)).status == "unreachable"
    jobs = Jobs()
    fleet_jobs.register(
        jobs, world.house.worker, world.house.lifecycle, world.house.services.rooms.updates, reports_days=400
    )
    await fleet_jobs.expire_all(world.house.worker, world.house.lifecycle)
    assert (await node_of(world, lost)).status == "unreachable"
    async with world.scoped() as txn:
        settings = await world.house.groups.settings(txn, world.environment_id)
        await world.house.groups.settings_update(
            txn,
            world.environment_id,
            stale_after_days=2,
            decommission_after_days=8,
            if_match=settings.etag,
            actor=SYSTEM,
        )
    await fleet_jobs.expire_all(world.house.worker, world.house.lifecycle)
    assert [(await node_of(world, each)).status for each in (lost, heard)] == ["leaving", "healthy"]


async def test_the_trouble_of_one_organisation_keeps_no_other_waiting(world, new_world) -> None:
    other = await new_world()
    seen: list[UUID] = []

    async def work(txn) -> None:
        if txn.organization_id == world.organization_id:
            raise RuntimeError
        seen.append(txn.organization_id)

    await for_each_organization(world.house.worker, work, "test.failed")
    assert other.organization_id in seen
    assert world.organization_id not in seen
