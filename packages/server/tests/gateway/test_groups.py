"""Groups, whom pipelines are for, drift that a person confirms, and maintenance."""

import datetime as dt

import msgspec
import pytest

from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.errors import (
    DriftChanged,
    MaintenanceInvalid,
    NodeGroupInUse,
    NodeGroupNameTaken,
    NodeInMaintenance,
    SelectorInvalid,
)
from vectorflow.fleet.group_types import GroupValues, Window
from vectorflow.fleet.selectors import parse_selector
from vectorflow.fleet.store.nodes import NodeFilter
from vectorflow.kernel.actor import SYSTEM
from vectorflow_wire.messages import AgentHealth


async def nodes(world, make_agent, **labels):
    made = {}
    for name, own in labels.items():
        made[name] = make_agent(name)
        await made[name].enroll(await world.token(labels=own))
    await world.sign()
    return made


async def label(world, agent, **labels):
    async with world.scoped() as txn:
        await world.house.lifecycle.labels_of_many(
            txn, world.environment_id, [agent.node_id], set_to=labels, remove=[], actor=SYSTEM
        )


async def group(world, name, selector, **more):
    async with world.scoped() as txn:
        return await world.house.groups.create(
            txn, world.environment_id, GroupValues(name=name, selector=selector, **more), SYSTEM
        )


async def roll(world, pipeline, agents, **new):
    async with world.scoped() as txn:
        made = await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline, NewRollout(watch_seconds=0, **new)
        )
    await world.sign()
    for agent in agents:
        await agent.apply(pipeline)
    await world.advance()
    return made


async def rolled(world, rollout_id):
    """The nodes of a rollout with their states."""
    async with world.scoped() as txn:
        found = await world.house.delivery.rollout_nodes(txn, world.environment_id, rollout_id)
    return {each.name: each.state for each in found}


async def drift(world):
    async with world.scoped() as txn:
        found = await world.house.groups.drift(txn, world.environment_id)
    return {each.node_name: each.kind for each in found}


async def confirm(world, pipeline, *agents):
    async with world.scoped() as txn:
        return await world.house.groups.drift_confirm(
            txn, world.environment_id, pipeline, [each.node_id for each in agents], SYSTEM
        )


async def listed(world, **wanted):
    async with world.scoped() as txn:
        found = await world.house.fleet.nodes(txn, world.environment_id, NodeFilter(**wanted))
    return [each.name for each in found]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", ["a", "b", "c"]),
        ("env=prod", ["a", "b"]),
        ("env!=prod", ["c"]),
        ("region in (eu, us)", ["a", "b"]),
        ("region not in (eu)", ["b", "c"]),
        ("canary", ["b"]),
        ("!canary, env=prod", ["a"]),
        ("env=nowhere", []),
    ],
)
async def test_sql_finds_whom_the_selector_says(world, make_agent, selector, expected) -> None:
    await nodes(
        world,
        make_agent,
        a={"env": "prod", "region": "eu"},
        b={"env": "prod", "region": "us", "canary": "1"},
        c={},
    )
    assert await listed(world, requirements=parse_selector(selector)) == expected
    assert (await group(world, "g", selector)).nodes == len(expected)


async def test_what_a_node_says_of_itself_does_not_select_it(world, make_agent) -> None:
    agent = make_agent("liar")
    await agent.enroll(await world.token(), facts={"env": "prod"})
    assert await listed(world, requirements=parse_selector("env=prod")) == []


async def test_a_pipeline_for_a_group_goes_to_its_nodes_and_to_those_who_come_later(
    world, make_agent
) -> None:
    made = await nodes(world, make_agent, a={"env": "prod"}, b={"env": "dev"})
    prod = await group(world, "prod", "env=prod")
    pipeline = await world.pipeline()
    rollout = await roll(world, pipeline, [made["a"]], group_id=prod.id)
    assert list(await rolled(world, rollout.id)) == ["a"]
    assert (await made["b"].poll()).pipelines == ()
    late = await nodes(world, make_agent, c={"env": "prod"}, d={"env": "dev"})
    assert [len((await each.poll()).pipelines) for each in late.values()] == [1, 0]
    assert await drift(world) == {}
    async with world.scoped() as txn:
        current = await world.house.groups.group(txn, world.environment_id, prod.id)
        with pytest.raises(NodeGroupInUse):
            await world.house.groups.delete(txn, world.environment_id, prod.id, current.etag, SYSTEM)


