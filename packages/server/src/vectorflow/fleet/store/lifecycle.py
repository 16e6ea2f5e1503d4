"""The SQL of what people decide about nodes: admission, duplicates, labels, maintenance, leaving."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.fleet.store.selecting import OF_GROUP
from vectorflow.fleet.types import Admission
from vectorflow.platform.database import Transaction


class Left(msgspec.Struct, frozen=True):
    """A node that has left, or that has been silent for too long."""

    id: UUID
    environment_id: UUID
    name: str


async def node_admission(txn: Transaction, node_id: UUID, admission: Admission) -> None:
    """Let a node in or turn it away; its bundle is made again."""
    await txn.execute(
        """update nodes set admission = %(admission)s, version = version + 1,
            wanted = greatest(wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"node_id": node_id, "admission": admission},
    )


async def node_duplicate_kept(txn: Transaction, node_id: UUID) -> None:
    """A node is a machine of its own."""
    await txn.execute(
        """update nodes set duplicate_of = null, duplicate_reason = null, clone_suspected_at = null,
            version = version + 1
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"node_id": node_id},
    )


async def node_take_over(txn: Transaction, node_id: UUID, old_id: UUID) -> None:
    """Give a node the name, labels and maintenance of the one it takes the place of, and let it in."""
    await txn.execute(
        """update nodes n set name = old.name, labels = old.labels || n.labels, admission = 'admitted',
            maintenance_since = old.maintenance_since, maintenance_until = old.maintenance_until,
            maintenance_note = old.maintenance_note, duplicate_of = null, duplicate_reason = null,
            clone_suspected_at = null, version = n.version + 1,
            wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
        from nodes old
        where n.organization_id = %(organization_id)s and n.id = %(node_id)s
          and old.organization_id = n.organization_id and old.id = %(old_id)s""",
        {"node_id": node_id, "old_id": old_id},
    )


async def node_ids_known(txn: Transaction, environment_id: UUID, node_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of the ids that are nodes of the environment."""
    return await txn.rows_of_ids(
        """select id from nodes where organization_id = %(organization_id)s
          and environment_id = %(environment_id)s and id = any(%(node_ids)s)""",
        {"environment_id": environment_id, "node_ids": list(node_ids)},
    )


async def node_labels(
    txn: Transaction, node_ids: Sequence[UUID], *, set_to: dict[str, str], remove: Sequence[str]
) -> None:
    """Set and remove assigned labels; nothing that runs changes."""
    await txn.execute(
        """with locked as (
            select id from nodes where organization_id = %(organization_id)s and id = any(%(node_ids)s)
            order by id for no key update)
        update nodes n set labels = (n.labels - %(remove)s::text[]) || %(set_to)s, version = n.version + 1
        from locked where n.organization_id = %(organization_id)s and n.id = locked.id""",
        {"node_ids": list(node_ids), "set_to": Jsonb(set_to), "remove": list(remove)},
    )


async def node_maintenance(
    txn: Transaction, node_id: UUID, *, since: datetime | None, until: datetime | None, note: str
) -> None:
    """Declare maintenance of a node, or end it."""
    await txn.execute(
        """update nodes set maintenance_since = %(since)s, maintenance_until = %(until)s,
            maintenance_note = %(note)s, version = version + 1
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"node_id": node_id, "since": since, "until": until, "note": note},
    )


async def node_resting(txn: Transaction, environment_id: UUID, group_ids: Sequence[UUID]) -> list[UUID]:
    """Return the nodes under maintenance by themselves or by one of these groups."""
    return await txn.rows_of_ids(
        """select n.id from nodes n
        where n.organization_id = %(organization_id)s and n.environment_id = %(environment_id)s
          and n.revoked_at is null
          and (n.maintenance_since <= now() and coalesce(n.maintenance_until > now(), true)
               or exists (select 1 from node_groups g where g.organization_id = n.organization_id
                   and g.id = any(%(groups)s) and """  # noqa: S608 - literals alone
        + OF_GROUP
        + "))",
        {"environment_id": environment_id, "groups": list(group_ids)},
    )


async def node_leaving(txn: Transaction, node_id: UUID, *, leaving: bool) -> None:
    """Write down that a node was told to leave, or that this was taken back."""
    await txn.execute(
        """update nodes set decommission_requested_at = case when %(leaving)s then now() end, version = version + 1
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"node_id": node_id, "leaving": leaving},
    )


async def node_left(txn: Transaction, statement_ids: Sequence[UUID]) -> list[Left]:
    """Nodes have reported that they left by these statements: their tokens end. Returns them."""
    return await txn.rows(
        Left,
        """with locked as (
            select n.id from nodes n
            join statements s on s.organization_id = n.organization_id and s.node_id = n.id
            where n.organization_id = %(organization_id)s and s.id = any(%(ids)s) and s.kind = 'wipe'
              and n.decommission_requested_at is not null and n.decommissioned_at is null
            order by n.id for no key update of n),
        gone as (
            update nodes n set decommissioned_at = now(), revoked_at = coalesce(n.revoked_at, now()),
                version = n.version + 1
            from locked where n.organization_id = %(organization_id)s and n.id = locked.id
            returning n.organization_id, n.id, n.environment_id, n.name),
        tokens as (
            update node_tokens t set revoked_at = now() from gone
            where t.organization_id = gone.organization_id and t.node_id = gone.id and t.revoked_at is null)
        select id, environment_id, name from gone""",
        {"ids": list(statement_ids)},
    )


async def node_overdue(txn: Transaction, limit: int) -> list[Left]:
    """Return nodes that were silent for longer than their environment allows."""
    return await txn.rows(
        Left,
        """select n.id, n.environment_id, n.name from nodes n
        join fleet_settings f on f.organization_id = n.organization_id and f.environment_id = n.environment_id
        left join node_presence p on p.organization_id = n.organization_id and p.node_id = n.id
        where n.organization_id = %(organization_id)s and n.revoked_at is null and n.admission = 'admitted'
          and n.decommission_requested_at is null
          and coalesce(p.last_seen_at, n.enrolled_at) < now() - make_interval(days => f.decommission_after_days)
        order by n.id limit %(limit)s""",
        {"limit": limit},
    )
