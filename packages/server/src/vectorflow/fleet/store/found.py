"""The SQL of Vectors that nodes found beside the agent."""

from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.platform.database import Transaction


class FoundRow(msgspec.Struct, frozen=True):
    """A node's newest word, as it is kept; None before the first."""

    found: Any
    name: str


async def found_set(txn: Transaction, node_id: UUID, found: Any) -> None:
    """Keep what a node told, in place of what it told before."""
    await txn.execute(
        """update nodes set found = %(found)s
        where organization_id = %(organization_id)s and id = %(node_id)s""",
        {"found": Jsonb(found), "node_id": node_id},
    )


async def found_get(txn: Transaction, environment_id: UUID, node_id: UUID) -> FoundRow | None:
    """Return what a node of the environment told, or None when there is no such node."""
    rows = await txn.rows(
        FoundRow,
        """select found, name from nodes
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(node_id)s""",
        {"environment_id": environment_id, "node_id": node_id},
    )
    return rows[0] if rows else None
