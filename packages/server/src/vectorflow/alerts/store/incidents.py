"""The SQL of incidents and of the messages about them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from vectorflow.alerts.types import DeliveryState, Due, Firing, IncidentRow, IncidentState
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction


async def incident_seen(
    txn: Transaction, environment_id: UUID, rule_id: UUID, firing: Sequence[Firing]
) -> list[UUID]:
    """Open an incident for what fires and has none, note that the others still do; return the new ones."""
    return await txn.rows_of_ids(
        """insert into incidents as i (organization_id, id, environment_id, rule_id, key, node_id, pipeline_id,
            component, summary)
        select %(organization_id)s, f.id, %(environment_id)s, %(rule_id)s, f.key, f.node_id, f.pipeline_id,
            f.component, f.summary
        from unnest(%(ids)s::uuid[], %(keys)s::text[], %(nodes)s::uuid[], %(pipelines)s::uuid[],
            %(components)s::text[], %(summaries)s::text[])
            as f (id, key, node_id, pipeline_id, component, summary)
        on conflict (organization_id, rule_id, key) where state = 'open'
            do update set seen_at = now()
        returning case when i.opened_at = now() then i.id end as id""",
        {
            "environment_id": environment_id,
            "rule_id": rule_id,
            "ids": [new_id() for _ in firing],
            "keys": [each.key[:300] for each in firing],
            "nodes": [each.node_id for each in firing],
            "pipelines": [each.pipeline_id for each in firing],
            "components": [each.component[:128] for each in firing],
            "summaries": [each.summary[:1000] for each in firing],
        },
    )


async def incident_resolve(txn: Transaction, rule_id: UUID, quiet_seconds: float) -> list[UUID]:
    """Resolve a rule's incidents that were not seen for so long; return them."""
    return await txn.rows_of_ids(
        """update incidents set state = 'resolved', resolved_at = now(), version = version + 1
        where organization_id = %(organization_id)s and rule_id = %(rule_id)s and state = 'open'
          and seen_at < now() - make_interval(secs => %(seconds)s)
        returning id""",
        {"rule_id": rule_id, "seconds": quiet_seconds},
    )


async def incident_list(
    txn: Transaction,
    environment_id: UUID,
    *,
    state: IncidentState | None,
    after: UUID | None,
    limit: int,
) -> list[IncidentRow]:
    """Return incidents, newest first."""
    return await txn.rows(
        IncidentRow,
        """select i.id, i.environment_id, i.rule_id, r.name as rule_name, r.condition ->> 'kind' as kind,
            i.node_id, n.name as node_name, i.pipeline_id, p.name as pipeline_name, i.component, i.summary,
            i.state, i.opened_at, i.resolved_at, i.acknowledged_at, i.acknowledged_by, i.version
        from incidents i
        join alert_rules r on r.organization_id = i.organization_id and r.id = i.rule_id
        left join nodes n on n.organization_id = i.organization_id and n.id = i.node_id
        left join pipelines p on p.organization_id = i.organization_id and p.id = i.pipeline_id
        where i.organization_id = %(organization_id)s and i.environment_id = %(environment_id)s
          and (%(state)s::text is null or i.state = %(state)s) and (%(after)s::uuid is null or i.id < %(after)s)
        order by i.id desc limit %(limit)s""",
        {"environment_id": environment_id, "state": state, "after": after, "limit": limit},
    )


async def incident_get(txn: Transaction, environment_id: UUID, incident_id: UUID) -> IncidentRow | None:
    """Return one incident."""
    return await txn.row(
        IncidentRow,
        """select i.id, i.environment_id, i.rule_id, r.name as rule_name, r.condition ->> 'kind' as kind,
            i.node_id, n.name as node_name, i.pipeline_id, p.name as pipeline_name, i.component, i.summary,
            i.state, i.opened_at, i.resolved_at, i.acknowledged_at, i.acknowledged_by, i.version
        from incidents i
        join alert_rules r on r.organization_id = i.organization_id and r.id = i.rule_id
        left join nodes n on n.organization_id = i.organization_id and n.id = i.node_id
        left join pipelines p on p.organization_id = i.organization_id and p.id = i.pipeline_id
        where i.organization_id = %(organization_id)s and i.environment_id = %(environment_id)s
          and i.id = %(id)s""",
        {"environment_id": environment_id, "id": incident_id},
    )


