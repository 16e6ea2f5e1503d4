"""The SQL of plans to update nodes."""

from typing import Final, LiteralString
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from vectorflow.fleet.errors import NodeGroupNotFound
from vectorflow.fleet.update_types import NodeAnswer, PlanRow, PlanState
from vectorflow.platform.database import Transaction

_PLAN: Final[LiteralString] = """
    select u.id, u.environment_id, u.group_id, g.name as group_name, u.program, u.target, u.step, u.unit,
        u.most_failures, u.state, u.reason, u.created_by, u.created_at, u.counted_from
    from update_plans u
    left join node_groups g on g.organization_id = u.organization_id and g.id = u.group_id
    where u.organization_id = %(organization_id)s and u.state <> 'ended'
"""


async def plan_list(txn: Transaction, environment_id: UUID | None = None) -> list[PlanRow]:
    """Return plans that have not ended, the newest first: where two are for one node, the newest counts."""
    return await txn.rows(
        PlanRow,
        _PLAN
        + """ and (%(environment_id)s::uuid is null or u.environment_id = %(environment_id)s)
        order by u.created_at desc, u.id desc""",
        {"environment_id": environment_id},
    )


async def plan_get(txn: Transaction, environment_id: UUID, plan_id: UUID) -> PlanRow | None:
    """Return a plan that has not ended."""
    return await txn.row(
        PlanRow,
        _PLAN + " and u.environment_id = %(environment_id)s and u.id = %(id)s",
        {"environment_id": environment_id, "id": plan_id},
    )


async def plan_insert(txn: Transaction, plan: PlanRow) -> None:
    """Store a plan; the one before for the same nodes and program ends. Raises `NodeGroupNotFound`."""
    values = {
        "id": plan.id,
        "environment_id": plan.environment_id,
        "group_id": plan.group_id,
        "program": plan.program,
        "target": plan.target,
        "step": plan.step,
        "unit": plan.unit,
        "most_failures": plan.most_failures,
        "created_by": plan.created_by,
    }
    await txn.execute(
        """update update_plans set state = 'ended'
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and program = %(program)s and group_id is not distinct from %(group_id)s and state <> 'ended'""",
        values,
    )
    try:
        await txn.execute(
            """insert into update_plans (organization_id, id, environment_id, group_id, program, target, step, unit,
                most_failures, created_by)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(group_id)s, %(program)s, %(target)s, %(step)s,
                %(unit)s, %(most_failures)s, %(created_by)s)""",
            values,
        )
    except ForeignKeyViolation as error:
        raise NodeGroupNotFound from error


async def plan_state(txn: Transaction, plan_id: UUID, state: PlanState, reason: str) -> None:
    """Pause a plan, let it go on (failures before now count no more), or end it."""
    await txn.execute(
        """update update_plans set state = %(state)s, reason = %(reason)s,
            counted_from = case when %(state)s = 'running' then now() else counted_from end
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": plan_id, "state": state, "reason": reason[:1000]},
    )


async def plan_answers(txn: Transaction, plan: PlanRow) -> list[NodeAnswer]:
    """Return each node's newest order of a plan, since its failures count."""
    return await txn.rows(
        NodeAnswer,
        """select distinct on (s.node_id) s.node_id, s.reason, s.message,
            case when s.state in ('requested', 'signed') and s.expires_at < now() then 'expired'
                 else s.state end as state
        from statements s
        where s.organization_id = %(organization_id)s and s.kind = 'update' and s.arguments->>'plan' = %(plan)s
          and s.created_at >= %(counted_from)s
        order by s.node_id, s.id desc""",
        {"plan": str(plan.id), "counted_from": plan.counted_from},
    )
