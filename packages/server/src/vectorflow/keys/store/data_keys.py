"""The SQL of data keys: versions, their wrapping, and how often each was used."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from vectorflow.keys.types import DataKey, KeyState
from vectorflow.platform.database import Transaction


async def data_key_current(txn: Transaction) -> DataKey | None:
    """Return the data key that new values are sealed with."""
    return await txn.row(
        DataKey,
        """select id, version, wrapped, provider from data_keys
        where organization_id = %(organization_id)s and retired_at is null
        order by version desc limit 1""",
    )


async def data_key_find(txn: Transaction, version: int) -> DataKey | None:
    """Return the data key of a version, retired or not; none when it was destroyed."""
    return await txn.row(
        DataKey,
        """select id, version, wrapped, provider from data_keys
        where organization_id = %(organization_id)s and version = %(version)s and destroyed_at is null""",
        {"version": version},
    )


async def data_key_insert(txn: Transaction, key: DataKey) -> bool:
    """Store a new data key; False when this version exists already."""
    return (
        await txn.execute(
            """insert into data_keys (organization_id, id, version, wrapped, provider)
        values (%(organization_id)s, %(id)s, %(version)s, %(wrapped)s, %(provider)s)
        on conflict (organization_id, version) do nothing""",
            {"id": key.id, "version": key.version, "wrapped": key.wrapped, "provider": key.provider},
        )
        == 1
    )


async def data_key_hold(txn: Transaction) -> None:
    """Keep the organisation's key versions from being rotated or destroyed until the transaction ends."""
    await txn.execute(
        "select pg_advisory_xact_lock_shared(hashtextextended('data-keys:' || %(organization_id)s::text, 0))"
    )


async def data_key_lock(txn: Transaction) -> None:
    """Wait at most two seconds until nobody holds the organisation's keys, then hold them alone."""
    await txn.execute("set local lock_timeout = '2s'")
    await txn.execute(
        "select pg_advisory_xact_lock(hashtextextended('data-keys:' || %(organization_id)s::text, 0))"
    )


async def platform_key_hold(txn: Transaction) -> None:
    """Let nobody think that a change of platform key reached everything while this transaction wraps a key."""
    await txn.execute("select pg_advisory_xact_lock_shared(hashtextextended('platform-key', 0))")


async def platform_key_wait(txn: Transaction) -> None:
    """Wait for every transaction that may have wrapped a new organisation's key under the former platform key."""
    await txn.execute("select pg_advisory_xact_lock(hashtextextended('platform-key', 0))")


async def data_key_list(txn: Transaction) -> list[KeyState]:
    """Return every version of the data key, newest first, with the encryptions it was given."""
    return await txn.rows(
        KeyState,
        """select k.id, k.version, k.wrapped, k.provider, k.retired_at, k.destroyed_at, now() - k.created_at as age,
          coalesce((select sum(l.encryptions) from data_key_leases l
            where l.organization_id = k.organization_id and l.key_version = k.version), 0)::bigint as encryptions
        from data_keys k where k.organization_id = %(organization_id)s order by k.version desc""",
    )


async def data_key_retire_before(txn: Transaction, version: int) -> None:
    """Retire the versions before this one."""
    await txn.execute(
        """update data_keys set retired_at = now()
        where organization_id = %(organization_id)s and version < %(version)s and retired_at is null""",
        {"version": version},
    )


async def data_key_rewrap(txn: Transaction, key: DataKey, old: bytes) -> bool:
    """Replace how a data key is wrapped and by whom, if it is still wrapped the old way."""
    return (
        await txn.execute(
            """update data_keys set wrapped = %(new)s, provider = %(provider)s
            where organization_id = %(organization_id)s and id = %(id)s and wrapped = %(old)s""",
            {"id": key.id, "old": old, "new": key.wrapped, "provider": key.provider},
        )
        == 1
    )


async def data_key_destroy(txn: Transaction, version: int) -> None:
    """Forget a retired data key for good."""
    await txn.execute(
        """update data_keys set wrapped = decode(repeat('00', 48), 'hex'), destroyed_at = now()
        where organization_id = %(organization_id)s and version = %(version)s and retired_at is not null""",
        {"version": version},
    )


async def data_key_destroy_all(txn: Transaction) -> int:
    """Forget every data key of the organisation for good; return how many there were."""
    return await txn.execute(
        """update data_keys set wrapped = decode(repeat('00', 48), 'hex'),
          retired_at = coalesce(retired_at, now()), destroyed_at = now()
        where organization_id = %(organization_id)s and destroyed_at is null"""
    )


async def data_key_count_not_of(txn: Transaction, providers: Sequence[str]) -> int:
    """Return how many data keys that are not destroyed were wrapped by none of these providers."""
    return int(
        await txn.value(
            """select count(*) from data_keys
            where organization_id = %(organization_id)s and destroyed_at is null
              and provider <> all(%(providers)s::text[])""",
            {"providers": list(providers)},
        )
    )


async def data_keys_forgotten_at(txn: Transaction, retention: timedelta) -> datetime:
    """Return when no backup holds any of the organisation's destroyed data keys any more."""
    moment = await txn.value(
        """select greatest(coalesce(max(destroyed_at), now()) + %(retention)s::interval, vf.backups_gone_at())
        from data_keys
        where organization_id = %(organization_id)s""",
        {"retention": retention},
    )
    assert isinstance(moment, datetime)  # noqa: S101 - tells mypy what the database gives
    return moment


async def data_key_lease_insert(txn: Transaction, row_id: UUID, version: int, encryptions: int) -> int:
    """Count encryptions for a key version; return how many it was given with these."""
    await txn.execute(
        """insert into data_key_leases (organization_id, id, key_version, encryptions)
        values (%(organization_id)s, %(id)s, %(version)s, %(encryptions)s)""",
        {"id": row_id, "version": version, "encryptions": encryptions},
    )
    return int(
        await txn.value(
            """select sum(encryptions) from data_key_leases
            where organization_id = %(organization_id)s and key_version = %(version)s""",
            {"version": version},
        )
    )


async def organizations_with_data_keys(txn: Transaction) -> list[UUID]:
    """Return every organisation (role signer only)."""
    return await txn.rows_of_ids("select vf.organizations_for_keys() as id")


async def sealed_column_names(txn: Transaction, *, platform: bool = False) -> set[str]:
    """Return the sensitive columns as ``table.column``, read from the database's catalogue.

    Those sealed by the platform's own key say so: their comment begins with ``platform:``.
    """
    names = await txn.value(
        """select coalesce(array_agg(c.relname || '.' || a.attname), '{}')
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
        where t.typname = 'sealed' and t.typnamespace = 'vf'::regnamespace and not a.attisdropped
          and c.relkind in ('r', 'p') and not c.relispartition
          and (coalesce(col_description(c.oid, a.attnum), '') like 'platform:%%') = %(platform)s""",
        {"platform": platform},
    )
    return set(names)
