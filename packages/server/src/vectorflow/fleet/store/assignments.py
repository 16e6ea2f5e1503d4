"""The SQL of assignments and deployments."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.fleet.selectors import Requirement
from vectorflow.fleet.store.selecting import OF_DEPLOYMENT, SELECTED, requirements_json, selecting
from vectorflow.fleet.types import AssignmentRow, Deployment, Desired, NodeTarget
from vectorflow.platform.database import Transaction


class DeployedRow(msgspec.Struct, frozen=True):
    """How a pipeline stands on the nodes of its environment."""

    pipeline_id: UUID
    revision: int
    nodes_assigned: int
    nodes_running: int
    desired: Desired


class AssignedRow(msgspec.Struct, frozen=True):
    """An assignment that was just made."""

    node_id: UUID
    generation: int


async def environment_lock(txn: Transaction, environment_id: UUID, *, exclusive: bool) -> None:
    """Keep enrolment (shared) and the end of a rollout (exclusive) apart, so that no node falls between."""
    key = {"key": f"fleet.environment:{environment_id}"}
    if exclusive:
        await txn.execute("select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", key)
    else:
        await txn.execute("select pg_advisory_xact_lock_shared(hashtextextended(%(key)s, 0))", key)


async def assignment_list(txn: Transaction, node_id: UUID) -> list[AssignmentRow]:
    """Return what a node is assigned, by the pipelines' names."""
    return await txn.rows(
        AssignmentRow,
        """select a.pipeline_id, p.name as pipeline_name, a.revision, a.desired, a.assigned_at, a.reason, a.generation,
            coalesce(b.generation, 0) as signed, coalesce(n.generation, 0) as accepted
        from assignments a
        join pipelines p on p.organization_id = a.organization_id and p.id = a.pipeline_id
        left join bundles b on b.organization_id = a.organization_id and b.node_id = a.node_id
        left join node_presence n on n.organization_id = a.organization_id and n.node_id = a.node_id
        where a.organization_id = %(organization_id)s and a.node_id = %(node_id)s
          and (p.deleted_at is null or a.desired <> 'stop')
        order by p.name, a.pipeline_id""",
        {"node_id": node_id},
    )


async def assignment_put(
    txn: Transaction,
    node_ids: Sequence[UUID],
    pipeline_id: UUID,
    *,
    revision: int,
    desired: Desired,
    reason: str = "",
) -> dict[UUID, int]:
    """Assign a revision to nodes; return the generation from which a node's report counts.

    Each order raises `attempt`: a node that refused this revision tries again, and one that runs it says so again.
    """
    made = await txn.rows(
        AssignedRow,
        """with locked as (
            select id, wanted from nodes
            where organization_id = %(organization_id)s and id = any(%(node_ids)s) and revoked_at is null
            order by id for update),
        raised as (
            update nodes n
            set wanted = greatest(locked.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
            from locked where n.organization_id = %(organization_id)s and n.id = locked.id
            returning n.id, n.wanted)
        insert into assignments as a
            (organization_id, node_id, pipeline_id, revision, desired, reason, generation)
        select %(organization_id)s, id, %(pipeline_id)s, %(revision)s, %(desired)s, %(reason)s, wanted from raised
        on conflict (organization_id, node_id, pipeline_id) do update set
            previous_revision = case when a.revision = excluded.revision then a.previous_revision else a.revision end,
            attempt = a.attempt + 1,
            revision = excluded.revision, desired = excluded.desired, reason = excluded.reason,
            generation = excluded.generation, assigned_at = now()
        returning node_id, generation""",
        {
            "node_ids": list(node_ids),
            "pipeline_id": pipeline_id,
            "revision": revision,
            "desired": desired,
            "reason": reason,
        },
    )
    return {each.node_id: each.generation for each in made}


