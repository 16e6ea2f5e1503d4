"""The SQL of signing keys and key lists."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from vectorflow.keys.types import Resealed, SealedValue, SigningKey, StoredKeyList
from vectorflow.platform.database import Transaction


class SealedSigningKey(msgspec.Struct, frozen=True):
    """A signing key with its sealed private part; only the role signer may read it."""

    id: UUID
    public: bytes
    private: bytes


class OnlineSigningKey(SealedSigningKey, frozen=True):
    """The online key that signs now, with the version of the newest key list."""

    keys_version: int


async def signing_key_private_batch(
    txn: Transaction, after: UUID, limit: int, version: int | None = None
) -> list[SealedValue]:
    """Return sealed private parts by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, 1 as row_version, private as value from signing_keys
        where organization_id = %(organization_id)s and id > %(after)s
          and (%(version)s::bytea is null or substring(private from 2 for 4) = %(version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "version": version_bytes(version)},
    )


async def signing_key_private_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace private parts that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update signing_keys k set private = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where k.organization_id = %(organization_id)s and k.id = n.id and k.private = n.old""",
        swap_parameters(values),
    )


def swap_parameters(values: Sequence[Resealed]) -> dict[str, list[UUID] | list[bytes]]:
    """Return the arrays that a swap is bound to."""
    return {
        "ids": [each.id for each in values],
        "old": [each.old for each in values],
        "new": [each.new for each in values],
    }


def version_bytes(version: int | None) -> bytes | None:
    """Return a key version as ciphertexts carry it."""
    return None if version is None else version.to_bytes(4, "big")


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


async def signing_key_online(txn: Transaction, now: datetime) -> OnlineSigningKey | None:
    """Return the newest online key that is valid at a moment, once there is a key list (role signer only)."""
    return await txn.row(
        OnlineSigningKey,
        """select k.id, k.public, k.private, l.version as keys_version
        from signing_keys k
        join (select max(version) as version from key_lists where organization_id = %(organization_id)s) l
            on l.version is not null
        where k.organization_id = %(organization_id)s and k.kind = 'online' and k.retired_at is null
          and k.not_before <= %(now)s and (k.not_after is null or k.not_after > %(now)s)
        order by k.not_before desc, k.id desc limit 1""",
        {"now": now},
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
