"""The SQL of the platform's own data key, which is reached by exact version through schema ``vf``."""

from vectorflow.keys.types import DataKey, KeyState
from vectorflow.platform.database import Transaction


async def platform_data_key(txn: Transaction, version: int | None = None) -> DataKey | None:
    """Return the key of a version, or the one that new values are sealed with; none when it was destroyed."""
    return await txn.row(
        DataKey,
        "select id, version, wrapped, provider from vf.platform_data_key(%(version)s::integer)",
        {"version": version},
    )


async def platform_data_key_add(txn: Transaction, key: DataKey) -> bool:
    """Store a new version; False when somebody was first."""
    return bool(
        await txn.value(
            "select vf.platform_data_key_add(%(id)s, %(version)s::integer, %(wrapped)s::bytea, %(provider)s)",
            {"id": key.id, "version": key.version, "wrapped": key.wrapped, "provider": key.provider},
        )
    )


async def platform_data_key_count(txn: Transaction, version: int, encryptions: int) -> int | None:
    """Count encryptions before they are made; return how many the version was given, none if it is no more."""
    counted = await txn.value(
        "select vf.platform_data_key_count(%(version)s::integer, %(encryptions)s::bigint)",
        {"version": version, "encryptions": encryptions},
    )
    return None if counted is None else int(counted)


async def platform_data_key_list(txn: Transaction) -> list[KeyState]:
    """Return every version, newest first (role signer only)."""
    return await txn.rows(
        KeyState,
        """select id, version, wrapped, provider, retired_at, destroyed_at, encryptions, age
        from vf.platform_data_keys_all()""",
    )


async def platform_data_key_rewrap(txn: Transaction, key: DataKey, old: bytes) -> bool:
    """Replace how a version is wrapped, if it is still wrapped the old way (role signer only)."""
    return bool(
        await txn.value(
            "select vf.platform_data_key_rewrap(%(id)s, %(old)s::bytea, %(new)s::bytea, %(provider)s)",
            {"id": key.id, "old": old, "new": key.wrapped, "provider": key.provider},
        )
    )


async def platform_data_key_retire_before(txn: Transaction, version: int) -> None:
    """Retire the versions before this one (role signer only)."""
    await txn.execute("select vf.platform_data_key_retire_before(%(version)s::integer)", {"version": version})


async def platform_data_key_destroy(txn: Transaction, version: int) -> None:
    """Forget a retired version for good (role signer only)."""
    await txn.execute("select vf.platform_data_key_destroy(%(version)s::integer)", {"version": version})


async def platform_data_key_hold(txn: Transaction) -> None:
    """Keep versions from being destroyed until the transaction ends."""
    await txn.execute("select pg_advisory_xact_lock_shared(hashtextextended('platform-data-key', 0))")


async def platform_data_key_lock(txn: Transaction) -> None:
    """Wait at most two seconds until nobody holds a version, then hold them alone."""
    await txn.execute("set local lock_timeout = '2s'")
    await txn.execute("select pg_advisory_xact_lock(hashtextextended('platform-data-key', 0))")
