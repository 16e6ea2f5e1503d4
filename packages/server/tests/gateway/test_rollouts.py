"""Rollouts from end to end: the nodes' own signed reports move them, and nothing else does."""

import asyncio
import time

import pytest

from vectorflow.delivery import jobs as delivery_jobs
from vectorflow.delivery.errors import (
    NotDeployed,
    NothingToRollBackTo,
    RolloutNotInState,
    RolloutUnderWay,
)
from vectorflow.delivery.present import rollout_node_of
from vectorflow.delivery.types import NewRollout, RolloutBatch
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.credentials import Role, role_url


@pytest.fixture
def steps(world):
    """What a test does to a rollout."""

    class Steps:
        async def start(self, pipeline_id, **options):
            options = {"watch_seconds": 0.0} | options
            async with world.scoped() as txn:
                made = await world.house.delivery.start_rollout(
                    txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(**options)
                )
            await world.sign()
            return made.id

        async def get(self, rollout_id):
            async with world.scoped() as txn:
                return await world.house.delivery.rollout(txn, world.environment_id, rollout_id)

        async def nodes(self, rollout_id, *states):
            async with world.scoped() as txn:
                found = await world.house.delivery.rollout_nodes(
                    txn, world.environment_id, rollout_id, states=states
                )
            return [rollout_node_of(each) for each in found]

        async def states(self, rollout_id):
            return [node.state for node in await self.nodes(rollout_id)]

        async def steer(self, rollout_id, verb):
            async with world.scoped() as txn:
                return await world.house.delivery.steer(txn, SYSTEM, world.environment_id, rollout_id, verb)

        async def rollback(self, rollout_id):
            async with world.scoped() as txn:
                made = await world.house.delivery.rollback(txn, SYSTEM, world.environment_id, rollout_id)
            await world.sign()
            return made

        async def stop(self, pipeline_id):
            async with world.scoped() as txn:
                await world.house.delivery.stop(txn, SYSTEM, world.environment_id, pipeline_id, "enough")
            await world.sign()

        async def advance(self, rollout_id):
            await world.advance()
            await world.sign()
            return await self.get(rollout_id)

        async def finished(self, pipeline_id, agents, **options):
            rollout_id = await self.start(pipeline_id, **options)
            for agent in agents:
                await agent.apply(pipeline_id)
            rollout = await self.advance(rollout_id)
            assert rollout.state == "done", rollout
            return rollout

    return Steps()


async def test_a_rollout_is_done_when_every_node_has_said_so(world, steps) -> None:
    agents = await world.agents(2)
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id, message="first")
    assert await steps.states(rollout_id) == ["assigned", "assigned"]
    await agents[0].apply(pipeline_id)
    assert (await steps.advance(rollout_id)).state == "running"
    await agents[1].apply(pipeline_id)
    rollout = await steps.advance(rollout_id)
    assert (rollout.state, await steps.states(rollout_id), rollout.batches_done) == (
        "done",
        ["applied", "applied"],
        1,
    )
    assert (await steps.nodes(rollout_id))[0].report.kind == "applied"
    assert (rollout.counts.applied, rollout.batches) == (2, [RolloutBatch(1, rollout.counts)])
    async with world.scoped() as txn:
        listed = await world.house.pipelines.pipelines(txn, world.environment_id)
        audit = await txn.rows_of_ids(
            "select organization_id as id from audit_records where action in ('rollout.started', 'rollout.done')"
        )
    deployed = listed[0].deployed
    assert (deployed.revision, deployed.nodes_assigned, deployed.state) == (1, 2, "run")
    assert len(audit) == 2


async def test_the_job_deferred_with_a_report_advances_the_rollout(
    world, steps, database_url, state_dir
) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id)
    working = asyncio.create_task(world.house.jobs.work(role_url(database_url, Role.WORKER, state_dir)))
    try:
        await agent.apply(pipeline_id)
        deadline = time.monotonic() + 60
        while (await steps.get(rollout_id)).state != "done":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_batches_grow_by_three_and_wait_for_the_one_before(world, steps) -> None:
    agents = {str(agent.node_id): agent for agent in await world.agents(6)}
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id, batch_size=1)
    rollout = await steps.get(rollout_id)
    assert [node.batch for node in await steps.nodes(rollout_id)] == [1, 2, 2, 2, 3, 3]
    shown = [(each.batch, each.counts.assigned, each.counts.waiting) for each in rollout.batches]
    assert shown == [(1, 1, 0), (2, 0, 3), (3, 0, 2)]
    assert await steps.states(rollout_id) == ["assigned"] + ["waiting"] * 5
    for expected in (4, 6):
        for node in await steps.nodes(rollout_id, "assigned"):
            await agents[str(node.id)].apply(pipeline_id)
        rollout = await steps.advance(rollout_id)
        assert 6 - rollout.counts.waiting == expected
    assert rollout.batches_done == 2
    for node in await steps.nodes(rollout_id, "assigned"):
        await agents[str(node.id)].apply(pipeline_id)
    assert (await steps.advance(rollout_id)).state == "done"


