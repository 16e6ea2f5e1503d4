"""The SQL of alert rules, and of what breaks them."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.alerts.types import Condition, Firing, RuleRow
from vectorflow.platform.database import Transaction


async def organizations_with_rules(txn: Transaction) -> list[UUID]:
    """Return the organisations that have rules or messages to send (role worker only)."""
    return await txn.rows_of_ids("select vf.organizations_with_alerts() as id")


async def rule_list(txn: Transaction, environment_id: UUID | None = None) -> list[RuleRow]:
    """Return the rules of an environment, or of all, by name."""
    return await txn.rows(
        RuleRow,
        """select r.id, r.environment_id, r.name, r.condition, r.enabled, r.version, r.updated_at, r.updated_by,
            coalesce((select array_agg(c.channel_id order by c.channel_id) from alert_rule_channels c
                where c.organization_id = r.organization_id and c.rule_id = r.id), '{}') as channels
        from alert_rules r
        where r.organization_id = %(organization_id)s
          and (%(environment_id)s::uuid is null or r.environment_id = %(environment_id)s)
        order by r.name, r.id""",
        {"environment_id": environment_id},
    )


async def rule_lock(txn: Transaction, environment_id: UUID, rule_id: UUID) -> RuleRow | None:
    """Return a rule, holding its row until the transaction ends."""
    return await txn.row(
        RuleRow,
        """select r.id, r.environment_id, r.name, r.condition, r.enabled, r.version, r.updated_at, r.updated_by,
            coalesce((select array_agg(c.channel_id order by c.channel_id) from alert_rule_channels c
                where c.organization_id = r.organization_id and c.rule_id = r.id), '{}') as channels
        from alert_rules r
        where r.organization_id = %(organization_id)s and r.environment_id = %(environment_id)s
          and r.id = %(id)s
        for update of r""",
        {"environment_id": environment_id, "id": rule_id},
    )


async def rule_put(
    txn: Transaction,
    environment_id: UUID,
    rule_id: UUID,
    *,
    name: str,
    condition: Condition,
    enabled: bool,
    version: int,
    by: str,
) -> None:
    """Store a rule, new or in its next version."""
    await txn.execute(
        """insert into alert_rules (organization_id, id, environment_id, name, condition, enabled, version, updated_by)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(condition)s, %(enabled)s, %(version)s,
            %(by)s)
        on conflict (organization_id, id) do update set name = excluded.name, condition = excluded.condition,
            enabled = excluded.enabled, version = excluded.version, updated_at = now(),
            updated_by = excluded.updated_by""",
        {
            "environment_id": environment_id,
            "id": rule_id,
            "name": name,
            "condition": Jsonb(msgspec.to_builtins(condition)),
            "enabled": enabled,
            "version": version,
            "by": by[:200],
        },
    )


async def rule_channels_set(
    txn: Transaction, environment_id: UUID, rule_id: UUID, channels: Sequence[UUID]
) -> int:
    """Let a rule tell these channels and no others; return how many of them exist here."""
    await txn.execute(
        """delete from alert_rule_channels where organization_id = %(organization_id)s and rule_id = %(id)s""",
        {"id": rule_id},
    )
    return await txn.execute(
        """insert into alert_rule_channels (organization_id, rule_id, channel_id)
        select organization_id, %(id)s, id from channels
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and id = any(%(channels)s::uuid[])""",
        {"id": rule_id, "environment_id": environment_id, "channels": list(channels)},
    )


async def rule_delete(txn: Transaction, rule_id: UUID) -> None:
    """Remove a rule with its incidents."""
    await txn.execute(
        "delete from alert_rules where organization_id = %(organization_id)s and id = %(id)s", {"id": rule_id}
    )


async def silent_nodes(txn: Transaction, environment_id: UUID, seconds: int) -> list[Firing]:
    """Return nodes that were not heard of for so long."""
    return await txn.rows(
        Firing,
        """select n.id::text as key, n.id as node_id, null::uuid as pipeline_id, '' as component,
            case when p.last_seen_at is null then 'The node ' || n.name || ' was never heard of.'
                 else 'The node ' || n.name || ' has been silent since '
                     || to_char(p.last_seen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC.' end as summary
        from nodes n
        left join node_presence p on p.organization_id = n.organization_id and p.node_id = n.id
        where n.organization_id = %(organization_id)s and n.environment_id = %(environment_id)s
          and n.revoked_at is null and n.decommission_requested_at is null and n.admission <> 'pending'
          and coalesce(p.last_seen_at, n.enrolled_at) < now() - make_interval(secs => %(seconds)s)
        order by n.id limit 1000""",
        {"environment_id": environment_id, "seconds": seconds},
    )


async def failed_pipelines(txn: Transaction, environment_id: UUID) -> list[Firing]:
    """Return where a pipeline was refused or crashes again and again, by the nodes' own words.

    A node that refused a new revision goes on with the one before, and its heartbeats call that running: what it said of
    the new one stands in its reports, until it says something later or gets another order.
    """
    return await txn.rows(
        Firing,
        """with told as (
            select n.id as node_id, q.id as pipeline_id, s.message, 1 as place,
                'The node ' || n.name || case s.state when 'refused' then ' refused the configuration of '
                    else ' sees the engine end again and again of ' end || q.name as what
            from node_presence p
            join nodes n on n.organization_id = p.organization_id and n.id = p.node_id and n.revoked_at is null
            cross join json_to_recordset(p.pipelines) as s (id uuid, state text, message text)
            join pipelines q on q.organization_id = p.organization_id and q.id = s.id and q.deleted_at is null
            where p.organization_id = %(organization_id)s and p.environment_id = %(environment_id)s
              and p.reasons && array['refused', 'crash_loop'] and s.state in ('refused', 'crash_loop')
            union all
            select n.id, q.id, r.message, 2,
                'The node ' || n.name || ' refused revision ' || r.number || ' of ' || q.name
            from reports r
            join assignments a on a.organization_id = r.organization_id and a.node_id = r.node_id
                and a.pipeline_id = r.pipeline_id and a.desired = 'run' and r.generation >= a.generation
            join nodes n on n.organization_id = r.organization_id and n.id = r.node_id and n.revoked_at is null
                and n.environment_id = %(environment_id)s
            join pipelines q on q.organization_id = r.organization_id and q.id = r.pipeline_id
                and q.deleted_at is null
            where r.organization_id = %(organization_id)s and r.kind = 'refused' and not exists (
                select 1 from reports later
                where later.organization_id = r.organization_id and later.pipeline_id = r.pipeline_id
                  and later.node_id = r.node_id and later.sequence > r.sequence))
        select distinct on (node_id, pipeline_id) node_id::text || ':' || pipeline_id::text as key, node_id,
            pipeline_id, '' as component, what || coalesce(': ' || nullif(left(message, 500), ''), '.') as summary
        from told order by node_id, pipeline_id, place limit 1000""",
        {"environment_id": environment_id},
    )


async def failing_components(txn: Transaction, environment_id: UUID, per_minute: float) -> list[Firing]:
    """Return components that count errors faster than this, over all nodes with errors in their last heartbeat."""
    return await txn.rows(
        Firing,
        """with step as (
            select r.pipeline_id, c.id as component,
                greatest(c.errors - coalesce(b.errors, 0), 0)
                    / greatest(extract(epoch from r.at - r.previous_at), 1) * 60 as per_minute
            from node_presence p
            join counter_runs r on r.organization_id = p.organization_id and r.node_id = p.node_id
                and r.previous_at is not null and r.received_at > now() - interval '3 minutes'
            cross join json_to_recordset(r.components) as c (id text, errors bigint)
            left join json_to_recordset(r.previous) as b (id text, errors bigint) on b.id = c.id
            where p.organization_id = %(organization_id)s and p.environment_id = %(environment_id)s
              and p.errors_rate > 0 and c.errors > 0)
        select q.id::text || ':' || s.component as key, null::uuid as node_id, q.id as pipeline_id, s.component,
            s.component || ' of ' || q.name || ' counts ' || round(sum(s.per_minute)::numeric, 1)
                || ' errors a minute.' as summary
        from step s
        join pipelines q on q.organization_id = %(organization_id)s and q.id = s.pipeline_id and q.deleted_at is null
        group by q.id, q.name, s.component
        having sum(s.per_minute) >= %(per_minute)s
        order by q.id, s.component limit 1000""",
        {"environment_id": environment_id, "per_minute": per_minute},
    )
