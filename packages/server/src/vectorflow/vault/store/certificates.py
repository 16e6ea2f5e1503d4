"""The SQL of certificates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from vectorflow.kernel.actor import Actor
from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.vault.store.secrets import ToldRow
from vectorflow.vault.types import State


class CertificateRow(msgspec.Struct, frozen=True):
    """A certificate with its newest version; `facts` are what it says in public."""

    id: UUID
    name: str
    description: str
    version: int
    created_at: datetime
    updated_at: datetime
    sha256: bytes
    facts: dict[str, Any]
    not_before: datetime
    not_after: datetime
    has_key: bool
    uploaded_by: str
    state: State


class CertificateVersion(msgspec.Struct, frozen=True):
    """One version of a certificate."""

    version: int
    sha256: bytes
    not_before: datetime
    not_after: datetime
    has_key: bool
    created_at: datetime
    created_by: str


class CertificateColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What a new version writes."""

    id: UUID
    sha256: bytes
    facts: dict[str, Any]
    not_before: datetime
    not_after: datetime
    private_key: bytes | None


class LentCertificate(msgspec.Struct, frozen=True):
    """What a document needs of a certificate."""

    name: str
    version: int
    sha256: bytes
    has_key: bool


class SealedKey(msgspec.Struct, frozen=True):
    """A sealed private key; only the role signer may read it."""

    name: str
    version_id: UUID
    version: int
    private_key: bytes


async def certificate_list(
    txn: Transaction, environment_id: UUID, *, after: str | None, limit: int, text: str | None
) -> list[CertificateRow]:
    """Return certificates by name, from after the name given; `text` must stand in name or facts."""
    return await txn.rows(
        CertificateRow,
        """select c.id, c.name, c.description, c.version, c.created_at, c.updated_at, v.sha256, v.facts, v.not_before,
            v.not_after, v.has_key, v.created_by as uploaded_by,
            case when v.not_after <= now() then 'expired'
                 when v.not_after <= now() + make_interval(days => 14) then 'due' else 'ok' end as state
        from certificates c
        join certificate_versions v on v.organization_id = c.organization_id and v.certificate_id = c.id
            and v.version = c.version
        where c.organization_id = %(organization_id)s and c.environment_id = %(environment_id)s
          and c.name > coalesce(%(after)s, '')
          and (%(text)s::text is null or strpos(lower(c.name), lower(%(text)s)) > 0
               or strpos(lower(v.facts::text), lower(%(text)s)) > 0)
        order by c.name limit %(limit)s""",
        {"environment_id": environment_id, "after": after, "limit": limit, "text": text},
    )


_ONE = """select c.id, c.name, c.description, c.version, c.created_at, c.updated_at, v.sha256, v.facts, v.not_before,
            v.not_after, v.has_key, v.created_by as uploaded_by,
            case when v.not_after <= now() then 'expired'
                 when v.not_after <= now() + make_interval(days => 14) then 'due' else 'ok' end as state
        from certificates c
        join certificate_versions v on v.organization_id = c.organization_id and v.certificate_id = c.id
            and v.version = c.version
        where c.organization_id = %(organization_id)s and c.environment_id = %(environment_id)s and c.id = %(id)s"""


async def certificate_get(
    txn: Transaction, environment_id: UUID, certificate_id: UUID
) -> CertificateRow | None:
    """Return a certificate, whoever is changing it."""
    return await txn.row(CertificateRow, _ONE, {"environment_id": environment_id, "id": certificate_id})


async def certificate_lock(
    txn: Transaction, environment_id: UUID, certificate_id: UUID
) -> CertificateRow | None:
    """Return a certificate, holding its row until the transaction ends."""
    return await txn.row(
        CertificateRow, _ONE + " for update of c", {"environment_id": environment_id, "id": certificate_id}
    )


