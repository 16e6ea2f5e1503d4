"""The log's only SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from vectorflow.audit.types import (
    AuditFilter,
    AuditRow,
    Checkpoint,
    Facet,
    Head,
    Person,
    ProofRow,
    ShippingPosition,
)
from vectorflow.platform.database import Transaction


async def audit_append(txn: Transaction, entries: Sequence[str]) -> int:
    """Append canonical entries in the transaction's organisation; return the newest sequence."""
    return int(await txn.value("select vf.audit_append(%(entries)s::text[])", {"entries": list(entries)}))


async def audit_sign_in(txn: Transaction, account_id: UUID, entries: Sequence[str]) -> None:
    """Append an account's sign-in to the log of each of its organisations."""
    await txn.execute(
        "select vf.audit_sign_in(%(account)s, %(entries)s::text[])",
        {"account": account_id, "entries": list(entries)},
    )


async def audit_list(
    txn: Transaction, wanted: AuditFilter, *, before: int | None, limit: int, examined: int
) -> list[AuditRow]:
    """Return the records wanted, newest first, older than `before`.

    A text is looked for in at most `examined` of the records that the other filters leave: no index can serve it
    under row-level security, so one answer reads no more than that.
    """
    return await txn.rows(
        AuditRow,
        """select sequence, at, actor, action, object_type, object_id, summary, before, after, previous_hash, hash
           from (select * from audit_records
                 where organization_id = %(organization_id)s
                   and (%(before)s::bigint is null or sequence < %(before)s)
                   and (%(actor)s::text is null or actor_id = %(actor)s)
                   and (%(action)s::text is null or action = %(action)s)
                   and (%(object_type)s::text is null or object_type = %(object_type)s)
                   and (%(object_id)s::text is null or object_id = %(object_id)s)
                   and (%(since)s::timestamptz is null or at >= %(since)s)
                   and (%(until)s::timestamptz is null or at < %(until)s)
                 order by sequence desc limit %(examined)s) newest
           where %(text)s::text is null
              or strpos(lower(action || ' ' || object_id || ' ' || summary), %(text)s) > 0
           order by sequence desc limit %(limit)s""",
        _parameters(wanted) | {"before": before, "limit": limit, "examined": examined},
    )


async def audit_examined(
    txn: Transaction, wanted: AuditFilter, *, before: int | None, examined: int
) -> int | None:
    """Return the oldest record that `audit_list` looks at, or None where it looks at all there are."""
    return cast(
        "int | None",
        await txn.value(
            """select sequence from audit_records
               where organization_id = %(organization_id)s
                 and (%(before)s::bigint is null or sequence < %(before)s)
                 and (%(actor)s::text is null or actor_id = %(actor)s)
                 and (%(action)s::text is null or action = %(action)s)
                 and (%(object_type)s::text is null or object_type = %(object_type)s)
                 and (%(object_id)s::text is null or object_id = %(object_id)s)
                 and (%(since)s::timestamptz is null or at >= %(since)s)
                 and (%(until)s::timestamptz is null or at < %(until)s)
               order by sequence desc offset %(examined)s limit 1""",
            _parameters(wanted) | {"before": before, "examined": examined - 1},
        ),
    )


async def audit_facets(txn: Transaction) -> list[Facet]:
    """Return every action, type of object and actor of the log, each found by one step in its index."""
    return await txn.rows(
        Facet,
        """with recursive
           actions as (
               (select action as value from audit_records where organization_id = %(organization_id)s
                order by action limit 1)
               union all
               select (select r.action from audit_records r
                       where r.organization_id = %(organization_id)s and r.action > f.value
                       order by r.action limit 1)
               from actions f where f.value is not null),
           types as (
               (select object_type as value from audit_records where organization_id = %(organization_id)s
                order by object_type limit 1)
               union all
               select (select r.object_type from audit_records r
                       where r.organization_id = %(organization_id)s and r.object_type > f.value
                       order by r.object_type limit 1)
               from types f where f.value is not null),
           actors as (
               (select actor_id as value from audit_records where organization_id = %(organization_id)s
                order by actor_id limit 1)
               union all
               select (select r.actor_id from audit_records r
                       where r.organization_id = %(organization_id)s and r.actor_id > f.value
                       order by r.actor_id limit 1)
               from actors f where f.value is not null)
           select 'action' as kind, value from actions where value is not null
           union all select 'object_type', value from types where value is not null
           union all (select 'actor', value from actors where value is not null limit 1000)""",
    )


