"""The SQL of nodes and their presence."""

from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.fleet.types import NewNode, NodeRow
from vectorflow.platform.database import Transaction

# A node is refused something when the newest report of an assigned pipeline says so; unreachable after three
# missed heartbeats. The same words are used for listing, filtering and counting.
_STATUS: Final[LiteralString] = """
    select n.id, n.environment_id, n.name, n.hostname, n.enrolled_at, n.revoked_at, n.platform, n.labels, n.facts,
        n.version, p.last_seen_at, p.host, p.pipelines, coalesce(p.running, 0) as running,
        coalesce(nullif(p.agent_version, ''), n.agent_version) as agent_version,
        coalesce(nullif(p.engine_kind, ''), n.engine_kind) as engine_kind,
        coalesce(nullif(p.engine_version, ''), n.engine_version) as engine_version,
        coalesce(p.received_rate, 0) as received_rate, coalesce(p.sent_rate, 0) as sent_rate,
        coalesce(p.errors_rate, 0) as errors_rate, work.assigned,
        coalesce(p.reasons, '{}') || case when work.refused then array['refused'] else '{}'::text[] end as reasons,
        case when n.decommissioned_at is not null then 'decommissioned'
             when n.admission = 'rejected' then 'rejected'
             when n.revoked_at is not null then 'revoked'
             when n.decommission_requested_at is not null then 'leaving'
             when n.admission = 'pending' then 'waiting'
             when coalesce(p.last_seen_at, n.enrolled_at) < now() - make_interval(
                 days => coalesce(f.stale_after_days, 7)) then 'stale'
             when p.last_seen_at is null then 'pending'
             when p.last_seen_at < now() - make_interval(secs => p.heartbeat_seconds * 3) then 'unreachable'
             when cardinality(p.reasons) > 0 or work.refused then 'degraded'
             else 'healthy' end as status
    from nodes n
    left join node_presence p on p.organization_id = n.organization_id and p.node_id = n.id
    left join fleet_settings f on f.organization_id = n.organization_id and f.environment_id = n.environment_id
    cross join lateral (
        select count(*) filter (where a.desired = 'run') as assigned,
            coalesce(bool_or(last.kind = 'refused' and not 'refused' = any(coalesce(p.reasons, '{}'))), false)
                as refused
        from assignments a
        left join lateral (
            select r.kind from reports r
            where r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id and r.node_id = a.node_id
              and r.generation >= a.generation
            order by r.sequence desc limit 1) last on true
        where a.organization_id = n.organization_id and a.node_id = n.id) work
    where n.organization_id = %(organization_id)s and n.environment_id = %(environment_id)s
"""


async def node_list(
    txn: Transaction,
    environment_id: UUID,
    *,
    after: tuple[str, UUID] | None,
    limit: int,
    text: str | None,
    status: str | None,
) -> list[NodeRow]:
    """Return nodes of an environment by name; revoked ones only when asked for by status."""
    return await txn.rows(
        NodeRow,
        "select * from ("  # noqa: S608 - literals alone; values are bound
        + _STATUS
        + """) node
        where (%(status)s::text is null and status <> 'revoked' or status = %(status)s)
          and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0
               or strpos(lower(hostname), lower(%(text)s)) > 0)
          and (%(after_name)s::text is null or (name, id) > (%(after_name)s, %(after_id)s::uuid))
        order by name, id limit %(limit)s""",
        {
            "environment_id": environment_id,
            "status": status,
            "text": text,
            "after_name": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
        },
    )


async def node_get(txn: Transaction, environment_id: UUID, node_id: UUID) -> NodeRow | None:
    """Return one node of an environment with its presence."""
    return await txn.row(
        NodeRow, _STATUS + " and n.id = %(node_id)s", {"environment_id": environment_id, "node_id": node_id}
    )


class KnownNode(msgspec.Struct, frozen=True):
    """A node that a machine may have been before."""

    id: UUID
    environment_id: UUID


async def node_of_token(txn: Transaction, token_id: UUID, secret_hash: bytes) -> KnownNode | None:
    """Return the node that a valid node token belongs to, for a machine that re-attaches."""
    return await txn.row(
        KnownNode,
        """select n.id, n.environment_id from node_tokens t
        join nodes n on n.organization_id = t.organization_id and n.id = t.node_id
        where t.organization_id = %(organization_id)s and t.id = %(token_id)s
          and t.secret_hash = %(secret_hash)s and t.revoked_at is null and n.revoked_at is null
        for update of n""",
        {"token_id": token_id, "secret_hash": secret_hash},
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
                duplicate_of, wanted)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(machine_id)s, %(hostname)s,
                %(identity_key)s, %(sealing_key)s, %(facts)s, %(platform)s, %(labels)s, %(agent_version)s,
                %(engine_kind)s, %(engine_version)s, %(engine_digest)s, %(duplicate_of)s,
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


async def node_revoke(txn: Transaction, environment_id: UUID, node_id: UUID, version: int) -> bool:
    """Revoke a node and its tokens; False when it is not at this version any more."""
    return (
        await txn.execute(
            """with gone as (
            update nodes set revoked_at = now(), version = version + 1
            where organization_id = %(organization_id)s and environment_id = %(environment_id)s
              and id = %(node_id)s and version = %(version)s and revoked_at is null
            returning organization_id, id),
        tokens as (
            update node_tokens t set revoked_at = now() from gone
            where t.organization_id = %(organization_id)s and t.organization_id = gone.organization_id
              and t.node_id = gone.id and t.revoked_at is null)
        select 1 from gone""",
            {"environment_id": environment_id, "node_id": node_id, "version": version},
        )
        == 1
    )


async def node_want(txn: Transaction, node_ids: list[UUID]) -> None:
    """Ask for a new bundle of each node, for a reason other than a changed assignment."""
    await txn.execute(
        """update nodes set wanted = greatest(wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
        where organization_id = %(organization_id)s and id = any(%(node_ids)s)""",
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
