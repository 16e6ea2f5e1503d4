"""Vectors that nodes found beside the agent: taken from the node as it tells them, and shown to people."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import AgentRequestInvalid, NodeNotFound
from vectorflow.fleet.store import found as store
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.logs import clean_text
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_wire.found import MOST_VECTORS, FoundFile, FoundVectors

_LAST_MOMENT = 253_402_300_799_000  # the last second of the year 9999, epoch ms


class FoundIntake:
    """Keeps what nodes tell: seldom, since somebody on the machine has to ask for it."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._uploads = TokenBuckets(burst=6, per_second=1 / 60, monotonic=monotonic)

    async def take(self, authority: NodeAuthority, told: FoundVectors, address: str) -> None:
        """Keep what a node tells. Raises `AgentRequestInvalid`, `RateLimitedError`."""
        if len(told.vectors) > MOST_VECTORS:
            raise AgentRequestInvalid(f"at most {MOST_VECTORS} Vectors at once")
        self._uploads.check(str(authority.node_id))
        actor = Actor(kind=ActorKind.NODE, name="node", node_id=authority.node_id, address=address)
        async with self._database.transaction(authority.organization_id) as txn:
            await store.found_set(txn, authority.node_id, _clean(msgspec.to_builtins(told)))
            await txn.audit(
                AuditEntry(
                    action=AuditAction.NODE_CHANGED,
                    actor=actor,
                    object_type="node",
                    object_id=str(authority.node_id),
                    summary=f"Told of {len(told.vectors)} Vectors that run beside the agent",
                )
            )


async def found_on(txn: Transaction, environment_id: UUID, node_id: UUID) -> FoundVectors | None:
    """Return what a node told last, or None before that. Raises `NodeNotFound`."""
    row = await store.found_get(txn, environment_id, node_id)
    if row is None:
        raise NodeNotFound(NodeNotFound.__doc__)
    return None if row.found is None else msgspec.convert(row.found, FoundVectors)


def moment_of(at: int) -> str:
    """Write the node's own time as the API does; what no clock says becomes the nearest that one does."""
    return rfc3339(datetime.fromtimestamp(max(0, min(at, _LAST_MOMENT)) / 1000, UTC))


def _clean(value: Any, key: str = "") -> Any:
    """The same without control characters; only a file's text keeps its lines."""
    if isinstance(value, dict):
        return {clean_text(str(name))[:300]: _clean(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    if key == FoundFile.__struct_fields__[1]:
        return "\n".join(clean_text(line) for line in value.splitlines())
    return clean_text(value)[:1000]