async def test_the_first_refusal_halts_and_the_others_keep_what_they_run(world, steps) -> None:
    agents = await world.agents(3)
    pipeline_id = await world.pipeline()
    await steps.finished(pipeline_id, agents)
    await world.change(pipeline_id, "second")
    rollout_id = await steps.start(pipeline_id, batch_size=1)
    await agents[0].poll()
    await agents[0].send(
        agents[0].report(
            "refused",
            pipeline_id,
            reason="config-invalid",
            message="no such option",
            engine_output=("ERROR: no such option",),
        )
    )
    rollout = await steps.advance(rollout_id)
    assert rollout.state == "halted"
    assert await steps.states(rollout_id) == ["refused", "kept", "kept"]
    assert "node-0" in rollout.reason
    assert "no such option" in rollout.reason
    first, *others = await steps.nodes(rollout_id)
    assert first.report.engine_output == ["ERROR: no such option"]
    assert [node.revision for node in (first, *others)] == [2, 1, 1]
    assert (rollout.counts.refused, rollout.counts.kept) == (1, 2)
    async with world.scoped() as txn:
        nodes = await world.house.fleet.nodes(txn, world.environment_id)
    assert nodes[0].reasons == ["refused"]
    # A rollback is offered, and brings the moved node back.
    back = await steps.rollback(rollout_id)
    assert (back.revision, back.state) == (1, "running")
    for agent in agents:
        await agent.apply(pipeline_id)
    assert (await steps.advance(back.id)).state == "done"


async def test_a_report_from_before_the_assignment_does_not_count(world, steps) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    await steps.finished(pipeline_id, [agent])
    old = agent.bundle.generation
    await world.change(pipeline_id, "second")
    second = await steps.start(pipeline_id)
    await agent.poll()
    await agent.send(agent.report("applied", pipeline_id, generation=old))
    await steps.advance(second)
    assert await steps.states(second) == ["assigned"]
    await agent.send(agent.report("applied", pipeline_id, number=1))
    await steps.advance(second)
    assert await steps.states(second) == ["assigned"]
    await agent.send(agent.report("applied", pipeline_id))
    assert (await steps.advance(second)).state == "done"


async def test_the_same_revision_again_waits_for_new_reports(world, steps) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    await steps.finished(pipeline_id, [agent])
    again = await steps.start(pipeline_id, revision=1)
    assert (await steps.advance(again)).state == "running"
    await agent.poll()
    assert agent.bundle.pipelines[0].attempt == 1
    await agent.send(agent.report("applied", pipeline_id))
    assert (await steps.advance(again)).state == "done"


async def test_a_crash_in_the_watch_time_halts(world, steps) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id, watch_seconds=30.0)
    await agent.apply(pipeline_id)
    assert (await steps.advance(rollout_id)).state == "running"
    await agent.send(agent.report("crashed", pipeline_id, reason="killed", message="signal 9"))
    rollout = await steps.advance(rollout_id)
    assert (rollout.state, await steps.states(rollout_id)) == ("halted", ["crashed"])


async def test_a_silent_node_halts_and_is_heard_later(world, steps) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id, timeout_seconds=1.0)
    await asyncio.sleep(1.1)
    rollout = await steps.advance(rollout_id)
    assert (rollout.state, await steps.states(rollout_id)) == ("halted", ["silent"])
    assert "did not report" in rollout.reason
    await agent.apply(pipeline_id)
    house = world.house
    await delivery_jobs.advance_pipelines(house.worker, house.delivery, world.organization_id, [pipeline_id])
    rollout = await steps.get(rollout_id)
    assert (rollout.state, await steps.states(rollout_id)) == ("halted", ["applied"])


async def test_pause_holds_the_next_batch_and_resume_goes_on(world, steps) -> None:
    agents = await world.agents(2)
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id, batch_size=1)
    assert (await steps.steer(rollout_id, "pause")).state == "paused"
    await agents[0].apply(pipeline_id)
    await world.advance()
    assert (await steps.states(rollout_id))[1] == "waiting"
    await steps.steer(rollout_id, "resume")
    assert await steps.states(rollout_id) == ["applied", "assigned"]
    assert (await steps.steer(rollout_id, "cancel")).state == "cancelled"
    for verb in ("pause", "resume", "cancel"):
        with pytest.raises(RolloutNotInState):
            await steps.steer(rollout_id, verb)


async def test_one_rollout_of_a_pipeline_at_a_time(world, steps) -> None:
    await world.agents(1)
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id)
    with pytest.raises(RolloutUnderWay):
        await steps.start(pipeline_id)
    with pytest.raises(NothingToRollBackTo):
        await steps.rollback(rollout_id)


async def test_a_node_that_enrols_later_runs_what_its_sisters_run(world, steps) -> None:
    first = await world.agents(1)
    pipeline_id = await world.pipeline()
    await steps.finished(pipeline_id, first)
    late = (await world.agents(1))[0]
    bundle = await late.poll()
    assert [(each.id, each.number, each.state) for each in bundle.pipelines] == [(str(pipeline_id), 1, "run")]