async def certificate_hold(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> None:
    """Keep the certificates of these names as they are until the transaction ends."""
    await txn.execute(
        """select 1 from certificates
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name for share""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def certificate_lend(
    txn: Transaction, environment_id: UUID, names: Sequence[str]
) -> list[LentCertificate]:
    """Return what documents need of certificates."""
    return await txn.rows(
        LentCertificate,
        """select c.name, v.version, v.sha256, v.has_key from certificates c
        join certificate_versions v on v.organization_id = c.organization_id and v.certificate_id = c.id
            and v.version = c.version
        where c.organization_id = %(organization_id)s and c.environment_id = %(environment_id)s
          and c.name = any(%(names)s::text[])
        order by c.name""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def certificate_insert(
    txn: Transaction, environment_id: UUID, certificate_id: UUID, name: str, description: str
) -> bool:
    """Store a new certificate without a version; False when the name is taken."""
    return (
        await txn.execute(
            """insert into certificates (organization_id, id, environment_id, name, description, version)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(description)s, 1)
            on conflict (organization_id, environment_id, name) do nothing""",
            {
                "id": certificate_id,
                "environment_id": environment_id,
                "name": name,
                "description": description,
            },
        )
        == 1
    )


async def certificate_next_version(txn: Transaction, certificate_id: UUID) -> int:
    """Count a certificate's version up."""
    return int(
        await txn.value(
            """update certificates set version = version + 1, updated_at = now(), told_state = 'ok'
            where organization_id = %(organization_id)s and id = %(id)s returning version""",
            {"id": certificate_id},
        )
    )


async def certificate_version_insert(
    txn: Transaction, certificate_id: UUID, version: int, columns: CertificateColumns, actor: Actor
) -> None:
    """Store a version of a certificate whose chain is kept as a content."""
    await txn.execute(
        """insert into certificate_versions (organization_id, id, certificate_id, version, sha256, facts, not_before,
            not_after, private_key, created_by, created_by_id)
        values (%(organization_id)s, %(id)s, %(certificate_id)s, %(version)s, %(sha256)s, %(facts)s, %(not_before)s,
            %(not_after)s, %(private_key)s, %(actor)s, %(actor_id)s)""",
        {
            "certificate_id": certificate_id,
            "version": version,
            **msgspec.structs.asdict(columns),
            "facts": Json(columns.facts),
            "actor": actor.name[:200],
            "actor_id": actor.account_id,
        },
    )


async def certificate_version_list(
    txn: Transaction, certificate_id: UUID, limit: int
) -> list[CertificateVersion]:
    """Return a certificate's versions, newest first."""
    return await txn.rows(
        CertificateVersion,
        """select version, sha256, not_before, not_after, has_key, created_at, created_by from certificate_versions
        where organization_id = %(organization_id)s and certificate_id = %(certificate_id)s
        order by version desc limit %(limit)s""",
        {"certificate_id": certificate_id, "limit": limit},
    )


async def certificate_delete(txn: Transaction, certificate_id: UUID) -> None:
    """Remove a certificate with its versions and keys."""
    await txn.execute(
        "delete from certificates where organization_id = %(organization_id)s and id = %(id)s",
        {"id": certificate_id},
    )


async def certificate_key_list(
    txn: Transaction, environment_id: UUID, names: Sequence[str]
) -> list[SealedKey]:
    """Return the sealed private keys of all versions of certificates (role signer only)."""
    return await txn.rows(
        SealedKey,
        """select c.name, v.id as version_id, v.version, v.private_key from certificates c
        join certificate_versions v on v.organization_id = c.organization_id and v.certificate_id = c.id
        where c.organization_id = %(organization_id)s and c.environment_id = %(environment_id)s
          and v.private_key is not null and c.name = any(%(names)s::text[])
        order by c.name, v.version""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def certificate_key_batch(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed private keys by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, version as row_version, private_key as value from certificate_versions
        where organization_id = %(organization_id)s and id > %(after)s and private_key is not null
          and (%(key_version)s::bytea is null or substring(private_key from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def certificate_key_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace private keys that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update certificate_versions v set private_key = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where v.organization_id = %(organization_id)s and v.id = n.id and v.private_key = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )


async def certificate_state_list(txn: Transaction) -> list[ToldRow]:
    """Return certificates whose state changed since it was last told, and hold them."""
    return await txn.rows(
        ToldRow,
        """select id, name, state, told_state from (
            select c.id, c.name, c.told_state,
                case when v.not_after <= now() then 'expired'
                     when v.not_after <= now() + make_interval(days => 14) then 'due' else 'ok' end as state
            from certificates c
            join certificate_versions v on v.organization_id = c.organization_id and v.certificate_id = c.id
                and v.version = c.version
            where c.organization_id = %(organization_id)s for update of c) as found
        where state <> told_state""",
    )


async def certificate_told(txn: Transaction, certificate_id: UUID, state: State) -> None:
    """Note which state of a certificate was told."""
    await txn.execute(
        """update certificates set told_state = %(state)s
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": certificate_id, "state": state},
    )
