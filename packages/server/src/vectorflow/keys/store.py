"""The SQL of data keys, signing keys and key lists."""

from datetime import datetime
from uuid import UUID

import msgspec

from vectorflow.keys.types import DataKey, SigningKey, StoredKeyList
from vectorflow.platform.database import Transaction


class SealedSigningKey(msgspec.Struct, frozen=True):
    """A signing key with its sealed private part; only the role signer may read it."""

    id: UUID
    public: bytes
    private: bytes


async def data_key_current(txn: Transaction) -> DataKey | None:
    """Return the data key that new values are sealed with."""
    return await txn.row(
        DataKey,
        """select id, version, wrapped, provider from data_keys
        where organization_id = %(organization_id)s and retired_at is null
        order by version desc limit 1""",
    )


async def data_key_find(txn: Transaction, version: int) -> DataKey | None:
    """Return the data key of a version, retired or not."""
    return await txn.row(
        DataKey,
        """select id, version, wrapped, provider from data_keys
        where organization_id = %(organization_id)s and version = %(version)s""",
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


async def signing_key_lock(txn: Transaction) -> None:
    """Let one transaction at a time make signing keys for the organisation."""
    await txn.execute(
        "select pg_advisory_xact_lock(hashtextextended('signing-keys:' || %(organization_id)s::text, 0))"
    )


async def signing_key_list(txn: Transaction) -> list[SigningKey]:
    """Return the public parts of the keys in use, newest first."""
    return await txn.rows(
        SigningKey,
        """select id, kind, public, not_before, not_after from signing_keys
        where organization_id = %(organization_id)s and retired_at is null
        order by not_before desc, id desc""",
    )


async def signing_key_sealed(txn: Transaction, key_id: UUID) -> SealedSigningKey | None:
    """Return a key with its sealed private part (role signer only)."""
    return await txn.row(
        SealedSigningKey,
        """select id, public, private from signing_keys
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": key_id},
    )


async def signing_key_insert(txn: Transaction, key: SigningKey, private: bytes) -> None:
    """Store a new signing key with its sealed private part."""
    await txn.execute(
        """insert into signing_keys (organization_id, id, kind, public, private, not_before, not_after)
        values (%(organization_id)s, %(id)s, %(kind)s, %(public)s, %(private)s, %(not_before)s, %(not_after)s)""",
        {**msgspec.structs.asdict(key), "private": private},
    )


async def signing_key_retire_expired(txn: Transaction, now: datetime) -> int:
    """Retire the online keys whose time is over."""
    return await txn.execute(
        """update signing_keys set retired_at = %(now)s
        where organization_id = %(organization_id)s and kind = 'online' and retired_at is null
          and not_after <= %(now)s""",
        {"now": now},
    )


async def key_list_newest(txn: Transaction) -> StoredKeyList | None:
    """Return the newest signed key list."""
    return await txn.row(
        StoredKeyList,
        """select version, envelope, issued_at, expires_at from key_lists
        where organization_id = %(organization_id)s order by version desc limit 1""",
    )


async def key_list_insert(txn: Transaction, row_id: UUID, keys: StoredKeyList) -> None:
    """Store a new signed key list."""
    await txn.execute(
        """insert into key_lists (organization_id, id, version, envelope, issued_at, expires_at)
        values (%(organization_id)s, %(id)s, %(version)s, %(envelope)s, %(issued_at)s, %(expires_at)s)""",
        {**msgspec.structs.asdict(keys), "id": row_id},
    )
