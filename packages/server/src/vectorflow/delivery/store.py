"""The SQL of rollouts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.delivery.controller import NodeChange
from vectorflow.delivery.types import (
    RolloutNodeRow,
    RolloutNodeShown,
    RolloutNodeState,
    RolloutRow,
    RolloutState,
)
from vectorflow.fleet.types import NodeTarget
from vectorflow.platform.database import Transaction

_ROLLOUT: Final[LiteralString] = """
    select r.id, r.environment_id, r.pipeline_id, p.name as pipeline_name, r.revision, r.previous_revision, r.message,
        r.state, r.reason, r.batch_size, r.timeout_seconds, r.watch_seconds, r.created_at, r.created_by, r.finished_at,
        r.selector, r.requirements, r.group_id, r.counts
    from rollouts r
    join pipelines p on p.organization_id = r.organization_id and p.id = r.pipeline_id
    where r.organization_id = %(organization_id)s
"""
_LAST_BATCH: Final = 2**31 - 1


async def organizations_rolling_out(txn: Transaction) -> list[UUID]:
    """Return the organisations with a rollout under way (role worker)."""
    return await txn.rows_of_ids("select vf.organizations_rolling_out() as id")


async def rollout_insert(
    txn: Transaction, row: RolloutRow, nodes: Sequence[tuple[NodeTarget, int]], created_by_id: UUID | None
) -> None:
    """Store a new rollout with its nodes, each with its batch."""
    await txn.execute(
        """insert into rollouts (organization_id, id, environment_id, pipeline_id, revision, previous_revision,
            message, state, batch_size, timeout_seconds, watch_seconds, created_by, created_by_id, selector,
            requirements, group_id)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(pipeline_id)s, %(revision)s,
            %(previous_revision)s, %(message)s, %(state)s, %(batch_size)s, %(timeout_seconds)s, %(watch_seconds)s,
            %(created_by)s, %(created_by_id)s, %(selector)s, %(requirements)s, %(group_id)s)""",
        {
            **msgspec.structs.asdict(row),
            "created_by_id": created_by_id,
            "requirements": Jsonb(msgspec.to_builtins(row.requirements)),
        },
    )
    await rollout_node_insert(txn, row.id, nodes)


async def rollout_node_insert(
    txn: Transaction, rollout_id: UUID, nodes: Sequence[tuple[NodeTarget, int]]
) -> None:
    """Add nodes to a rollout, waiting; each batch keeps them in the order in which they are given."""
    await txn.execute(
        """insert into rollout_nodes (organization_id, rollout_id, node_id, batch, revision_before, place)
        select %(organization_id)s, %(rollout_id)s, * from unnest(%(nodes)s::uuid[], %(batches)s::integer[],
            %(before)s::integer[]) with ordinality
        on conflict do nothing""",
        {
            "rollout_id": rollout_id,
            "nodes": [node.id for node, _ in nodes],
            "batches": [batch for _, batch in nodes],
            "before": [node.revision for node, _ in nodes],
        },
    )


async def rollout_get(txn: Transaction, environment_id: UUID, rollout_id: UUID) -> RolloutRow | None:
    """Return a rollout of an environment."""
    return await txn.row(
        RolloutRow,
        _ROLLOUT + " and r.environment_id = %(environment_id)s and r.id = %(id)s",
        {"environment_id": environment_id, "id": rollout_id},
    )


async def rollout_lock(txn: Transaction, rollout_id: UUID) -> RolloutRow | None:
    """Return a rollout, holding it until the transaction ends."""
    return await txn.row(RolloutRow, _ROLLOUT + " and r.id = %(id)s for update of r", {"id": rollout_id})


async def rollout_active(txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> UUID | None:
    """Return the rollout of a pipeline that is under way or paused."""
    found = await txn.value(
        """select id from rollouts where organization_id = %(organization_id)s
          and environment_id = %(environment_id)s and pipeline_id = %(pipeline_id)s
          and state in ('running', 'paused')""",
        {"environment_id": environment_id, "pipeline_id": pipeline_id},
    )
    return found if isinstance(found, UUID) else None


async def rollout_list(
    txn: Transaction,
    environment_id: UUID,
    *,
    pipeline_id: UUID | None,
    after: UUID | None,
    limit: int,
) -> list[RolloutRow]:
    """Return rollouts of an environment, newest first."""
    return await txn.rows(
        RolloutRow,
        _ROLLOUT
        + """ and r.environment_id = %(environment_id)s
        and (%(pipeline_id)s::uuid is null or r.pipeline_id = %(pipeline_id)s)
        and (%(after)s::uuid is null or r.id < %(after)s)
        order by r.id desc limit %(limit)s""",
        {"environment_id": environment_id, "pipeline_id": pipeline_id, "after": after, "limit": limit},
    )


async def rollout_running(txn: Transaction) -> list[UUID]:
    """Return the organisation's rollouts that are running."""
    return await txn.rows_of_ids(
        "select id from rollouts where organization_id = %(organization_id)s and state = 'running' order by id"
    )


async def rollout_newest_of(txn: Transaction, pipeline_ids: Sequence[UUID]) -> list[UUID]:
    """Return the newest rollout of each pipeline: the one that a report can still say something about."""
    return await txn.rows_of_ids(
        """select distinct on (pipeline_id) id from rollouts
        where organization_id = %(organization_id)s and pipeline_id = any(%(pipeline_ids)s)
        order by pipeline_id, id desc""",
        {"pipeline_ids": list(pipeline_ids)},
    )