async def incident_acknowledge(txn: Transaction, incident_id: UUID, by: str) -> None:
    """Note who looks after an incident."""
    await txn.execute(
        """update incidents set acknowledged_at = now(), acknowledged_by = %(by)s, version = version + 1
        where organization_id = %(organization_id)s and id = %(id)s and acknowledged_at is null""",
        {"id": incident_id, "by": by[:200]},
    )


async def notification_add(
    txn: Transaction, incidents: Sequence[UUID], channels: Sequence[UUID], event: str
) -> None:
    """Put a message for each incident and channel into the outbox."""
    pairs = [(incident, channel) for incident in incidents for channel in channels]
    await txn.execute(
        """insert into notifications (organization_id, id, incident_id, channel_id, event)
        select %(organization_id)s, n.id, n.incident_id, n.channel_id, %(event)s
        from unnest(%(ids)s::uuid[], %(incidents)s::uuid[], %(channels)s::uuid[]) as n (id, incident_id, channel_id)
        on conflict do nothing""",
        {
            "ids": [new_id() for _ in pairs],
            "incidents": [incident for incident, _ in pairs],
            "channels": [channel for _, channel in pairs],
            "event": event,
        },
    )


async def notification_test(txn: Transaction, channel_id: UUID) -> None:
    """Put a message that only tries a channel into the outbox."""
    await txn.execute(
        """insert into notifications (organization_id, id, channel_id, event)
        values (%(organization_id)s, %(id)s, %(channel_id)s, 'test')""",
        {"id": new_id(), "channel_id": channel_id},
    )


async def notification_take(txn: Transaction, lease_seconds: float) -> UUID | None:
    """Claim one message that is due: nobody else takes it for so long (role worker only)."""
    found = await txn.value(
        """update notifications set attempts = attempts + 1, changed_at = now(),
            next_at = now() + make_interval(secs => %(lease)s)
        where organization_id = %(organization_id)s and id = (
            select id from notifications
            where organization_id = %(organization_id)s and state = 'waiting' and next_at <= now()
            order by next_at, id limit 1 for update skip locked)
        returning id""",
        {"lease": lease_seconds},
    )
    return found if isinstance(found, UUID) else None


async def notification_due(txn: Transaction, notification_id: UUID) -> Due | None:
    """Return a message that was claimed, with its channel and its incident (role worker only)."""
    return await txn.row(
        Due,
        """select n.id, n.channel_id, c.name as channel_name, c.version as channel_version, c.target, n.event,
            n.attempts, o.slug as organization, e.slug as environment,
            case when i.id is not null then json_build_object(
                'id', i.id, 'rule', r.name, 'kind', r.condition ->> 'kind', 'summary', i.summary,
                'node', d.name, 'node_id', i.node_id, 'pipeline', p.name, 'pipeline_id', i.pipeline_id,
                'component', i.component, 'opened_at', i.opened_at, 'resolved_at', i.resolved_at) end as incident
        from notifications n
        join channels c on c.organization_id = n.organization_id and c.id = n.channel_id
        join organizations o on n.organization_id = o.id
        join environments e on e.organization_id = c.organization_id and e.id = c.environment_id
        left join incidents i on i.organization_id = n.organization_id and i.id = n.incident_id
        left join alert_rules r on r.organization_id = i.organization_id and r.id = i.rule_id
        left join nodes d on d.organization_id = i.organization_id and d.id = i.node_id
        left join pipelines p on p.organization_id = i.organization_id and p.id = i.pipeline_id
        where n.organization_id = %(organization_id)s and n.id = %(id)s""",
        {"id": notification_id},
    )


async def notification_done(
    txn: Transaction,
    notification_id: UUID,
    state: DeliveryState,
    *,
    error: str = "",
    next_at: datetime | None = None,
) -> None:
    """Note how sending a message went, and when it is tried again if it waits."""
    await txn.execute(
        """update notifications set state = %(state)s, last_error = %(error)s,
            next_at = coalesce(%(next_at)s, next_at), changed_at = now()
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": notification_id, "state": state, "error": error[:500], "next_at": next_at},
    )
