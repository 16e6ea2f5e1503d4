"""The SQL of variables."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction


class Variable(msgspec.Struct, frozen=True):
    """A variable; `value` is its text, None for a sensitive one."""

    id: UUID
    name: str
    type: str
    value: str | None
    sensitive: bool
    description: str
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: str
    updated_by_id: UUID | None


class SealedVariable(msgspec.Struct, frozen=True):
    """A sensitive variable with its sealed value; only the role signer may read it."""

    id: UUID
    name: str
    version: int
    sealed: bytes


class VariableColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What keeping a variable writes."""

    id: UUID
    name: str
    type: str
    value: str | None
    sealed: bytes | None
    description: str


async def variable_list(
    txn: Transaction, environment_id: UUID, *, after: str | None, limit: int, text: str | None
) -> list[Variable]:
    """Return variables by name, from after the name given; `text` must stand in name or description."""
    return await txn.rows(
        Variable,
        """select id, name, type, nullif(value, '') as value, sensitive, description, version, created_at, updated_at, updated_by,
            updated_by_id from variables
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name > coalesce(%(after)s, '')
          and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0
               or strpos(lower(description), lower(%(text)s)) > 0)
        order by name limit %(limit)s""",
        {"environment_id": environment_id, "after": after, "limit": limit, "text": text},
    )


async def variable_hold(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> None:
    """Keep the variables of these names as they are until the transaction ends."""
    await txn.execute(
        """select 1 from variables
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name for share""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def variable_of_names(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[Variable]:
    """Return the variables of these names."""
    return await txn.rows(
        Variable,
        """select id, name, type, nullif(value, '') as value, sensitive, description, version, created_at, updated_at, updated_by,
            updated_by_id from variables
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name""",
        {"environment_id": environment_id, "names": list(names)},
    )


_ONE = """select id, name, type, nullif(value, '') as value, sensitive, description, version, created_at, updated_at, updated_by,
            updated_by_id from variables
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s"""


async def variable_get(txn: Transaction, environment_id: UUID, variable_id: UUID) -> Variable | None:
    """Return a variable, whoever is changing it."""
    return await txn.row(Variable, _ONE, {"environment_id": environment_id, "id": variable_id})


async def variable_lock(txn: Transaction, environment_id: UUID, variable_id: UUID) -> Variable | None:
    """Return a variable, holding its row until the transaction ends."""
    return await txn.row(
        Variable, _ONE + " for update", {"environment_id": environment_id, "id": variable_id}
    )


async def variable_insert(
    txn: Transaction, environment_id: UUID, columns: VariableColumns, actor: Actor
) -> Variable | None:
    """Store a new variable; None when the name is taken."""
    return await txn.row(
        Variable,
        """insert into variables (organization_id, id, environment_id, name, type, value, sealed,
            description, version, updated_by, updated_by_id)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(type)s, %(value)s, %(sealed)s,
            %(description)s, 1, %(actor)s, %(actor_id)s)
        on conflict (organization_id, environment_id, name) do nothing
        returning id, name, type, nullif(value, '') as value, sensitive, description, version, created_at, updated_at, updated_by,
            updated_by_id""",
        {"environment_id": environment_id, **_written(columns, actor)},
    )


async def variable_update(
    txn: Transaction, version: int, columns: VariableColumns, actor: Actor
) -> Variable | None:
    """Store what a variable became as its version."""
    return await txn.row(
        Variable,
        """update variables set value = %(value)s, sealed = %(sealed)s, description = %(description)s,
            version = %(version)s, updated_at = now(), updated_by = %(actor)s, updated_by_id = %(actor_id)s
        where organization_id = %(organization_id)s and id = %(id)s
        returning id, name, type, nullif(value, '') as value, sensitive, description, version, created_at, updated_at, updated_by,
            updated_by_id""",
        {"version": version, **_written(columns, actor)},
    )


async def variable_delete(txn: Transaction, variable_id: UUID) -> None:
    """Remove a variable."""
    await txn.execute(
        "delete from variables where organization_id = %(organization_id)s and id = %(id)s",
        {"id": variable_id},
    )


async def variable_list_sealed(
    txn: Transaction, environment_id: UUID, names: Sequence[str]
) -> list[SealedVariable]:
    """Return the sealed values of sensitive variables (role signer only)."""
    return await txn.rows(
        SealedVariable,
        """select id, name, version, sealed from variables
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[]) and sensitive
        order by name""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def variable_value_batch(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed values by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, version as row_version, sealed as value from variables
        where organization_id = %(organization_id)s and id > %(after)s and sealed is not null
          and (%(key_version)s::bytea is null or substring(sealed from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def variable_value_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace values that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update variables v set sealed = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where v.organization_id = %(organization_id)s and v.id = n.id and v.sealed = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )


def _written(columns: VariableColumns, actor: Actor) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(columns),
        "value": columns.value or "",
        "actor": actor.name[:200],
        "actor_id": actor.account_id,
    }