async def audit_range(txn: Transaction, *, after: int, limit: int) -> list[AuditRow]:
    """Return records in the order they were written, for verifying."""
    return await txn.rows(
        AuditRow,
        """select sequence, at, actor, action, object_type, object_id, summary, before, after, previous_hash, hash
           from audit_records where organization_id = %(organization_id)s and sequence > %(after)s
           order by sequence limit %(limit)s""",
        {"after": after, "limit": limit},
    )


async def audit_head(txn: Transaction) -> Head | None:
    """Return the newest record as the head has it, or None before the first."""
    return await txn.row(
        Head, "select sequence, hash from audit_heads where organization_id = %(organization_id)s"
    )


async def audit_head_unsigned(txn: Transaction) -> Head | None:
    """Return the head where no checkpoint signs it yet."""
    return await txn.row(
        Head,
        """select h.sequence, h.hash from audit_heads h
           where h.organization_id = %(organization_id)s and h.sequence > 0 and not exists (
               select 1 from audit_checkpoints c
               where c.organization_id = h.organization_id and c.sequence >= h.sequence)""",
    )


async def audit_checkpoint_insert(txn: Transaction, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint; a second one of the same record changes nothing."""
    await txn.execute(
        """insert into audit_checkpoints (organization_id, sequence, hash, at, public_key, signature)
           values (%(organization_id)s, %(sequence)s, %(hash)s, %(at)s, %(public_key)s, %(signature)s)
           on conflict do nothing""",
        msgspec.structs.asdict(checkpoint),
    )


async def audit_checkpoint_range(
    txn: Transaction, *, after: int, until: int, limit: int = 10_000
) -> list[Checkpoint]:
    """Return the checkpoints of records after one and up to another."""
    return await txn.rows(
        Checkpoint,
        """select sequence, hash, at, public_key, signature from audit_checkpoints
           where organization_id = %(organization_id)s and sequence > %(after)s and sequence <= %(until)s
           order by sequence limit %(limit)s""",
        {"after": after, "until": until, "limit": limit},
    )


async def audit_people(txn: Transaction, ids: Sequence[str]) -> list[Person]:
    """Return the names that accounts have now, of those that stand in the organisation's log."""
    return await txn.rows(Person, "select id, name from vf.audit_people(%(ids)s::text[])", {"ids": list(ids)})


async def platform_audit_append(txn: Transaction, entries: Sequence[str]) -> None:
    """Append canonical entries to the platform's log."""
    await txn.execute("select vf.platform_audit_append(%(entries)s::text[])", {"entries": list(entries)})


async def platform_audit_range(txn: Transaction, *, after: int, limit: int) -> list[AuditRow]:
    """Return the platform's records in order."""
    return await txn.rows(
        AuditRow,
        "select * from vf.platform_audit_range(%(after)s, %(limit)s)",
        {"after": after, "limit": limit},
    )


async def platform_audit_head(txn: Transaction) -> Head:
    """Return the head of the platform's chain."""
    return (await txn.rows(Head, "select sequence, hash from vf.platform_audit_newest()"))[0]


async def platform_audit_checkpoint_insert(txn: Transaction, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint of the platform's chain."""
    await txn.execute(
        """select vf.platform_audit_checkpoint_add(%(sequence)s, %(hash)s, %(at)s, %(public_key)s, %(signature)s)""",
        msgspec.structs.asdict(checkpoint),
    )


async def platform_audit_checkpoint_range(txn: Transaction, *, after: int, limit: int) -> list[Checkpoint]:
    """Return checkpoints of the platform's chain."""
    return await txn.rows(
        Checkpoint,
        "select * from vf.platform_audit_checkpoint_range(%(after)s, %(limit)s)",
        {"after": after, "limit": limit},
    )


async def platform_audit_checkpoint_newest(txn: Transaction) -> Checkpoint | None:
    """Return the newest checkpoint of the platform's chain."""
    return await txn.row(Checkpoint, "select * from vf.platform_audit_checkpoint_newest()")


async def audit_checkpoint_unshipped(txn: Transaction, place: str) -> Checkpoint | None:
    """Return the organisation's newest checkpoint where the bucket does not have it yet."""
    return await txn.row(
        Checkpoint,
        """select c.sequence, c.hash, c.at, c.public_key, c.signature from audit_checkpoints c
           where c.organization_id = %(organization_id)s and c.sequence > coalesce((
               select s.sequence from audit_shipped s
               where s.organization_id = %(organization_id)s and s.place = %(place)s), 0)
           order by c.sequence desc limit 1""",
        {"place": place},
    )


async def audit_shipped_put(txn: Transaction, place: str, checkpoint: Checkpoint, at: datetime) -> None:
    """Keep which checkpoint the bucket has."""
    await txn.execute(
        """insert into audit_shipped (organization_id, place, sequence, at)
           values (%(organization_id)s, %(place)s, %(sequence)s, %(at)s)
           on conflict (organization_id, place) do update
           set sequence = excluded.sequence, at = excluded.at
           where audit_shipped.organization_id = %(organization_id)s
             and audit_shipped.sequence < excluded.sequence""",
        {"place": place, "sequence": checkpoint.sequence, "at": at},
    )


async def audit_proof(txn: Transaction) -> ProofRow | None:
    """Return how far an organisation's log is written, signed and shipped."""
    return await txn.row(
        ProofRow,
        """select h.sequence, c.sequence as signed, c.at as signed_at, s.sequence as shipped, s.at as shipped_at
           from audit_heads h
           left join lateral (
               select sequence, at from audit_checkpoints
               where organization_id = %(organization_id)s order by sequence desc limit 1) c on true
           left join lateral (
               select sequence, at from audit_shipped
               where organization_id = %(organization_id)s order by at desc limit 1) s on true
           where h.organization_id = %(organization_id)s""",
    )


async def shipping_position(txn: Transaction, place: str) -> ShippingPosition:
    """Return how far the shipper is with a bucket."""
    found = await txn.row(
        ShippingPosition,
        "select sequence, hash, sealed_at from vf.audit_shipping(%(place)s)",
        {"place": place},
    )
    return found or ShippingPosition(0, None, None)


async def shipping_sealed_at(txn: Transaction) -> datetime | None:
    """Return when the newest sealed object was made; None where nothing was ever shipped."""
    return cast("datetime | None", await txn.value("select vf.audit_shipping_sealed_at()"))


async def shipping_advance(txn: Transaction, place: str, sequence: int, digest: bytes) -> None:
    """Keep the last record of the platform's log that the bucket has."""
    await txn.execute(
        "select vf.audit_shipping_advance(%(place)s, %(sequence)s, %(hash)s)",
        {"place": place, "sequence": sequence, "hash": digest},
    )


async def shipping_sealed(txn: Transaction, place: str, at: datetime) -> None:
    """Keep when the last sealed object was made."""
    await txn.execute("select vf.audit_shipping_sealed(%(place)s, %(at)s)", {"place": place, "at": at})


def _parameters(wanted: AuditFilter) -> dict[str, object]:
    fields = msgspec.structs.asdict(wanted)
    return fields | {"text": wanted.text.lower() if wanted.text else None}