async def test_a_node_that_enrols_while_a_rollout_runs_is_gathered_at_its_end(world, steps) -> None:
    first = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id)
    late = (await world.agents(1))[0]
    await first.apply(pipeline_id)
    rollout = await steps.advance(rollout_id)
    assert (rollout.state, await steps.states(rollout_id)) == ("running", ["applied", "assigned"])
    await late.apply(pipeline_id)
    assert (await steps.advance(rollout_id)).state == "done"


async def test_an_environment_without_nodes_is_deployed_for_those_to_come(world, steps) -> None:
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id)
    assert (await steps.get(rollout_id)).state == "done"
    agent = (await world.agents(1))[0]
    assert (await agent.poll()).pipelines[0].number == 1


async def test_a_revoked_node_holds_nothing_up(world, steps) -> None:
    first, second = await world.agents(2)
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id)
    await first.apply(pipeline_id)
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, second.node_id)
        await world.house.fleet.node_revoke(txn, world.environment_id, second.node_id, node.etag, SYSTEM)
    rollout = await steps.advance(rollout_id)
    assert (rollout.state, await steps.states(rollout_id)) == ("done", ["applied", "kept"])


async def test_stop_stops_everywhere_and_later_nodes_do_not_begin(world, steps) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    with pytest.raises(NotDeployed):
        await steps.stop(pipeline_id)
    await steps.finished(pipeline_id, [agent])
    await steps.stop(pipeline_id)
    await agent.poll()
    stopped = agent.bundle.pipelines[0]
    assert (stopped.state, stopped.reason) == ("stop", "enough")
    late = (await world.agents(1))[0]
    assert (await late.poll()).pipelines == ()
    async with world.scoped() as txn:
        assert (await world.house.pipelines.pipelines(txn, world.environment_id))[0].deployed is None


async def test_a_missing_secret_is_held_and_halts(world, steps) -> None:
    agent = (await world.agents(1))[0]
    async with world.scoped() as txn:
        secret = await world.house.vault.create(txn, SYSTEM, world.environment_id, "token", "x")
    pipeline_id = await world.pipeline(secret="token")
    rollout_id = await steps.start(pipeline_id)
    async with world.house.app.transaction(world.organization_id) as txn:
        await txn.execute(
            "delete from vault_uses where organization_id = %(organization_id)s and name = 'token'"
        )
        await world.house.vault.delete(txn, SYSTEM, world.environment_id, secret)
    async with world.scoped() as txn:
        await txn.execute("update nodes set wanted = wanted + 1 where organization_id = %(organization_id)s")
    await world.sign()
    await agent.poll()
    held = agent.bundle.pipelines[0]
    assert held.state == "hold"
    assert "token" in held.reason
    await agent.send(agent.report("held", pipeline_id, message=held.reason))
    assert (await steps.advance(rollout_id)).state == "halted"


async def test_a_dry_run_says_what_would_happen_and_does_nothing(world, steps) -> None:
    agents = await world.agents(2)
    pipeline_id = await world.pipeline()
    await steps.finished(pipeline_id, agents)
    await world.change(pipeline_id, "second")
    async with world.scoped() as txn:
        dry = await world.house.delivery.dry_run(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())
        rollouts = await world.house.delivery.rollouts(txn, world.environment_id)
    assert [node.current_revision for node in dry.nodes] == [1, 1]
    assert "second" in dry.text
    assert dry.changes
    assert len(rollouts) == 1


async def test_a_dry_run_after_a_first_rollout_was_halted_compares_with_what_nodes_were_told(
    world, steps
) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    rollout_id = await steps.start(pipeline_id)
    await world.sign()
    await agent.poll()
    await agent.send(agent.report("refused", pipeline_id, message="no"))
    assert (await steps.advance(rollout_id)).state == "halted"
    async with world.scoped() as txn:
        same = await world.house.delivery.dry_run(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout()
        )
    assert (same.before, same.text, same.changes) == (1, "", [])
    await world.change(pipeline_id, "second")
    async with world.scoped() as txn:
        other = await world.house.delivery.dry_run(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout()
        )
    assert other.before == 1
    assert "second" in other.text


async def test_a_dry_run_of_a_first_revision_speaks_of_no_hand_over(world, steps) -> None:
    agents = await world.agents(1)
    pipeline_id = await world.pipeline()
    first = NewRollout(revision=1)
    async with world.scoped() as txn:
        await world.house.revisions.make_revision(txn, pipeline_id, "", SYSTEM)
        dry = await world.house.delivery.dry_run(txn, SYSTEM, world.environment_id, pipeline_id, first)
    assert dry.handover is None
    await steps.finished(pipeline_id, agents)
    async with world.scoped() as txn:
        dry = await world.house.delivery.dry_run(txn, SYSTEM, world.environment_id, pipeline_id, first)
    assert dry.handover == "beside"