async def target_list(
    txn: Transaction, environment_id: UUID, pipeline_id: UUID, requirements: Sequence[Requirement] = ()
) -> list[NodeTarget]:
    """Return the nodes of an environment that fulfil requirements, with what each is assigned of the pipeline."""
    return await txn.rows(
        NodeTarget,
        """select n.id, n.name, a.revision, a.desired
        from nodes n
        left join assignments a on a.organization_id = n.organization_id and a.node_id = n.id
            and a.pipeline_id = %(pipeline_id)s
        where n.organization_id = %(organization_id)s and n.environment_id = %(environment_id)s
          and n.revoked_at is null and n.admission = 'admitted' and n.decommission_requested_at is null and """  # noqa: S608 - literals alone
        + SELECTED
        + " order by n.name, n.id",
        {"environment_id": environment_id, "pipeline_id": pipeline_id} | selecting(requirements),
    )


async def deployment_get(txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> Deployment | None:
    """Return what the environment has of a pipeline."""
    return await txn.row(
        Deployment,
        """select pipeline_id, revision, desired, selector, requirements, group_id from deployments
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and pipeline_id = %(pipeline_id)s""",
        {"environment_id": environment_id, "pipeline_id": pipeline_id},
    )


async def deployment_list(txn: Transaction, environment_id: UUID, node_id: UUID) -> list[Deployment]:
    """Return what a node that is admitted now begins with: what the environment has for nodes with its labels."""
    return await txn.rows(
        Deployment,
        """select d.pipeline_id, d.revision, d.desired from deployments d
        join pipelines p on p.organization_id = d.organization_id and p.id = d.pipeline_id
        join nodes n on n.organization_id = d.organization_id and n.id = %(node_id)s
        left join node_groups g on g.organization_id = d.organization_id and g.id = d.group_id
        where d.organization_id = %(organization_id)s and d.environment_id = %(environment_id)s
          and d.desired <> 'stop' and p.deleted_at is null and """  # noqa: S608 - literals alone
        + OF_DEPLOYMENT
        + " order by d.pipeline_id",
        {"environment_id": environment_id, "node_id": node_id},
    )


async def deployment_put(txn: Transaction, environment_id: UUID, deployment: Deployment) -> None:
    """Say what the environment has of a pipeline from now on, and on which nodes."""
    await txn.execute(
        """insert into deployments (organization_id, environment_id, pipeline_id, revision, desired, selector,
            requirements, group_id)
        values (%(organization_id)s, %(environment_id)s, %(pipeline_id)s, %(revision)s, %(desired)s, %(selector)s,
            %(requirements)s, %(group_id)s)
        on conflict (organization_id, environment_id, pipeline_id) do update set
            revision = excluded.revision, desired = excluded.desired, selector = excluded.selector,
            requirements = excluded.requirements, group_id = excluded.group_id, updated_at = now()""",
        {
            "environment_id": environment_id,
            "pipeline_id": deployment.pipeline_id,
            "revision": deployment.revision,
            "desired": deployment.desired,
            "selector": deployment.selector,
            "requirements": requirements_json(deployment.requirements),
            "group_id": deployment.group_id,
        },
    )


async def deployed_list(txn: Transaction, pipeline_ids: Sequence[UUID]) -> list[DeployedRow]:
    """Return how pipelines stand: the newest assigned revision, nodes assigned, nodes that run it."""
    return await txn.rows(
        DeployedRow,
        """select a.pipeline_id, max(a.revision) as revision, count(*) as nodes_assigned,
            count(*) filter (where p.last_seen_at > now() - make_interval(secs => p.heartbeat_seconds * 3)
                and exists (select 1 from json_array_elements(p.pipelines) s
                            where s ->> 'id' = a.pipeline_id::text and s ->> 'state' = 'running'
                              and s ->> 'number' = a.revision::text)) as nodes_running,
            case when bool_or(a.desired = 'run') then 'run' when bool_or(a.desired = 'hold') then 'hold'
                 else 'stop' end as desired
        from assignments a
        join nodes n on n.organization_id = a.organization_id and n.id = a.node_id and n.revoked_at is null
        left join node_presence p on p.organization_id = a.organization_id and p.node_id = a.node_id
        where a.organization_id = %(organization_id)s and a.pipeline_id = any(%(pipeline_ids)s)
        group by a.pipeline_id""",
        {"pipeline_ids": list(pipeline_ids)},
    )
