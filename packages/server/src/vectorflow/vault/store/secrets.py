"""The SQL of secrets and their versions."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.vault.types import Outside, Secret, SecretSettings, State, VersionInfo


class Named(msgspec.Struct, frozen=True):
    """What there is by this name."""

    name: str


class SealedVersion(msgspec.Struct, frozen=True):
    """The newest version of a secret with its sealed value; only the role signer may read it."""

    name: str
    version_id: UUID
    version: int
    value: bytes


async def secret_list(
    txn: Transaction,
    environment_id: UUID,
    *,
    after: str | None,
    limit: int,
    text: str | None,
    state: State | None = None,
) -> list[Secret]:
    """Return secrets by name, from after the name given; `text` must stand in the name."""
    return await txn.rows(
        Secret,
        """select * from (
            select id, name, version, created_at, updated_at, description, expires_at, rotate_days, allowed_types,
                allowed_paths, allowed_hosts, settings_version, value_set_at, store_id, store_path, store_field,
                case when expires_at <= now() then 'expired'
                     when expires_at <= now() + make_interval(days => 14)
                       or value_set_at + make_interval(days => rotate_days) <= now() then 'due'
                     else 'ok' end as state
            from secrets
            where organization_id = %(organization_id)s and environment_id = %(environment_id)s
              and name > coalesce(%(after)s, '')
              and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0)
          ) as found
        where %(state)s::text is null or state = %(state)s
        order by name limit %(limit)s""",
        {"environment_id": environment_id, "after": after, "limit": limit, "text": text, "state": state},
    )


_ONE = """select id, name, version, created_at, updated_at, description, expires_at, rotate_days, allowed_types,
            allowed_paths, allowed_hosts, settings_version, value_set_at, store_id, store_path, store_field,
            case when expires_at <= now() then 'expired'
                 when expires_at <= now() + make_interval(days => 14)
                   or value_set_at + make_interval(days => rotate_days) <= now() then 'due'
                 else 'ok' end as state from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s"""


async def secret_get(txn: Transaction, environment_id: UUID, secret_id: UUID) -> Secret | None:
    """Return a secret, whoever is changing it."""
    return await txn.row(Secret, _ONE, {"environment_id": environment_id, "id": secret_id})


async def secret_lock(txn: Transaction, environment_id: UUID, secret_id: UUID) -> Secret | None:
    """Return a secret, holding its row until the transaction ends."""
    return await txn.row(Secret, _ONE + " for update", {"environment_id": environment_id, "id": secret_id})


async def secret_insert(
    txn: Transaction,
    environment_id: UUID,
    name: str,
    *,
    secret_id: UUID,
    settings: SecretSettings,
    outside: Outside | None,
) -> Secret | None:
    """Store a new secret; None when the name is taken."""
    return await txn.row(
        Secret,
        """insert into secrets (organization_id, id, environment_id, name, version, description, expires_at,
            rotate_days, allowed_types, allowed_paths, allowed_hosts, store_id, store_path, store_field)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, 1, %(description)s, %(expires_at)s,
            %(rotate_days)s, %(types)s::text[], %(paths)s::text[], %(hosts)s::text[], %(store_id)s, %(store_path)s,
            %(store_field)s)
        on conflict (organization_id, environment_id, name) do nothing
        returning id, name, version, created_at, updated_at, description, expires_at, rotate_days, allowed_types,
            allowed_paths, allowed_hosts, settings_version, value_set_at, store_id, store_path, store_field,
            case when expires_at <= now() then 'expired'
                 when expires_at <= now() + make_interval(days => 14)
                   or value_set_at + make_interval(days => rotate_days) <= now() then 'due'
                 else 'ok' end as state""",
        {
            "id": secret_id,
            "environment_id": environment_id,
            "name": name,
            "store_id": outside.store_id if outside else None,
            "store_path": outside.path if outside else "",
            "store_field": outside.field if outside else "",
            **_settings(settings),
        },
    )


async def secret_settings_update(
    txn: Transaction, secret_id: UUID, settings: SecretSettings
) -> Secret | None:
    """Replace what may be changed without touching the value."""
    return await txn.row(
        Secret,
        """update secrets set description = %(description)s, expires_at = %(expires_at)s,
            rotate_days = %(rotate_days)s, allowed_types = %(types)s::text[], allowed_paths = %(paths)s::text[],
            allowed_hosts = %(hosts)s::text[], settings_version = settings_version + 1, updated_at = now()
        where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, version, created_at, updated_at, description, expires_at, rotate_days, allowed_types,
            allowed_paths, allowed_hosts, settings_version, value_set_at, store_id, store_path, store_field,
            case when expires_at <= now() then 'expired'
                 when expires_at <= now() + make_interval(days => 14)
                   or value_set_at + make_interval(days => rotate_days) <= now() then 'due'
                 else 'ok' end as state""",
        {"id": secret_id, **_settings(settings)},
    )


async def secret_next_version(txn: Transaction, secret_id: UUID) -> Secret | None:
    """Count a secret's version up."""
    return await txn.row(
        Secret,
        """update secrets set version = version + 1, updated_at = now(), value_set_at = now()
        where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, version, created_at, updated_at, description, expires_at, rotate_days, allowed_types,
            allowed_paths, allowed_hosts, settings_version, value_set_at, store_id, store_path, store_field,
            case when expires_at <= now() then 'expired'
                 when expires_at <= now() + make_interval(days => 14)
                   or value_set_at + make_interval(days => rotate_days) <= now() then 'due'
                 else 'ok' end as state""",
        {"id": secret_id},
    )


