"""The SQL of outside stores."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction


class StoreRow(msgspec.Struct, frozen=True):
    """An outside store without its credentials."""

    id: UUID
    name: str
    kind: str
    resolve: str
    settings: dict[str, Any]
    version: int
    last_error: str
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


class StoreSealed(msgspec.Struct, frozen=True):
    """An outside store with its sealed credentials; only the role signer may read it."""

    id: UUID
    name: str
    kind: str
    settings: dict[str, Any]
    version: int
    credentials: bytes


class OutsideRow(msgspec.Struct, frozen=True):
    """A secret that lies in an outside store."""

    id: UUID
    name: str
    environment_id: UUID
    store_id: UUID
    store_name: str
    resolve: str
    store_path: str
    store_field: str
    outside_version: str


async def store_list(txn: Transaction, environment_id: UUID) -> list[StoreRow]:
    """Return every store of an environment, by name."""
    return await txn.rows(
        StoreRow,
        """select id, name, kind, resolve, settings, version, last_error, last_used_at, created_at, updated_at
        from secret_stores
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
        order by name""",
        {"environment_id": environment_id},
    )


async def store_get(txn: Transaction, environment_id: UUID, store_id: UUID) -> StoreRow | None:
    """Return a store."""
    return await txn.row(
        StoreRow,
        """select id, name, kind, resolve, settings, version, last_error, last_used_at, created_at, updated_at
        from secret_stores
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s""",
        {"environment_id": environment_id, "id": store_id},
    )


async def store_insert(
    txn: Transaction, environment_id: UUID, store: StoreRow, credentials: bytes | None
) -> bool:
    """Keep a new store; False when the name is taken."""
    return (
        await txn.execute(
            """insert into secret_stores (organization_id, id, environment_id, name, kind, resolve, settings,
                credentials, version)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(kind)s, %(resolve)s, %(settings)s,
                %(credentials)s, 1)
            on conflict (organization_id, environment_id, name) do nothing""",
            {
                "id": store.id,
                "environment_id": environment_id,
                "name": store.name,
                "kind": store.kind,
                "resolve": store.resolve,
                "settings": Json(store.settings),
                "credentials": credentials,
            },
        )
        == 1
    )


async def store_update(
    txn: Transaction, store: StoreRow, settings: dict[str, Any], credentials: bytes | None
) -> bool:
    """Replace settings and credentials as the next version; False when somebody else was first."""
    return (
        await txn.execute(
            """update secret_stores set settings = %(settings)s, credentials = %(credentials)s,
                version = %(version)s + 1, updated_at = now()
            where organization_id = %(organization_id)s and id = %(id)s and version = %(version)s""",
            {
                "id": store.id,
                "settings": Json(settings),
                "credentials": credentials,
                "version": store.version,
            },
        )
        == 1
    )


async def store_delete(txn: Transaction, store_id: UUID) -> None:
    """Remove a store in which no secret lies."""
    await txn.execute(
        "delete from secret_stores where organization_id = %(organization_id)s and id = %(id)s",
        {"id": store_id},
    )


async def store_secret_names(txn: Transaction, store_id: UUID) -> list[str]:
    """Return the names of the secrets that lie in a store."""
    found: Sequence[str] | None = await txn.value(
        """select array_agg(name order by name) from secrets
        where organization_id = %(organization_id)s and store_id = %(store_id)s""",
        {"store_id": store_id},
    )
    return list(found or ())


async def store_of_ids(txn: Transaction, store_ids: Sequence[UUID]) -> list[StoreSealed]:
    """Return stores with their sealed credentials (role signer only)."""
    return await txn.rows(
        StoreSealed,
        """select id, name, kind, settings, version, credentials from secret_stores
        where organization_id = %(organization_id)s and id = any(%(ids)s) and credentials is not null""",
        {"ids": list(store_ids)},
    )


async def outside_list(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[OutsideRow]:
    """Return which of these secrets lie in outside stores, and where."""
    return await txn.rows(
        OutsideRow,
        """select s.id, s.name, s.environment_id, t.id as store_id, t.name as store_name, t.resolve, s.store_path,
            s.store_field, s.outside_version
        from secrets s join secret_stores t on t.organization_id = s.organization_id and t.id = s.store_id
        where s.organization_id = %(organization_id)s and s.environment_id = %(environment_id)s
          and s.name = any(%(names)s::text[])
        order by s.name""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def outside_told(txn: Transaction, secret_id: UUID, version: str) -> None:
    """Note the version that a store told of; a change makes the signer give nodes a new bundle (role signer only)."""
    await txn.execute(
        """update secrets set outside_version = %(version)s
        where organization_id = %(organization_id)s and id = %(id)s and outside_version <> %(version)s""",
        {"id": secret_id, "version": version},
    )


async def store_told(txn: Transaction, store_id: UUID, problem: str) -> None:
    """Note how the last look-up went; empty when it went well (role signer only)."""
    await txn.execute(
        """update secret_stores set last_error = %(problem)s, last_used_at = now()
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": store_id, "problem": problem[:500]},
    )


async def store_value_batch(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed credentials by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, version as row_version, credentials as value from secret_stores
        where organization_id = %(organization_id)s and id > %(after)s and credentials is not null
          and (%(key_version)s::bytea is null or substring(credentials from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def store_value_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace credentials that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update secret_stores v set credentials = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where v.organization_id = %(organization_id)s and v.id = n.id and v.credentials = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )
