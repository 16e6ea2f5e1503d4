"""The SQL of groups, fleet settings and drift."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from vectorflow.fleet.errors import NodeGroupNameTaken
from vectorflow.fleet.group_types import Drift, FleetSettingsRow, GroupRow, GroupValues
from vectorflow.fleet.selectors import Requirement
from vectorflow.fleet.store.selecting import OF_DEPLOYMENT, OF_GROUP, requirements_json
from vectorflow.platform.database import Transaction

_GROUP: Final[LiteralString] = (
    """select g.id, g.name, g.description, g.selector, g.requirements, g.timezone, g.windows, g.maintenance_since,
        g.maintenance_until, g.maintenance_note, g.created_at, g.version,
        (select count(*) from nodes n where n.organization_id = g.organization_id
            and n.environment_id = g.environment_id and n.revoked_at is null and """  # noqa: S608 - literals alone
    + OF_GROUP
    + """) as nodes,
        (select count(*) from deployments d where d.organization_id = g.organization_id and d.group_id = g.id
            and d.desired <> 'stop') as pipelines
    from node_groups g
    where g.organization_id = %(organization_id)s and g.environment_id = %(environment_id)s"""
)


async def group_list(txn: Transaction, environment_id: UUID) -> list[GroupRow]:
    """Return an environment's groups by name."""
    return await txn.rows(GroupRow, _GROUP + " order by g.name, g.id", {"environment_id": environment_id})


async def group_get(txn: Transaction, environment_id: UUID, group_id: UUID) -> GroupRow | None:
    """Return one group of an environment."""
    return await txn.row(
        GroupRow, _GROUP + " and g.id = %(id)s", {"environment_id": environment_id, "id": group_id}
    )


async def group_ids_of_node(txn: Transaction, environment_id: UUID, node_id: UUID) -> list[UUID]:
    """Return the groups that a node is in."""
    return await txn.rows_of_ids(
        """select g.id from node_groups g
        join nodes n on n.organization_id = g.organization_id and n.environment_id = g.environment_id
            and n.id = %(node_id)s
        where g.organization_id = %(organization_id)s and g.environment_id = %(environment_id)s and """  # noqa: S608 - literals alone
        + OF_GROUP
        + " order by g.name",
        {"environment_id": environment_id, "node_id": node_id},
    )


async def group_count(txn: Transaction, environment_id: UUID) -> int:
    """Return how many groups an environment has."""
    found = await txn.value(
        """select count(*) from node_groups
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s""",
        {"environment_id": environment_id},
    )
    return int(found)


async def group_put(
    txn: Transaction,
    environment_id: UUID,
    group_id: UUID,
    values: GroupValues,
    requirements: Sequence[Requirement],
) -> None:
    """Store a new group, or new values of one. Raises `NodeGroupNameTaken`."""
    try:
        await txn.execute(
            """insert into node_groups as g (organization_id, id, environment_id, name, description, selector,
                requirements, timezone, windows)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(description)s, %(selector)s,
                %(requirements)s, %(timezone)s, %(windows)s)
            on conflict (organization_id, id) do update set
                name = excluded.name, description = excluded.description, selector = excluded.selector,
                requirements = excluded.requirements, timezone = excluded.timezone, windows = excluded.windows,
                version = g.version + 1""",
            {
                "id": group_id,
                "environment_id": environment_id,
                "name": values.name,
                "description": values.description,
                "selector": values.selector,
                "requirements": requirements_json(requirements),
                "timezone": values.timezone,
                "windows": Jsonb(msgspec.to_builtins(values.windows)),
            },
        )
    except UniqueViolation as error:
        raise NodeGroupNameTaken from error