async def test_a_label_that_is_lost_stops_nothing_until_somebody_confirms(world, make_agent) -> None:
    made = await nodes(world, make_agent, a={"env": "prod"}, b={"env": "prod"}, c={"env": "dev"})
    pipeline = await world.pipeline()
    await roll(world, pipeline, [made["a"], made["b"]], selector="env=prod")
    await label(world, made["a"], env="dev")
    await label(world, made["c"], env="prod")
    await world.sign()
    assert [each.state for each in (await made["a"].poll() or made["a"].bundle).pipelines] == ["run"]
    assert (await made["c"].poll() or made["c"].bundle).pipelines == ()
    assert await drift(world) == {"a": "extra", "c": "missing"}
    with pytest.raises(DriftChanged):
        await confirm(world, pipeline, made["a"], made["b"])
    assert await confirm(world, pipeline, made["a"], made["c"]) == 2
    await world.sign()
    assert [each.state for each in (await made["a"].poll()).pipelines] == ["stop"]
    assert [each.state for each in (await made["c"].poll()).pipelines] == ["run"]
    assert await drift(world) == {}


async def test_a_groups_other_selector_is_drift_too(world, make_agent) -> None:
    made = await nodes(world, make_agent, a={"env": "prod"}, b={"env": "dev"})
    prod = await group(world, "prod", "env=prod")
    pipeline = await world.pipeline()
    await roll(world, pipeline, [made["a"]], group_id=prod.id)
    async with world.scoped() as txn:
        current = await world.house.groups.group(txn, world.environment_id, prod.id)
        await world.house.groups.update(
            txn,
            world.environment_id,
            prod.id,
            GroupValues(name="prod", selector="env in (dev)"),
            if_match=current.etag,
            actor=SYSTEM,
        )
    assert await drift(world) == {"a": "extra", "b": "missing"}


async def test_a_rollout_to_fewer_nodes_leaves_the_others_as_drift(world, make_agent) -> None:
    made = await nodes(world, make_agent, a={"env": "prod"}, b={"env": "dev"})
    pipeline = await world.pipeline()
    await roll(world, pipeline, list(made.values()))
    await world.change(pipeline, "other")
    await roll(world, pipeline, [made["a"]], selector="env=prod")
    assert await drift(world) == {"b": "extra"}
    await world.change(pipeline, "third")
    again = await roll(world, pipeline, [made["a"]])  # for whom it was before, unless said otherwise
    assert (list(await rolled(world, again.id)), again.selector) == (["a"], "env=prod")
    assert [each.state for each in (await made["b"].poll() or made["b"].bundle).pipelines] == ["run"]


async def test_nothing_starts_on_a_node_under_maintenance_and_the_rollout_waits_for_it(
    world, make_agent
) -> None:
    made = await nodes(world, make_agent, a={}, b={})
    async with world.scoped() as txn:
        await world.house.groups.node_maintenance(
            txn, world.environment_id, made["a"].node_id, on=True, until=None, note="disk", actor=SYSTEM
        )
    assert await listed(world, maintenance=True) == ["a"]
    pipeline = await world.pipeline()
    async with world.scoped() as txn:
        dry = await world.house.delivery.dry_run(txn, SYSTEM, world.environment_id, pipeline, NewRollout())
    assert {each.name: each.in_maintenance for each in dry.nodes} == {"a": True, "b": False}
    rollout = await roll(world, pipeline, [made["b"]], batch_size=1)
    await world.sign()
    assert (await made["a"].poll()).pipelines == ()
    async with world.scoped() as txn:
        now = await world.house.delivery.rollout(txn, world.environment_id, rollout.id)
        assert (now.state, now.counts.waiting, now.counts.applied) == ("running", 1, 1)
        await world.house.groups.node_maintenance(
            txn, world.environment_id, made["a"].node_id, on=False, until=None, note="", actor=SYSTEM
        )
    await world.advance()
    await world.sign()
    await made["a"].apply(pipeline)
    await world.advance()
    async with world.scoped() as txn:
        assert (await world.house.delivery.rollout(txn, world.environment_id, rollout.id)).state == "done"


