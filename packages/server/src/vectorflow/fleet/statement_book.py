"""What the gateway tells nodes once: signed statements in memory, only of nodes that talk to this process.

The bus says whose statements changed; a node whose token says that something waits is read as well, so that a lost
message costs no statement. A statement leaves the book when the node answered it or its envelope ran out.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from vectorflow.fleet import topics
from vectorflow.fleet.statement_types import SignedStatement
from vectorflow.fleet.store import statements as store
from vectorflow.fleet.streams import Streams, Told
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.ids import parse_id
from vectorflow.platform.bus import Bus
from vectorflow.platform.database import Database
from vectorflow_wire.envelope import Envelope

log = structlog.get_logger()

BELIEVED_SECONDS: Final = 5.0
MOST_NODES: Final = 50_000


class _Entry(msgspec.Struct):
    waiting: tuple[Told, ...]
    fresh_until: float


class StatementBook:
    """Statements by node. Empty for almost every node almost always."""

    def __init__(
        self,
        database: Database,
        streams: Streams,
        clock: Clock,
        *,
        knows: Callable[[UUID], bool] = lambda _: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`knows` tells whether a node talks to this process."""
        self._database = database
        self._streams = streams
        self._knows = knows
        self._clock = clock
        self._monotonic = monotonic
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()
        self._reads: set[asyncio.Task[None]] = set()

    def attach(self, bus: Bus) -> Callable[[], None]:
        """Listen to the bus; the answer ends it."""
        return bus.subscribe(topics.STATEMENTS, self._on_statements)

    async def close(self) -> None:
        """End reads that are under way."""
        for task in self._reads:
            task.cancel()
        await asyncio.gather(*self._reads, return_exceptions=True)

    async def waiting(self, authority: NodeAuthority) -> tuple[Told, ...]:
        """Return what a node has not answered yet; costs no statement when nothing waits."""
        entry = self._entries.get(authority.node_id)
        if entry is None and not authority.told:
            return ()
        if entry is None or entry.fresh_until < self._monotonic():
            await self.load(authority.organization_id, [authority.node_id])
            entry = self._entries.get(authority.node_id)
        if entry is None:
            return ()
        now = self._clock.now().timestamp()
        return tuple(each for each in entry.waiting if each.until > now)

    async def load(self, organization_id: UUID, node_ids: list[UUID]) -> dict[UUID, tuple[Told, ...]]:
        """Read the statements of nodes anew; return those that wait, by node."""
        async with self._database.transaction(organization_id) as txn:
            rows = await store.statement_to_tell(txn, node_ids)
        found: dict[UUID, list[Told]] = {node_id: [] for node_id in node_ids}
        for row in rows:
            found[row.node_id].append(_told(row))
        until = self._monotonic() + BELIEVED_SECONDS
        for node_id, several in found.items():
            # An empty entry is kept for a while too: the token's word that something waits may be older.
            self._entries[node_id] = _Entry(tuple(several), until)
            self._entries.move_to_end(node_id)
        while len(self._entries) > MOST_NODES:
            self._entries.popitem(last=False)
        return {node_id: tuple(several) for node_id, several in found.items()}

    def sweep(self) -> None:
        """Let go of nodes for which nothing waits any more."""
        now = self._monotonic()
        gone = [
            each for each, entry in self._entries.items() if not entry.waiting and entry.fresh_until < now
        ]
        for node_id in gone:
            del self._entries[node_id]

    def clear(self) -> None:
        """Read everything anew, since news may have been missed."""
        for entry in self._entries.values():
            entry.fresh_until = 0.0

    def _on_statements(self, message: Mapping[str, Any]) -> None:
        organization_id = parse_id(str(message.get("organization_id")))
        named = [parse_id(str(text)) for text in list(message.get("node_ids", []))]
        mine = [each for each in named if each and (self._knows(each) or self._streams.has(each))]
        if organization_id is None or not mine:
            return
        for node_id in mine:
            self._entries.setdefault(node_id, _Entry((), 0.0)).fresh_until = 0.0
        task = asyncio.create_task(self._tell(organization_id, mine), name="statements-read")
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _tell(self, organization_id: UUID, node_ids: list[UUID]) -> None:
        try:
            for node_id, several in (await self.load(organization_id, node_ids)).items():
                for each in several:
                    self._streams.tell_once(node_id, each)
        except Exception as error:
            # Heartbeats and the next look at the stream's token find them too.
            log.warning("statements.not-read", error=type(error).__name__)


def _told(row: SignedStatement) -> Told:
    envelope = msgspec.json.decode(row.envelope, type=Envelope)
    return Told(row.id, row.kind, envelope, row.signed_until.timestamp())
