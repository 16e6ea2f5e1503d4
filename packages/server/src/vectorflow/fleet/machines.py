"""What machines say of themselves, kept for people to read: nothing is selected by it."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from vectorflow.fleet.store import nodes as store
from vectorflow.fleet.types import NodeAuthority
from vectorflow.platform.database import Database
from vectorflow.platform.logs import clean_text
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_wire.messages import Machine

_MOST_FACTS = 100


class Described(msgspec.Struct, frozen=True):
    """A machine as it is kept: without control characters, and of limited length."""

    hostname: str
    platform: dict[str, Any]
    facts: dict[str, str]


def described(machine: Machine) -> Described:
    """Return what is kept of a machine's own word."""
    return Described(
        hostname=clean_text(machine.hostname).strip()[:255] or "unnamed",
        platform={
            name: clean_text(value)[:100] if isinstance(value, str) else value
            for name, value in msgspec.structs.asdict(machine.platform).items()
        },
        facts={
            clean_text(name)[:100]: clean_text(value)[:1000]
            for name, value in list(machine.facts.items())[:_MOST_FACTS]
        },
    )


class MachineIntake:
    """Keeps what nodes tell of their machines: after each start of an agent, and when something changed."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._rates = TokenBuckets(burst=6, per_second=1 / 60, monotonic=monotonic)

    async def take(self, authority: NodeAuthority, machine: Machine) -> None:
        """Keep what a node tells. Raises `RateLimitedError`, `DatabaseUnavailable`."""
        self._rates.check(str(authority.node_id))
        kept = described(machine)
        async with self._database.transaction(authority.organization_id) as txn:
            await store.node_machine_set(txn, authority.node_id, kept.hostname, kept.platform, kept.facts)