async def test_a_window_of_a_group_is_maintenance_of_its_nodes(world, make_agent) -> None:
    made = await nodes(world, make_agent, a={"env": "prod"}, b={})
    always = Window(days=["mon"], start="00:00", minutes=7 * 24 * 60)
    made_group = await group(world, "prod", "env=prod", windows=(always,))
    assert made_group.in_maintenance
    assert await listed(world, maintenance=True) == ["a"]
    pipeline = await world.pipeline()
    await roll(world, pipeline, [made["b"]], selector="!env")
    await label(world, made["b"], env="prod")
    with pytest.raises(NodeInMaintenance):
        await confirm(world, pipeline, made["b"])


async def test_a_group_that_cannot_be_is_refused(world) -> None:
    await group(world, "one", "env=prod")
    with pytest.raises(NodeGroupNameTaken):
        await group(world, "one", "env=dev")
    with pytest.raises(SelectorInvalid):
        await group(world, "two", "env=")
    with pytest.raises(MaintenanceInvalid):
        await group(world, "two", "env", timezone="Mars/Base")
    async with world.scoped() as txn:
        groups = await world.house.groups.groups(txn, world.environment_id)
        with pytest.raises(MaintenanceInvalid):
            await world.house.groups.group_maintenance(
                txn,
                world.environment_id,
                groups[0].id,
                on=True,
                until=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
                note="",
                actor=SYSTEM,
            )


async def test_the_list_is_filtered_by_the_server(world, make_agent) -> None:
    made = await nodes(world, make_agent, a={"env": "prod"}, b={})
    await made["a"].beat(agent=AgentHealth(version="9.9", stale=True))
    await world.house.gateway.ingest.flush()
    assert await listed(world, status="degraded") == ["a"]
    assert await listed(world, reason="stale") == ["a"]
    assert await listed(world, reason="clone") == []
    assert await listed(world, version="9.9") == ["a"]
    assert await listed(world, text="B") == ["b"]
    assert await listed(world, duplicates=True) == []
    async with world.scoped() as txn:
        summary = await world.house.fleet.summary(txn, world.environment_id, NodeFilter())
    assert summary.nodes == 2
    assert {each.value: each.nodes for each in summary.statuses} == {"degraded": 1, "pending": 1}
    assert {each.value: each.nodes for each in summary.versions} == {"0.1.0": 1, "9.9": 1}


async def test_a_first_deployment_goes_where_the_document_says(world) -> None:
    chosen, other = await world.agents(2)
    pipeline = await world.pipeline()
    async with world.scoped() as txn:
        row = await world.house.pipelines.for_change(txn, world.environment_id, pipeline)
        draft = await world.house.pipelines.draft(txn, world.environment_id, pipeline)
        meant = msgspec.structs.replace(draft.document, selector="tier=front")
        await world.house.pipelines.update(txn, SYSTEM, row, name=row.name, description="", document=meant)
        await txn.execute(
            """update nodes set labels = '{"tier": "front"}'
            where organization_id = %(organization_id)s and id = %(id)s""",
            {"id": chosen.node_id},
        )
        dry = await world.house.delivery.dry_run(txn, SYSTEM, world.environment_id, pipeline, NewRollout())
        everywhere = await world.house.delivery.dry_run(
            txn, SYSTEM, world.environment_id, pipeline, NewRollout(selector="")
        )
    assert [each.id for each in dry.nodes] == [chosen.node_id]
    assert {each.id for each in everywhere.nodes} == {chosen.node_id, other.node_id}
