"""Every statement names the organisation itself: with row-level security out of the way nothing crosses either."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from vectorflow.audit.service import AuditAppender
from vectorflow.delivery import store as delivery_store
from vectorflow.delivery.controller import NodeChange
from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.group_types import GroupValues
from vectorflow.fleet.statement_types import SignedStatement, StatementAnswer
from vectorflow.fleet.store import assignments, bundles, groups, lifecycle, nodes, reports, statements, tokens
from vectorflow.fleet.store.nodes import NodeFilter
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.database import Database
from vectorflow.telemetry import store as telemetry_store


@pytest.fixture
async def unfenced(database_url, signer):
    """The superuser, whom no policy stops."""
    database = Database(database_url, signer, size=2, audit_sink=AuditAppender())
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def target(world):
    """What the other organisation would like to reach: a node with everything."""
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        rollout = await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout()
        )
    await world.sign()
    await agent.poll()
    await agent.send(agent.report("refused", pipeline_id))
    async with world.scoped() as txn:
        await world.house.groups.create(
            txn, world.environment_id, GroupValues(name="all", selector=""), SYSTEM
        )
        await world.house.groups.node_maintenance(
            txn, world.environment_id, agent.node_id, on=True, until=None, note="n", actor=SYSTEM
        )
        await world.house.lifecycle.decommission(
            txn, world.environment_id, agent.node_id, "keep", if_match=None, actor=SYSTEM
        )
    await world.house.statement_signer.sign(world.organization_id)
    return agent, pipeline_id, rollout.id


async def test_nothing_is_read(unfenced, world, new_world, target) -> None:
    agent, pipeline_id, rollout_id = target
    environment, node = world.environment_id, agent.node_id
    page = {"after": None, "limit": 9}

    async def found(txn) -> list[bool]:
        reads = [
            nodes.node_list(txn, environment, NodeFilter(), **page),
            nodes.node_counts(txn, environment, NodeFilter()),
            nodes.node_lock(txn, node),
            groups.group_list(txn, environment),
            groups.group_ids_of_node(txn, environment, node),
            groups.group_count(txn, environment),
            lifecycle.node_ids_known(txn, environment, [node]),
            lifecycle.node_resting(txn, environment, []),
            statements.statement_list(txn, node, **page),
            statements.statement_open_count(txn, node),
            statements.statement_to_tell(txn, [node]),
            nodes.node_get(txn, environment, node),
            nodes.node_of_machine(txn, environment, "m-node-0"),
            tokens.enrolment_token_list(txn, environment, text=None, **page),
            assignments.assignment_list(txn, node),
            assignments.deployed_list(txn, [pipeline_id]),
            bundles.wanted_list(txn, [node]),
            bundles.revision_documents(txn, [(pipeline_id, 1)]),
            bundles.bundle_list(txn, [node]),
            bundles.file_content(txn, node, agent.bundle.pipelines[0].revision),
            reports.report_list(txn, node, 9),
            reports.report_newest_of(txn, pipeline_id, [node]),
            delivery_store.rollout_get(txn, environment, rollout_id),
            delivery_store.rollout_lock(txn, rollout_id),
            delivery_store.rollout_active(txn, environment, pipeline_id),
            delivery_store.rollout_list(txn, environment, pipeline_id=None, **page),
            delivery_store.rollout_node_list(txn, rollout_id),
            delivery_store.rollout_node_page(txn, rollout_id, ["assigned"], batch=None, **page),
            delivery_store.rollout_newest_of(txn, [pipeline_id]),
            delivery_store.topic_environment(txn, "pipeline", pipeline_id),
            delivery_store.topic_environment(txn, "nodes", environment),
        ]
        return [bool(await read) for read in reads]

    async with unfenced.transaction(world.organization_id) as txn:  # the positive control
        assert all(await found(txn))
    async with unfenced.transaction((await new_world()).organization_id) as txn:
        assert not any(await found(txn))
        assert await telemetry_store.run_list(txn, pipeline_id) == []
        assert await bundles.due_list(txn, 9) == []
        assert await assignments.target_list(txn, environment, pipeline_id) == []
        assert await groups.drift_list(txn, environment) == []
        assert await statements.statement_due_list(txn, 9) == []
        assert await lifecycle.node_overdue(txn, 9) == []


async def test_nothing_is_changed(unfenced, world, new_world, target) -> None:
    agent, pipeline_id, rollout_id = target
    environment, node = world.environment_id, agent.node_id

    async def everything():
        async with unfenced.transaction(world.organization_id) as txn:
            rows = []
            for table in (
                "nodes",
                "node_tokens",
                "enrolment_tokens",
                "assignments",
                "rollouts",
                "rollout_nodes",
                "node_groups",
                "statements",
            ):
                sql = f"select json_agg(t order by t::text) from {table} t where organization_id = %(organization_id)s"
                rows.append(await txn.value(sql))
            return rows

    async with world.scoped() as txn:
        token = (await tokens.enrolment_token_list(txn, environment, after=None, limit=1, text=None))[0]
        group = (await groups.group_list(txn, environment))[0]
        told = (await statements.statement_list(txn, node, after=None, limit=1))[0]
    before = await everything()
    now = datetime.now(UTC)
    answer = StatementAnswer(id=told.id, node_id=node, done=True, wiped=True, reason="", message="")
    forged = SignedStatement(id=told.id, node_id=node, kind="wipe", envelope=b"x", signed_until=now)
    async with unfenced.transaction((await new_world()).organization_id) as txn:
        await nodes.node_revoke(txn, node)
        await nodes.node_want(txn, [node])
        assert not await tokens.enrolment_token_revoke(txn, environment, token.id)
        assert await tokens.enrolment_token_use(txn, token.id) is None
        await tokens.node_token_revoke_all(txn, node)
        made = await assignments.assignment_put(txn, [node], pipeline_id, revision=1, desired="stop")
        assert made == {}
        await nodes.node_sealing_key(txn, node, b"k" * 32)
        await nodes.node_rotation_claimed(txn, node, 1)
        assert await nodes.node_suspect_clone(txn, node) is None
        await tokens.node_token_supersede(txn, node, b"k" * 32, timedelta(0))
        await lifecycle.node_admission(txn, node, "rejected")
        await lifecycle.node_duplicate_kept(txn, node)
        await lifecycle.node_take_over(txn, node, node)
        await lifecycle.node_labels(txn, [node], set_to={"a": "b"}, remove=[])
        await lifecycle.node_maintenance(txn, node, since=None, until=None, note="")
        await lifecycle.node_leaving(txn, node, leaving=False)
        assert await lifecycle.node_left(txn, [told.id]) == []
        await groups.group_maintenance(txn, group.id, since=now, until=None, note="mine")
        await groups.group_delete(txn, group.id)
        assert await statements.statement_answer(txn, [answer]) == []
        assert await statements.statement_signed(txn, [forged]) == []
        assert await statements.statement_cancel(txn, node, "wipe") == []
        await delivery_store.rollout_update(txn, rollout_id, "cancelled", "mine")
        await delivery_store.rollout_node_assigned(txn, rollout_id, {node: 1}, datetime.now(UTC))
        await delivery_store.rollout_node_update(txn, rollout_id, [NodeChange(node, "kept")])
    assert await everything() == before


async def test_a_bundle_of_another_organisation_is_not_replaced(unfenced, world, new_world, target) -> None:
    agent, _, _ = target
    now = datetime.now(UTC)
    forged = bundles.StoredBundle(
        node_id=agent.node_id,
        generation=2**60,
        issue=1,
        envelope=b"x",
        hashes=[],
    )
    validity = bundles.Validity(issued_at=now, half_life_at=now, expires_at=now + timedelta(days=1))
    stranger = await new_world()
    with pytest.raises(Exception, match="foreign key"):
        async with unfenced.transaction(stranger.organization_id) as txn:
            await bundles.bundle_put(txn, [forged], validity)
    async with unfenced.transaction(world.organization_id) as txn:
        assert (await bundles.bundle_list(txn, [agent.node_id]))[0].generation == agent.bundle.generation
    assert uuid.UUID(agent.told.organization) == world.organization_id
