"""The SQL of taps and of the events on their way."""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.telemetry.taps.types import BatchRow, OpenTapRow, TapNodeRow, TapRow

_TAP: Final[LiteralString] = """
    select id, environment_id, pipeline_id, component, port, reason, wish, account_id, requested_by, relay_key,
        created_at, expires_at, ended_at, ended
    from taps where organization_id = %(organization_id)s
"""


async def tap_insert(
    txn: Transaction,
    row: TapRow,
    *,
    relay_public: bytes,
    nodes: Sequence[UUID],
) -> None:
    """Store a tap and the nodes that it is asked of."""
    await txn.execute(
        """insert into taps (organization_id, id, environment_id, pipeline_id, component, port, reason, wish, account_id,
            requested_by, relay_public, relay_key, expires_at)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(pipeline_id)s, %(component)s, %(port)s, %(reason)s,
            %(wish)s, %(account_id)s, %(requested_by)s, %(relay_public)s, %(relay_key)s, %(expires_at)s)""",
        {
            **{name: getattr(row, name) for name in row.__struct_fields__},
            "wish": Jsonb(msgspec.to_builtins(row.wish)),
            "relay_public": relay_public,
        },
    )
    await txn.execute(
        """insert into tap_nodes (organization_id, tap_id, node_id)
        select %(organization_id)s, %(id)s, node from unnest(%(nodes)s::uuid[]) as node""",
        {"id": row.id, "nodes": list(nodes)},
    )


async def tap_get(txn: Transaction, environment_id: UUID, tap_id: UUID) -> TapRow | None:
    """Return a tap of an environment."""
    return await txn.row(
        TapRow,
        _TAP + " and environment_id = %(environment_id)s and id = %(id)s",
        {"environment_id": environment_id, "id": tap_id},
    )


async def tap_list(txn: Transaction, environment_id: UUID, *, limit: int) -> list[TapRow]:
    """Return an environment's taps, newest first."""
    return await txn.rows(
        TapRow,
        _TAP + " and environment_id = %(environment_id)s order by id desc limit %(limit)s",
        {"environment_id": environment_id, "limit": limit},
    )


async def tap_node_list(txn: Transaction, tap_ids: Sequence[UUID]) -> list[TapNodeRow]:
    """Return the nodes of taps with what they sent, by name; of one that refused, its own words."""
    return await txn.rows(
        TapNodeRow,
        """select t.tap_id, t.node_id, n.name, t.taken, t.matched, t.dropped, t.sent, t.heard_at,
            case when t.ended = '' and s.state = 'refused' then 'refused' else t.ended end as ended,
            case when s.state = 'refused' then s.message else '' end as message
        from tap_nodes t
        join nodes n on n.organization_id = t.organization_id and n.id = t.node_id
        left join statements s on s.organization_id = t.organization_id and s.node_id = t.node_id
            and s.kind = 'tap' and s.arguments ->> 'tap' = t.tap_id::text
        where t.organization_id = %(organization_id)s and t.tap_id = any(%(tap_ids)s)
        order by n.name, n.id""",
        {"tap_ids": list(tap_ids)},
    )


async def tap_open_count(txn: Transaction, account_id: UUID) -> tuple[int, int]:
    """Return how many taps are open in the organisation, and how many of those are of one account."""
    everybody = await txn.value(
        """select count(*) from taps where organization_id = %(organization_id)s and ended_at is null
        and expires_at > now()""",
    )
    mine = await txn.value(
        """select count(*) from taps where organization_id = %(organization_id)s and ended_at is null
        and expires_at > now() and account_id = %(account_id)s""",
        {"account_id": account_id},
    )
    return int(everybody), int(mine)


async def tap_candidates(txn: Transaction, pipeline_id: UUID, limit: int) -> list[UUID]:
    """Return nodes that shall run a pipeline, by name."""
    return await txn.rows_of_ids(
        """select n.id from assignments a
        join nodes n on n.organization_id = a.organization_id and n.id = a.node_id
        where a.organization_id = %(organization_id)s and a.pipeline_id = %(pipeline_id)s and a.desired = 'run'
            and n.revoked_at is null
        order by n.name, n.id limit %(limit)s""",
        {"pipeline_id": pipeline_id, "limit": limit},
    )


async def tap_watched(txn: Transaction, tap_id: UUID) -> None:
    """Note that somebody reads the tap."""
    await txn.execute(
        """update taps set watched_at = now()
        where organization_id = %(organization_id)s and id = %(id)s and ended_at is null""",
        {"id": tap_id},
    )


async def tap_end(txn: Transaction, tap_ids: Sequence[UUID], ended: str) -> list[UUID]:
    """End taps: their keys and what waits of their events are gone. Return those that were open."""
    ids = await txn.rows_of_ids(
        """update taps set ended_at = now(), ended = %(ended)s, relay_key = null
        where organization_id = %(organization_id)s and id = any(%(ids)s) and ended_at is null returning id""",
        {"ids": list(tap_ids), "ended": ended},
    )
    await txn.execute(
        "delete from tap_batches where organization_id = %(organization_id)s and tap_id = any(%(ids)s)",
        {"ids": list(tap_ids)},
    )
    return ids


async def tap_overdue(txn: Transaction, *, unwatched_seconds: float) -> list[UUID]:
    """Return open taps whose time is over or that nobody reads."""
    return await txn.rows_of_ids(
        """select id from taps where organization_id = %(organization_id)s and ended_at is null
        and (expires_at < now() or watched_at < now() - make_interval(secs => %(seconds)s)) limit 500""",
        {"seconds": unwatched_seconds},
    )


async def tap_for_node(
    txn: Transaction, tap_id: UUID, node_id: UUID, *, unwatched_seconds: float
) -> OpenTapRow | None:
    """Return what a gateway needs of a tap that is open on a node, holding the node's part of it; None without one."""
    return await txn.row(
        OpenTapRow,
        """select t.relay_public, n.sequence,
            t.watched_at > now() - make_interval(secs => %(seconds)s) as watched,
            (select count(*) from tap_batches b
             where b.organization_id = t.organization_id and b.tap_id = t.id) as waiting
        from tap_nodes n
        join taps t on t.organization_id = n.organization_id and t.id = n.tap_id
        where n.organization_id = %(organization_id)s and n.tap_id = %(tap_id)s and n.node_id = %(node_id)s
            and t.ended_at is null and t.expires_at > now() - interval '30 seconds'
        for update of n""",
        {"tap_id": tap_id, "node_id": node_id, "seconds": unwatched_seconds},
    )


async def tap_node_heard(
    txn: Transaction,
    tap_id: UUID,
    node_id: UUID,
    *,
    sequence: int,
    counts: tuple[int, int, int, int],
    ended: str,
) -> None:
    """Note what a node said with a batch; `counts` are taken, matched, dropped, and sent by this batch."""
    taken, matched, dropped, sent = counts
    await txn.execute(
        """update tap_nodes set sequence = %(sequence)s, taken = %(taken)s, matched = %(matched)s,
            dropped = %(dropped)s, sent = sent + %(sent)s, heard_at = now(), ended = %(ended)s
        where organization_id = %(organization_id)s and tap_id = %(tap_id)s and node_id = %(node_id)s""",
        {
            "tap_id": tap_id,
            "node_id": node_id,
            "sequence": sequence,
            "taken": taken,
            "matched": matched,
            "dropped": dropped,
            "sent": sent,
            "ended": ended,
        },
    )


async def batch_insert(txn: Transaction, batch_id: UUID, tap_id: UUID, node_id: UUID, body: bytes) -> None:
    """Leave sealed events for whoever reads the tap."""
    await txn.execute(
        """insert into tap_batches (organization_id, id, tap_id, node_id, body)
        values (%(organization_id)s, %(id)s, %(tap_id)s, %(node_id)s, %(body)s)""",
        {"id": batch_id, "tap_id": tap_id, "node_id": node_id, "body": body},
    )


async def batch_take(txn: Transaction, tap_id: UUID, limit: int) -> list[BatchRow]:
    """Take the oldest batches out; nobody reads them again."""
    return await txn.rows(
        BatchRow,
        """with taken as (
            delete from tap_batches where organization_id = %(organization_id)s and id in (
                select id from tap_batches where organization_id = %(organization_id)s and tap_id = %(tap_id)s
                order by id limit %(limit)s)
            returning id, node_id, body)
        select node_id, body from taken order by id""",
        {"tap_id": tap_id, "limit": limit},
    )


async def relay_keys(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed keys of taps by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, 1 as row_version, relay_key as value from taps
        where organization_id = %(organization_id)s and id > %(after)s and relay_key is not null
          and (%(key_version)s::bytea is null or substring(relay_key from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def relay_key_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace keys of taps that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update taps t set relay_key = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where t.organization_id = %(organization_id)s and t.id = n.id and t.relay_key = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )
