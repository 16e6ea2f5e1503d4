"""Open event streams to agents: hints that something new can be fetched, statements, and their end at revocation.

A stream holds at most one hint: a newer one replaces it, so nothing queues up however slow the reader is. Of
statements it holds as many as may wait for one node, and sends each once.
"""

import asyncio
from collections import deque
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import GatewayBusy
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.messages import DesiredHint

PER_NODE = 2
_REMEMBERED = 200


class Told(msgspec.Struct, frozen=True):
    """A statement as it is sent: its kind is the event's name, its envelope the data. `until` is Unix seconds."""

    id: UUID
    kind: str
    envelope: Envelope
    until: float


class Stream:
    """One open stream of a node."""

    __slots__ = ("_once", "_sent", "_wake", "begun", "closed", "hint", "node_id", "organization_id")

    def __init__(self, node_id: UUID, organization_id: UUID) -> None:
        self.node_id = node_id
        self.organization_id = organization_id
        self.hint: DesiredHint | None = None
        self.begun = False
        self.closed = False
        self._wake = asyncio.Event()
        self._once: deque[Told] = deque()
        self._sent: deque[UUID] = deque(maxlen=_REMEMBERED)

    def tell_once(self, told: Told) -> None:
        """Leave a statement to be sent, unless this stream has sent it before."""
        if told.id not in self._sent:
            self._sent.append(told.id)
            self._once.append(told)
            self._wake.set()

    def tell(self, hint: DesiredHint) -> None:
        """Leave a hint to be sent, in place of an older one."""
        self.hint = hint
        self._wake.set()

    def check(self) -> None:
        """Have whoever waits look at the node's token now."""
        self._wake.set()

    def close(self) -> None:
        """End the stream at once."""
        self.closed = True
        self._wake.set()

    async def wait(self, seconds: float) -> DesiredHint | Told | None:
        """Return what is to be sent next, or None when there was nothing in time or the stream was closed."""
        if not self._wake.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return None
        if self._once:
            told = self._once.popleft()
            if not self._once and self.hint is None and not self.closed:
                self._wake.clear()
            return told
        self._wake.clear()
        hint, self.hint = self.hint, None
        return hint


class Streams:
    """All open streams of a gateway process."""

    def __init__(self, *, most: int = 20_000) -> None:
        self._most = most
        self._streams: dict[UUID, list[Stream]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def open(self, node_id: UUID, organization_id: UUID) -> Stream:
        """Open a stream; a node's third one ends its first. Raises `GatewayBusy` beyond the limit."""
        if self._count >= self._most:
            raise GatewayBusy(headers={"Retry-After": "30"})
        mine = self._streams.setdefault(node_id, [])
        stream = Stream(node_id, organization_id)
        mine.append(stream)
        self._count += 1
        if len(mine) > PER_NODE:
            mine[0].close()
            self.done(mine[0])
        return stream

    def done(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        mine = self._streams.get(stream.node_id, [])
        if stream in mine:
            mine.remove(stream)
            self._count -= 1
            if not mine:
                del self._streams[stream.node_id]

    def tell(self, node_id: UUID, hint: DesiredHint) -> None:
        """Tell a node's streams."""
        for stream in self._streams.get(node_id, ()):
            stream.tell(hint)

    def tell_once(self, node_id: UUID, told: Told) -> None:
        """Send a statement on each of a node's streams that has not sent it; the node acts on it once."""
        for stream in self._streams.get(node_id, ()):
            stream.tell_once(told)

    def has(self, node_id: UUID) -> bool:
        """Tell whether a node has a stream here."""
        return node_id in self._streams

    def organization(self, node_id: UUID) -> UUID | None:
        """Return the organisation of a node that has a stream here, as its token said."""
        mine = self._streams.get(node_id)
        return mine[0].organization_id if mine else None

    def close_node(self, node_id: UUID) -> None:
        """End a node's streams, since it was revoked."""
        for stream in self._streams.get(node_id, ()):
            stream.close()

    def check_all(self) -> None:
        """Have every stream's token looked at, since news of a revocation may have been missed."""
        for mine in self._streams.values():
            for stream in mine:
                stream.check()

    def close_all(self) -> None:
        """End every stream; agents connect again."""
        for mine in self._streams.values():
            for stream in mine:
                stream.close()
