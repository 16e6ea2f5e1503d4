"""The SQL of channels. Where a channel leads is sealed: the app role writes it and never reads it."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.alerts.types import ChannelKind, ChannelRow
from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction


class ChannelColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What keeping a channel writes."""

    name: str
    shown: str
    target: bytes
    version: int
    updated_by: str


async def channel_list(txn: Transaction, environment_id: UUID) -> list[ChannelRow]:
    """Return an environment's channels by name, each with how its newest message went."""
    return await txn.rows(
        ChannelRow,
        """select c.id, c.name, c.kind, c.shown, c.version, c.updated_at, c.updated_by,
            n.state as last_state, n.changed_at as last_at, coalesce(n.last_error, '') as last_error
        from channels c
        left join lateral (
            select state, changed_at, last_error from notifications
            where organization_id = c.organization_id and channel_id = c.id order by id desc limit 1) n on true
        where c.organization_id = %(organization_id)s and c.environment_id = %(environment_id)s
        order by c.name, c.id""",
        {"environment_id": environment_id},
    )


async def channel_lock(txn: Transaction, environment_id: UUID, channel_id: UUID) -> ChannelRow | None:
    """Return a channel, holding its row until the transaction ends."""
    return await txn.row(
        ChannelRow,
        """select id, name, kind, shown, version, updated_at, updated_by from channels
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s
        for update""",
        {"environment_id": environment_id, "id": channel_id},
    )


async def channel_count(txn: Transaction, environment_id: UUID) -> int:
    """Return how many channels an environment has."""
    return int(
        await txn.value(
            """select count(*) from channels
            where organization_id = %(organization_id)s and environment_id = %(environment_id)s""",
            {"environment_id": environment_id},
        )
    )


async def channel_names(txn: Transaction, environment_id: UUID, but: UUID) -> list[str]:
    """Return the names of the environment's other channels."""
    found: Sequence[str] | None = await txn.value(
        """select array_agg(name) from channels where organization_id = %(organization_id)s
        and environment_id = %(environment_id)s and id <> %(but)s""",
        {"environment_id": environment_id, "but": but},
    )
    return list(found or ())


async def channel_insert(
    txn: Transaction, environment_id: UUID, channel_id: UUID, kind: ChannelKind, channel: ChannelColumns
) -> None:
    """Store a new channel."""
    await txn.execute(
        """insert into channels (organization_id, id, environment_id, name, kind, shown, target, version, updated_by)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(kind)s, %(shown)s, %(target)s,
            %(version)s, %(updated_by)s)""",
        {
            "environment_id": environment_id,
            "id": channel_id,
            "kind": kind,
            **msgspec.structs.asdict(channel),
        },
    )


async def channel_update(txn: Transaction, channel_id: UUID, channel: ChannelColumns) -> None:
    """Store a channel's next version."""
    await txn.execute(
        """update channels set name = %(name)s, shown = %(shown)s, target = %(target)s, version = %(version)s,
            updated_at = now(), updated_by = %(updated_by)s
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": channel_id, **msgspec.structs.asdict(channel)},
    )


async def channel_rules(txn: Transaction, channel_id: UUID) -> list[str]:
    """Return the names of the rules that tell a channel."""
    found: Sequence[str] | None = await txn.value(
        """select array_agg(r.name order by r.name) from alert_rule_channels c
        join alert_rules r on r.organization_id = c.organization_id and r.id = c.rule_id
        where c.organization_id = %(organization_id)s and c.channel_id = %(id)s""",
        {"id": channel_id},
    )
    return list(found or ())


async def channel_delete(txn: Transaction, channel_id: UUID) -> None:
    """Remove a channel with what was to be sent by it."""
    await txn.execute(
        "delete from channels where organization_id = %(organization_id)s and id = %(id)s", {"id": channel_id}
    )


async def channel_targets(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed targets by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, version as row_version, target as value from channels
        where organization_id = %(organization_id)s and id > %(after)s
          and (%(key_version)s::bytea is null or substring(target from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def channel_target_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace targets that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update channels c set target = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where c.organization_id = %(organization_id)s and c.id = n.id and c.target = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )
