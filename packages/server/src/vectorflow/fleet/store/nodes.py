"""The SQL of nodes and their presence."""

from collections.abc import Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.fleet.selectors import Requirement
from vectorflow.fleet.store.selecting import OF_GROUP, SELECTED, selecting
from vectorflow.fleet.types import NewNode, NodeRow, NodeStatus
from vectorflow.platform.database import Transaction

# A node is refused something when the newest report of an assigned pipeline says so; unreachable after three
# missed heartbeats. The same words are used for listing, filtering and counting.
_STATUS: Final[LiteralString] = (
    """
    select n.id, n.environment_id, n.name, n.hostname, n.enrolled_at, n.revoked_at, n.platform, n.labels, n.facts,
        n.version, p.last_seen_at, p.host, p.pipelines, coalesce(p.running, 0) as running,
        n.duplicate_of, n.duplicate_reason, twin.name as duplicate_name, n.clone_suspected_at is not null as clone_suspected,
        n.decommission_requested_at, n.maintenance_since, n.maintenance_until, n.maintenance_note,
        coalesce(n.maintenance_since <= now() and coalesce(n.maintenance_until > now(), true), false)
            or exists (select 1 from node_groups g where g.organization_id = n.organization_id
                and g.id = any(%(resting)s) and """  # noqa: S608 - literals alone
    + OF_GROUP
    + """) as in_maintenance,
        coalesce(nullif(p.agent_version, ''), n.agent_version) as agent_version,
        coalesce(nullif(p.engine_kind, ''), n.engine_kind) as engine_kind,
        coalesce(nullif(p.engine_version, ''), n.engine_version) as engine_version,
        coalesce(p.received_rate, 0) as received_rate, coalesce(p.sent_rate, 0) as sent_rate,
        coalesce(p.errors_rate, 0) as errors_rate, work.assigned,
        coalesce(p.reasons, '{}') || case when work.refused then array['refused'] else '{}'::text[] end
            || case when n.clone_suspected_at is not null then array['clone'] else '{}'::text[] end
            || case when behind.yes then array['behind'] else '{}'::text[] end as reasons,
        case when n.decommissioned_at is not null then 'decommissioned'
             when n.admission = 'rejected' then 'rejected'
             when n.revoked_at is not null then 'revoked'
             when n.decommission_requested_at is not null then 'leaving'
             when n.admission = 'pending' then 'waiting'
             when coalesce(p.last_seen_at, n.enrolled_at) < now() - make_interval(
                 days => coalesce(f.stale_after_days, 7)) then 'stale'
             when p.last_seen_at is null then 'pending'
             when p.last_seen_at < now() - make_interval(secs => p.heartbeat_seconds * 3) then 'unreachable'
             when cardinality(p.reasons) > 0 or work.refused or n.clone_suspected_at is not null or behind.yes
                 then 'degraded'
             else 'healthy' end as status
    from nodes n
    left join node_presence p on p.organization_id = n.organization_id and p.node_id = n.id
    left join fleet_settings f on f.organization_id = n.organization_id and f.environment_id = n.environment_id
    left join nodes twin on twin.organization_id = n.organization_id and twin.id = n.duplicate_of
    left join bundles b on b.organization_id = n.organization_id and b.node_id = n.id
    cross join lateral (select coalesce(p.last_seen_at is not null and p.generation < b.generation
        and b.issued_at < now() - interval '2 minutes', false) as yes) behind
    cross join lateral (
        select count(*) filter (where a.desired = 'run') as assigned,
            not 'refused' = any(coalesce(p.reasons, '{}')) and exists (
                select 1 from reports r
                join assignments mine on mine.organization_id = r.organization_id and mine.node_id = r.node_id
                    and mine.pipeline_id = r.pipeline_id and r.generation >= mine.generation
                where r.organization_id = n.organization_id and r.node_id = n.id and r.kind = 'refused'
                  and not exists (
                    select 1 from reports later
                    where later.organization_id = r.organization_id and later.pipeline_id = r.pipeline_id
                      and later.node_id = r.node_id and later.sequence > r.sequence)) as refused
        from assignments a
        where a.organization_id = n.organization_id and a.node_id = n.id) work
    where n.organization_id = %(organization_id)s and n.environment_id = %(environment_id)s
"""
)
_FOUND: Final[LiteralString] = """) node
    where (%(status)s::text is null and status not in ('revoked', 'rejected', 'decommissioned')
           or status = %(status)s)
      and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0
           or strpos(lower(hostname), lower(%(text)s)) > 0)
      and (%(reason)s::text is null or %(reason)s = any(reasons))
      and (%(version)s::text is null or agent_version = %(version)s or engine_version = %(version)s)
      and (%(maintenance)s::boolean is null or in_maintenance = %(maintenance)s)
      and (not %(duplicates)s or duplicate_of is not null or clone_suspected)"""


class NodeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which nodes a list shows. `resting` are groups under maintenance now."""

    text: str | None = None
    status: str | None = None
    reason: str | None = None
    version: str | None = None
    maintenance: bool | None = None
    duplicates: bool = False
    requirements: tuple[Requirement, ...] = ()
    resting: tuple[UUID, ...] = ()


class StatusCount(msgspec.Struct, frozen=True):
    """How many nodes have a status and run a version of the agent."""

    status: NodeStatus
    agent_version: str
    nodes: int


def _filter_parameters(environment_id: UUID, wanted: NodeFilter) -> dict[str, Any]:
    plain = msgspec.structs.asdict(wanted)
    del plain["requirements"]
    return (
        plain
        | selecting(wanted.requirements)
        | {
            "environment_id": environment_id,
            "resting": list(wanted.resting),
        }
    )


# The nodes of one page, found by their own columns alone: what else is told of a node is looked up for these, and not
# for the whole fleet. Only what is computed (status, reason, version, maintenance) has to be known of all.
_PAGE: Final[LiteralString] = (
    """ and n.id = any(array(
        select n.id from nodes n
        where n.organization_id = %(organization_id)s and n.environment_id = %(environment_id)s
          and n.revoked_at is null and n.admission <> 'rejected' and n.decommissioned_at is null
          and (%(text)s::text is null or strpos(lower(n.name), lower(%(text)s)) > 0
               or strpos(lower(n.hostname), lower(%(text)s)) > 0)
          and (not %(duplicates)s or n.duplicate_of is not null or n.clone_suspected_at is not null)
          and (%(after_name)s::text is null or (n.name, n.id) > (%(after_name)s, %(after_id)s::uuid))
          and """  # noqa: S608 - literals alone
    + SELECTED
    + " order by n.name, n.id limit %(limit)s))"
)

_IN_ORDER: Final[LiteralString] = """
    and (%(after_name)s::text is null or (name, id) > (%(after_name)s, %(after_id)s::uuid))
    order by name, id limit %(limit)s"""
_LIST: Final[LiteralString] = "select * from (" + _STATUS + " and " + SELECTED + _FOUND + _IN_ORDER  # noqa: S608 - literals alone
_LIST_OF_PAGE: Final[LiteralString] = (
    "select * from (" + _STATUS + " and " + SELECTED + _PAGE + _FOUND + _IN_ORDER  # noqa: S608 - literals alone
)


async def node_list(
    txn: Transaction, environment_id: UUID, wanted: NodeFilter, *, after: tuple[str, UUID] | None, limit: int
) -> list[NodeRow]:
    """Return nodes of an environment by name; those that are gone only when asked for by status."""
    computed = wanted.status or wanted.reason or wanted.version or wanted.maintenance is not None
    return await txn.rows(
        NodeRow,
        _LIST if computed else _LIST_OF_PAGE,
        _filter_parameters(environment_id, wanted)
        | {
            "after_name": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
        },
    )


async def node_counts(txn: Transaction, environment_id: UUID, wanted: NodeFilter) -> list[StatusCount]:
    """Return how many nodes the filter finds, by status and version of the agent."""
    return await txn.rows(
        StatusCount,
        "select status, agent_version, count(*) as nodes from (select * from ("  # noqa: S608 - literals alone
        + _STATUS
        + " and "
        + SELECTED
        + _FOUND
        + ") found group by status, agent_version order by status, agent_version",
        _filter_parameters(environment_id, wanted),
    )


async def node_get(
    txn: Transaction, environment_id: UUID, node_id: UUID, resting: Sequence[UUID] = ()
) -> NodeRow | None:
    """Return one node of an environment with its presence; `resting` are groups under maintenance now."""
    return await txn.row(
        NodeRow,
        _STATUS + " and n.id = %(node_id)s",
        {"environment_id": environment_id, "node_id": node_id, "resting": list(resting)},
    )


class KnownNode(msgspec.Struct, frozen=True):
    """A node that a machine may have been before."""

    id: UUID
    environment_id: UUID
    identity_key: bytes
    rotation_claimed_at: int


async def node_lock(txn: Transaction, node_id: UUID) -> KnownNode | None:
    """Return a node that was not revoked, holding it until the transaction ends."""
    return await txn.row(
        KnownNode,
        """select id, environment_id, identity_key, rotation_claimed_at from nodes
        where organization_id = %(organization_id)s and id = %(node_id)s and revoked_at is null
        for update""",
        {"node_id": node_id},
    )


async def node_lock_with_twin(txn: Transaction, node_id: UUID) -> None:
    """Hold a node, and the one that it is taken for a duplicate of, until the transaction ends."""
    await txn.execute(
        """select id from nodes n where organization_id = %(organization_id)s and (id = %(node_id)s or id = (
            select duplicate_of from nodes where organization_id = %(organization_id)s and id = %(node_id)s))
        order by id for update of n""",
        {"node_id": node_id},
    )


async def node_of_machine(txn: Transaction, environment_id: UUID, machine_id: str) -> UUID | None:
    """Return a node that has this machine id already: what a new one may be a duplicate of."""
    found = await txn.value(
        """select id from nodes where organization_id = %(organization_id)s
          and environment_id = %(environment_id)s and machine_id = %(machine_id)s and revoked_at is null
        order by id limit 1""",
        {"environment_id": environment_id, "machine_id": machine_id},
    )
    return found if isinstance(found, UUID) else None


def _node_parameters(node: NewNode) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(node),
        "facts": Jsonb(node.facts),
        "platform": Jsonb(node.platform),
        "labels": Jsonb(node.labels),
    }


async def node_insert(txn: Transaction, node: NewNode, heartbeat_seconds: float) -> None:
    """Store a new node and its empty presence; it wants a bundle from the first moment."""
    await txn.execute(
        """with made as (
            insert into nodes (organization_id, id, environment_id, name, machine_id, hostname, identity_key,
                sealing_key, facts, platform, labels, agent_version, engine_kind, engine_version, engine_digest,
                duplicate_of, duplicate_reason, admission, wanted)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(machine_id)s, %(hostname)s,
                %(identity_key)s, %(sealing_key)s, %(facts)s, %(platform)s, %(labels)s, %(agent_version)s,
                %(engine_kind)s, %(engine_version)s, %(engine_digest)s, %(duplicate_of)s,
                %(duplicate_reason)s, %(admission)s,
                (extract(epoch from clock_timestamp()) * 1000)::bigint)
            returning organization_id, id, environment_id)
        insert into node_presence (organization_id, node_id, environment_id, heartbeat_seconds)
        select organization_id, id, environment_id, %(heartbeat_seconds)s from made""",
        {**_node_parameters(node), "heartbeat_seconds": heartbeat_seconds},
    )


async def node_reattach(txn: Transaction, node: NewNode) -> None:
    """Store what a known machine says anew, with its new keys; its bundle is made again for them."""
    await txn.execute(
        """update nodes set machine_id = %(machine_id)s, hostname = %(hostname)s, identity_key = %(identity_key)s,
            sealing_key = %(sealing_key)s, facts = %(facts)s, platform = %(platform)s,
            agent_version = %(agent_version)s, engine_kind = %(engine_kind)s,
            engine_version = %(engine_version)s, engine_digest = %(engine_digest)s,
            wanted = greatest(wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint),
            version = version + 1
        where organization_id = %(organization_id)s and id = %(id)s""",
        _node_parameters(node),
    )


async def node_machine_set(
    txn: Transaction, node_id: UUID, hostname: str, platform: dict[str, Any], facts: dict[str, str]
) -> None:
    """Keep what a node's machine is, where that is something else than what is kept."""
    await txn.execute(
        """update nodes set hostname = %(hostname)s, platform = %(platform)s, facts = %(facts)s
        where organization_id = %(organization_id)s and id = %(node_id)s
          and (hostname, platform, facts) is distinct from (%(hostname)s, %(platform)s, %(facts)s)""",
        {
            "node_id": node_id,
            "hostname": hostname,
            "platform": Jsonb(platform),
            "facts": Jsonb(facts),
        },
    )


async def node_revoke(txn: Transaction, node_id: UUID) -> None:
    """Revoke a node and its tokens, whatever else changes it; hold it first where its state was looked at."""
    await txn.execute(
        """with gone as (
            update nodes set revoked_at = now(), version = version + 1
            where organization_id = %(organization_id)s and id = %(node_id)s and revoked_at is null
            returning id)
        update node_tokens t set revoked_at = now() from gone
        where t.organization_id = %(organization_id)s and t.node_id = gone.id and t.revoked_at is null""",
        {"node_id": node_id},
    )


async def node_sealing_key(txn: Transaction, node_id: UUID, sealing_key: bytes) -> None:
    """Give a node a new sealing key; its bundle is made again for it."""
    await txn.execute(
        """update nodes set sealing_key = %(sealing_key)s,
            wanted = greatest(wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"node_id": node_id, "sealing_key": sealing_key},
    )


async def node_rotation_claimed(txn: Transaction, node_id: UUID, at: int) -> None:
    """Remember the time in a claim for a new token."""
    await txn.execute(
        """update nodes set rotation_claimed_at = %(at)s
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"node_id": node_id, "at": at},
    )


async def node_suspect_clone(txn: Transaction, node_id: UUID) -> str | None:
    """Mark that two machines speak as one node; return its name when that is news."""
    found = await txn.value(
        """update nodes set clone_suspected_at = now(), version = version + 1
        where organization_id = %(organization_id)s and id = %(node_id)s and clone_suspected_at is null
        returning name""",
        {"node_id": node_id},
    )
    return None if found is None else str(found)


async def node_want(txn: Transaction, node_ids: list[UUID]) -> None:
    """Ask for a new bundle of each node, for a reason other than a changed assignment."""
    await txn.execute(
        """with locked as (
            select id from nodes where organization_id = %(organization_id)s and id = any(%(node_ids)s)
            order by id for no key update)
        update nodes n set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
        from locked where n.organization_id = %(organization_id)s and n.id = locked.id""",
        {"node_ids": node_ids},
    )


async def environment_slug(txn: Transaction, environment_id: UUID) -> str:
    """Return an environment's slug, which never changes."""
    return str(
        await txn.value(
            "select slug from environments where organization_id = %(organization_id)s and id = %(id)s",
            {"id": environment_id},
        )
    )
