"""The SQL of captures."""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from vectorflow.keys.types import Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.telemetry.taps.types import CaptureRow

_CAPTURE: Final[LiteralString] = """
    select id, environment_id, pipeline_id, component, port, name, reason, events, created_at, created_by, expires_at"""


async def capture_insert(txn: Transaction, row: CaptureRow) -> None:
    """Store a capture."""
    await txn.execute(
        """insert into captures (organization_id, id, environment_id, pipeline_id, component, port, name, reason, events,
            content, created_at, created_by, expires_at)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(pipeline_id)s, %(component)s, %(port)s, %(name)s,
            %(reason)s, %(events)s, %(content)s, %(created_at)s, %(created_by)s, %(expires_at)s)""",
        {name: getattr(row, name) for name in row.__struct_fields__},
    )


async def capture_count(txn: Transaction, environment_id: UUID) -> int:
    """Return how many captures an environment has."""
    return int(
        await txn.value(
            """select count(*) from captures
            where organization_id = %(organization_id)s and environment_id = %(environment_id)s""",
            {"environment_id": environment_id},
        )
    )


async def capture_list(
    txn: Transaction, environment_id: UUID, *, pipeline_id: UUID | None, after: UUID | None, limit: int
) -> list[CaptureRow]:
    """Return an environment's captures without their events, newest first."""
    return await txn.rows(
        CaptureRow,
        _CAPTURE
        + """ from captures where organization_id = %(organization_id)s and environment_id = %(environment_id)s
            and expires_at > now()
            and (%(pipeline_id)s::uuid is null or pipeline_id = %(pipeline_id)s)
            and (%(after)s::uuid is null or id < %(after)s)
        order by id desc limit %(limit)s""",
        {"environment_id": environment_id, "pipeline_id": pipeline_id, "after": after, "limit": limit},
    )


async def capture_get(txn: Transaction, environment_id: UUID, capture_id: UUID) -> CaptureRow | None:
    """Return a capture with its sealed events."""
    return await txn.row(
        CaptureRow,
        _CAPTURE
        + """, content from captures where organization_id = %(organization_id)s and environment_id = %(environment_id)s
            and id = %(id)s and expires_at > now()""",
        {"environment_id": environment_id, "id": capture_id},
    )


async def capture_delete(txn: Transaction, capture_id: UUID) -> bool:
    """Erase a capture; whether there was one."""
    return bool(
        await txn.execute(
            "delete from captures where organization_id = %(organization_id)s and id = %(id)s",
            {"id": capture_id},
        )
    )


async def capture_expire(txn: Transaction) -> int:
    """Erase the captures whose time is over; return how many."""
    return await txn.execute(
        "delete from captures where organization_id = %(organization_id)s and expires_at < now()"
    )


async def capture_contents(
    txn: Transaction, after: UUID, limit: int, key_version: bytes | None = None
) -> list[SealedValue]:
    """Return sealed events by row id, of one key version or of all (role signer only)."""
    return await txn.rows(
        SealedValue,
        """select id, 1 as row_version, content as value from captures
        where organization_id = %(organization_id)s and id > %(after)s
          and (%(key_version)s::bytea is null or substring(content from 2 for 4) = %(key_version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "key_version": key_version},
    )


async def capture_content_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace events that are still the old ciphertexts (role signer only)."""
    return await txn.execute(
        """update captures c set content = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where c.organization_id = %(organization_id)s and c.id = n.id and c.content = n.old""",
        {
            "ids": [each.id for each in values],
            "old": [each.old for each in values],
            "new": [each.new for each in values],
        },
    )