async def group_maintenance(
    txn: Transaction, group_id: UUID, *, since: datetime | None, until: datetime | None, note: str
) -> None:
    """Declare maintenance of a group, or end it."""
    await txn.execute(
        """update node_groups set maintenance_since = %(since)s, maintenance_until = %(until)s,
            maintenance_note = %(note)s, version = version + 1
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": group_id, "since": since, "until": until, "note": note},
    )


async def group_delete(txn: Transaction, group_id: UUID) -> None:
    """Delete a group; deployments that were stopped forget it."""
    await txn.execute(
        """update deployments d set group_id = null, requirements = g.requirements, selector = g.selector
        from node_groups g
        where d.organization_id = %(organization_id)s and d.group_id = %(id)s
          and g.organization_id = d.organization_id and g.id = d.group_id and d.desired = 'stop'""",
        {"id": group_id},
    )
    await txn.execute(
        """delete from update_plans
        where organization_id = %(organization_id)s and group_id = %(id)s and state = 'ended'""",
        {"id": group_id},
    )
    await txn.execute(
        "delete from node_groups where organization_id = %(organization_id)s and id = %(id)s",
        {"id": group_id},
    )


async def settings_get(txn: Transaction, environment_id: UUID) -> FleetSettingsRow:
    """Return an environment's fleet settings, or what holds when nobody has set any."""
    found = await txn.row(
        FleetSettingsRow,
        """select stale_after_days, decommission_after_days, version from fleet_settings
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s""",
        {"environment_id": environment_id},
    )
    return found or FleetSettingsRow()


async def settings_put(
    txn: Transaction, environment_id: UUID, stale_after_days: int, decommission_after_days: int | None
) -> None:
    """Store an environment's fleet settings."""
    await txn.execute(
        """insert into fleet_settings as f (organization_id, environment_id, stale_after_days,
            decommission_after_days)
        values (%(organization_id)s, %(environment_id)s, %(stale)s, %(decommission)s)
        on conflict (organization_id, environment_id) do update set
            stale_after_days = excluded.stale_after_days,
            decommission_after_days = excluded.decommission_after_days, version = f.version + 1""",
        {
            "environment_id": environment_id,
            "stale": stale_after_days,
            "decommission": decommission_after_days,
        },
    )


_DRIFT: Final[LiteralString] = (
    """select case when selected.yes then 'missing' else 'extra' end as kind, d.pipeline_id, p.name as pipeline_name,
        n.id as node_id, n.name as node_name,
        case when selected.yes then d.revision else a.revision end as revision,
        coalesce(n.maintenance_since <= now() and coalesce(n.maintenance_until > now(), true), false)
            or n.id = any(%(resting)s) as in_maintenance
    from deployments d
    join pipelines p on p.organization_id = d.organization_id and p.id = d.pipeline_id and p.deleted_at is null
    join nodes n on n.organization_id = d.organization_id and n.environment_id = d.environment_id
        and n.revoked_at is null and n.admission = 'admitted' and n.decommission_requested_at is null
    left join node_groups g on g.organization_id = d.organization_id and g.id = d.group_id
    left join assignments a on a.organization_id = d.organization_id and a.node_id = n.id
        and a.pipeline_id = d.pipeline_id
    cross join lateral (select """  # noqa: S608 - literals alone
    + OF_DEPLOYMENT
    + """ as yes) selected
    where d.organization_id = %(organization_id)s and d.environment_id = %(environment_id)s and d.desired <> 'stop'
      and selected.yes is distinct from (a.desired is not null and a.desired <> 'stop')
      and not exists (
        select 1 from rollouts r where r.organization_id = d.organization_id and r.pipeline_id = d.pipeline_id
          and r.environment_id = d.environment_id and r.state in ('running', 'paused'))"""
)


async def drift_list(
    txn: Transaction,
    environment_id: UUID,
    *,
    pipeline_id: UUID | None = None,
    node_ids: Sequence[UUID] | None = None,
    resting: Sequence[UUID] = (),
    limit: int = 500,
) -> list[Drift]:
    """Return where nodes and their labels disagree with what is deployed; a rollout under way will see to it itself."""
    return await txn.rows(
        Drift,
        _DRIFT
        + """ and (%(pipeline_id)s::uuid is null or d.pipeline_id = %(pipeline_id)s)
          and (%(node_ids)s::uuid[] is null or n.id = any(%(node_ids)s))
        order by p.name, d.pipeline_id, n.name, n.id limit %(limit)s""",
        {
            "environment_id": environment_id,
            "pipeline_id": pipeline_id,
            "node_ids": list(node_ids) if node_ids is not None else None,
            "resting": list(resting),
            "limit": limit,
        },
    )
