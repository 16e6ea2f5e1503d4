"""The SQL of secrets and their uses."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.vault.types import PipelineUses, Secret, SecretUse


class SealedVersion(msgspec.Struct, frozen=True):
    """The newest version of a secret with its sealed value; only the role signer may read it."""

    name: str
    version_id: UUID
    version: int
    value: bytes


class NamedUse(msgspec.Struct, frozen=True):
    """One pipeline that uses one secret."""

    secret_name: str
    pipeline_id: UUID
    name: str


async def secret_list(
    txn: Transaction, environment_id: UUID, *, after: str | None, limit: int, text: str | None
) -> list[Secret]:
    """Return secrets by name, from after the name given; `text` must stand in the name."""
    return await txn.rows(
        Secret,
        """select id, name, version, created_at, updated_at from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name > coalesce(%(after)s, '')
          and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0)
        order by name limit %(limit)s""",
        {"environment_id": environment_id, "after": after, "limit": limit, "text": text},
    )


async def secret_lock(txn: Transaction, environment_id: UUID, secret_id: UUID) -> Secret | None:
    """Return a secret, holding its row until the transaction ends."""
    return await txn.row(
        Secret,
        """select id, name, version, created_at, updated_at from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s
        for update""",
        {"environment_id": environment_id, "id": secret_id},
    )


async def secret_insert(txn: Transaction, environment_id: UUID, secret_id: UUID, name: str) -> Secret | None:
    """Store a new secret; None when the name is taken."""
    return await txn.row(
        Secret,
        """insert into secrets (organization_id, id, environment_id, name, version)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, 1)
        on conflict (organization_id, environment_id, name) do nothing
        returning id, name, version, created_at, updated_at""",
        {"id": secret_id, "environment_id": environment_id, "name": name},
    )


async def secret_next_version(txn: Transaction, secret_id: UUID) -> Secret | None:
    """Count a secret's version up."""
    return await txn.row(
        Secret,
        """update secrets set version = version + 1, updated_at = now()
        where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, version, created_at, updated_at""",
        {"id": secret_id},
    )


async def secret_version_insert(
    txn: Transaction, secret: Secret, version_id: UUID, value: bytes, created_by: UUID | None
) -> None:
    """Store a sealed value as the secret's present version."""
    await txn.execute(
        """insert into secret_versions (organization_id, id, secret_id, version, value, created_by)
        values (%(organization_id)s, %(id)s, %(secret_id)s, %(version)s, %(value)s, %(created_by)s)""",
        {
            "id": version_id,
            "secret_id": secret.id,
            "version": secret.version,
            "value": value,
            "created_by": created_by,
        },
    )


async def secret_delete(txn: Transaction, secret_id: UUID) -> None:
    """Remove a secret and all its versions."""
    await txn.execute(
        "delete from secrets where organization_id = %(organization_id)s and id = %(id)s", {"id": secret_id}
    )


async def secret_names_lock(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[str]:
    """Return which of the names exist, keeping them from being deleted until the transaction ends."""
    rows = await txn.rows(
        Secret,
        """select id, name, version, created_at, updated_at from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name for key share""",
        {"environment_id": environment_id, "names": list(names)},
    )
    return [row.name for row in rows]


async def secret_version_list_sealed(
    txn: Transaction, environment_id: UUID, names: Sequence[str]
) -> list[SealedVersion]:
    """Return the present sealed values (role signer only)."""
    return await txn.rows(
        SealedVersion,
        """select s.name, v.id as version_id, v.version, v.value
        from secrets s join secret_versions v
          on v.organization_id = s.organization_id and v.secret_id = s.id and v.version = s.version
        where s.organization_id = %(organization_id)s and s.environment_id = %(environment_id)s
          and s.name = any(%(names)s::text[])
        order by s.name""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def secret_value_batch(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed values by row id, of one key version (as ciphertexts carry it) or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, version as row_version, value from secret_versions
        where organization_id = %(organization_id)s and id > %(after)s
          and (%(key_version)s::bytea is null or substring(value from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def secret_value_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace values that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update secret_versions v set value = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where v.organization_id = %(organization_id)s and v.id = n.id and v.value = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )


async def secret_use_list(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[NamedUse]:
    """Return which pipelines use these secrets."""
    return await txn.rows(
        NamedUse,
        """select secret_name, pipeline_id, pipeline_name as name from secret_uses
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and secret_name = any(%(names)s::text[])
        order by secret_name, lower(pipeline_name), pipeline_id""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def secret_use_replace(txn: Transaction, environment_id: UUID, uses: PipelineUses) -> None:
    """Write down everything a pipeline refers to, in place of what was written before."""
    await txn.execute(
        """delete from secret_uses
        where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s""",
        {"pipeline_id": uses.pipeline_id},
    )
    await txn.execute(
        """insert into secret_uses
          (organization_id, environment_id, secret_name, pipeline_id, pipeline_name, in_draft, in_revision)
        select %(organization_id)s, %(environment_id)s, name, %(pipeline_id)s, %(pipeline_name)s,
               name = any(%(draft)s::text[]), name = any(%(revisions)s::text[])
        from unnest(%(names)s::text[]) as name""",
        {
            "environment_id": environment_id,
            "pipeline_id": uses.pipeline_id,
            "pipeline_name": uses.pipeline_name,
            "draft": sorted(uses.draft),
            "revisions": sorted(uses.revisions),
            "names": sorted(uses.draft | uses.revisions),
        },
    )


def use_of(row: NamedUse) -> SecretUse:
    """Return the pipeline of a use."""
    return SecretUse(pipeline_id=row.pipeline_id, name=row.name)