async def rollout_node_list(txn: Transaction, rollout_id: UUID) -> list[RolloutNodeRow]:
    """Return every node of a rollout by batch and name: what decides on it, never what a list shows."""
    return await txn.rows(
        RolloutNodeRow,
        """select rn.rollout_id, rn.node_id, n.name, n.revoked_at is not null as revoked, rn.batch, rn.state,
            rn.revision_before, rn.generation, rn.assigned_at, rn.applied_at
        from rollout_nodes rn
        join nodes n on n.organization_id = rn.organization_id and n.id = rn.node_id
        where rn.organization_id = %(organization_id)s and rn.rollout_id = %(rollout_id)s
        order by rn.batch, n.name, rn.node_id""",
        {"rollout_id": rollout_id},
    )


async def rollout_node_page(
    txn: Transaction,
    rollout_id: UUID,
    states: Sequence[RolloutNodeState],
    *,
    batch: int | None,
    after: tuple[int, int, UUID] | None,
    limit: int,
) -> list[RolloutNodeShown]:
    """Return nodes of a rollout that are in one of the states, by batch and name, with what they reported.

    Each state's are read in order from the index and merged, so that a page costs the same wherever it begins.
    """
    after_batch, after_place, after_id = after or (0, 0, UUID(int=0))
    return await txn.rows(
        RolloutNodeShown,
        """select rn.node_id, n.name, rn.batch, rn.place, rn.state,
            case when rn.assigned_at is null then rn.revision_before else ro.revision end as revision,
            r.kind as report_kind, r.at as report_at, r.reason as report_reason, r.message as report_message,
            r.engine_output as report_output
        from (
            select found.* from unnest(%(states)s::text[]) as wanted (state)
            cross join lateral (
                select * from rollout_nodes one
                where one.organization_id = %(organization_id)s and one.rollout_id = %(rollout_id)s
                  and one.state = wanted.state and one.batch between %(first)s and %(last)s
                  and (one.batch, one.place, one.node_id) > (%(after_batch)s, %(after_place)s, %(after_id)s::uuid)
                order by one.batch, one.place, one.node_id limit %(limit)s) found
            order by found.batch, found.place, found.node_id limit %(limit)s) rn
        join rollouts ro on ro.organization_id = rn.organization_id and ro.id = rn.rollout_id
        join nodes n on n.organization_id = rn.organization_id and n.id = rn.node_id
        left join reports r on r.organization_id = rn.organization_id and r.node_id = rn.node_id
            and r.sequence = rn.report_sequence and r.run = rn.report_run
        order by rn.batch, rn.place, rn.node_id""",
        {
            "rollout_id": rollout_id,
            "states": list(states),
            "first": batch or 1,
            "last": batch or _LAST_BATCH,
            "after_batch": after_batch,
            "after_place": after_place,
            "after_id": after_id,
            "limit": limit,
        },
    )


async def rollout_update(txn: Transaction, rollout_id: UUID, state: RolloutState, reason: str | None) -> None:
    """Give a rollout its new state."""
    await txn.execute(
        """update rollouts set state = %(state)s, reason = %(reason)s, version = version + 1,
            finished_at = case when %(state)s in ('done', 'halted', 'cancelled')
                then coalesce(finished_at, now()) end
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": rollout_id, "state": state, "reason": reason},
    )


async def rollout_node_assigned(
    txn: Transaction, rollout_id: UUID, generations: dict[UUID, int], at: datetime
) -> None:
    """Write down that nodes got the rollout's revision, and from which generation their reports count."""
    await txn.execute(
        """update rollout_nodes rn set state = 'assigned', assigned_at = %(at)s, generation = u.generation
        from unnest(%(nodes)s::uuid[], %(generations)s::bigint[]) as u (node_id, generation)
        where rn.organization_id = %(organization_id)s and rn.rollout_id = %(rollout_id)s
          and rn.node_id = u.node_id""",
        {
            "rollout_id": rollout_id,
            "at": at,
            "nodes": list(generations),
            "generations": list(generations.values()),
        },
    )


async def rollout_node_update(txn: Transaction, rollout_id: UUID, changes: Sequence[NodeChange]) -> None:
    """Give nodes their new states."""
    await txn.execute(
        """update rollout_nodes rn set state = u.state, applied_at = coalesce(u.applied_at, rn.applied_at),
            report_sequence = coalesce(u.report_sequence, rn.report_sequence),
            report_run = coalesce(u.report_run, rn.report_run)
        from unnest(%(nodes)s::uuid[], %(states)s::text[], %(applied)s::timestamptz[], %(sequences)s::bigint[],
            %(runs)s::text[]) as u (node_id, state, applied_at, report_sequence, report_run)
        where rn.organization_id = %(organization_id)s and rn.rollout_id = %(rollout_id)s
          and rn.node_id = u.node_id""",
        {
            "rollout_id": rollout_id,
            "nodes": [each.node_id for each in changes],
            "states": [each.state for each in changes],
            "applied": [each.applied_at for each in changes],
            "sequences": [each.report_sequence for each in changes],
            "runs": [each.report_run for each in changes],
        },
    )


async def topic_environment(txn: Transaction, kind: str, object_id: UUID) -> str | None:
    """Return the slug of the environment that a topic's object stands in."""
    found = await txn.value(
        """select e.slug from environments e
        where e.organization_id = %(organization_id)s and e.id = case %(kind)s
            when 'nodes' then %(id)s::uuid
            when 'logs' then %(id)s::uuid
            when 'rollout' then (select r.environment_id from rollouts r
                where r.organization_id = %(organization_id)s and r.id = %(id)s)
            else (select p.environment_id from pipelines p
                where p.organization_id = %(organization_id)s and p.id = %(id)s and p.deleted_at is null) end""",
        {"kind": kind, "id": object_id},
    )
    return str(found) if found is not None else None