async def secret_version_insert(
    txn: Transaction, secret: Secret, version_id: UUID, value: bytes, actor: Actor
) -> None:
    """Store a sealed value as the secret's present version."""
    await txn.execute(
        """insert into secret_versions (organization_id, id, secret_id, version, value, created_by, created_by_name)
        values (%(organization_id)s, %(id)s, %(secret_id)s, %(version)s, %(value)s, %(actor_id)s, %(actor)s)""",
        {
            "id": version_id,
            "secret_id": secret.id,
            "version": secret.version,
            "value": value,
            "actor_id": actor.account_id,
            "actor": actor.name[:200],
        },
    )


async def secret_delete(txn: Transaction, secret_id: UUID) -> None:
    """Remove a secret and all its versions."""
    await txn.execute(
        "delete from secrets where organization_id = %(organization_id)s and id = %(id)s", {"id": secret_id}
    )


async def secret_hold(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> None:
    """Keep the secrets of these names from being deleted until the transaction ends."""
    await txn.execute(
        """select 1 from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name for key share""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def secret_names(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[str]:
    """Return which of the names exist."""
    rows = await txn.rows(
        Named,
        """select name from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name""",
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


class LimitedSecret(msgspec.Struct, frozen=True):
    """Where a secret may be used."""

    name: str
    allowed_types: list[str]
    allowed_paths: list[str]
    allowed_hosts: list[str]


async def secret_limits(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[LimitedSecret]:
    """Return the limits of secrets."""
    return await txn.rows(
        LimitedSecret,
        """select name, allowed_types, allowed_paths, allowed_hosts from secrets
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def secret_version_list(txn: Transaction, secret_id: UUID, limit: int) -> list[VersionInfo]:
    """Return when values were set and by whom, newest first."""
    return await txn.rows(
        VersionInfo,
        """select version, created_at, created_by_name as created_by from secret_versions
        where organization_id = %(organization_id)s and secret_id = %(secret_id)s
        order by version desc limit %(limit)s""",
        {"secret_id": secret_id, "limit": limit},
    )


class ToldRow(msgspec.Struct, frozen=True):
    """A secret or certificate whose state is another one than was last told."""

    id: UUID
    name: str
    state: State
    told_state: State


async def secret_state_list(txn: Transaction) -> list[ToldRow]:
    """Return secrets whose state changed since it was last told, and hold them."""
    return await txn.rows(
        ToldRow,
        """select id, name, state, told_state from (
            select id, name, told_state,
                case when expires_at <= now() then 'expired'
                     when expires_at <= now() + make_interval(days => 14)
                       or value_set_at + make_interval(days => rotate_days) <= now() then 'due'
                     else 'ok' end as state
            from secrets where organization_id = %(organization_id)s for update) as found
        where state <> told_state""",
    )


async def secret_told(txn: Transaction, secret_id: UUID, state: State) -> None:
    """Note which state of a secret was told."""
    await txn.execute(
        """update secrets set told_state = %(state)s
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": secret_id, "state": state},
    )


def _settings(settings: SecretSettings) -> dict[str, object]:
    return {
        "description": settings.description,
        "expires_at": settings.expires_at,
        "rotate_days": settings.rotate_days,
        "types": settings.limits.types,
        "paths": settings.limits.paths,
        "hosts": settings.limits.hosts,
    }
