"""Open event streams to agents: hints that something new can be fetched, statements, and their end at revocation.

A stream holds at most one hint: a newer one replaces it, so nothing queues up however slow the reader is. Of
statements it holds as many as may wait for one node, and sends each once. Streams have no timer of their own, since
ten thousand of them would cost more than what they tell: one round looks after those that were silent longest.
"""

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
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

    __slots__ = (
        "_looking",
        "_once",
        "_sent",
        "_waiter",
        "begun",
        "closed",
        "hint",
        "node_id",
        "organization_id",
    )

    def __init__(self, node_id: UUID, organization_id: UUID) -> None:
        self.node_id = node_id
        self.organization_id = organization_id
        self.hint: DesiredHint | None = None
        self.closed = False
        self._looking = False
        self._waiter: asyncio.Future[None] | None = None
        self._once: deque[Told] = deque()
        self._sent: deque[UUID] = deque(maxlen=_REMEMBERED)

    def tell_once(self, told: Told) -> None:
        """Leave a statement to be sent, unless this stream has sent it before."""
        if told.id not in self._sent:
            self._sent.append(told.id)
            self._once.append(told)
            self._wake()

    def tell(self, hint: DesiredHint) -> None:
        """Leave a hint to be sent, in place of an older one."""
        self.hint = hint
        self._wake()

    def check(self) -> None:
        """Have whoever waits look at the node's token now."""
        self._looking = True
        self._wake()

    def close(self) -> None:
        """End the stream at once."""
        self.closed = True
        self._wake()

    async def wait(self) -> DesiredHint | Told | None:
        """Return what is to be sent next; None when the token is to be looked at, or the stream was closed."""
        if not (self._once or self.hint or self._looking or self.closed):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._once:
            return self._once.popleft()
        self._looking = False
        hint, self.hint = self.hint, None
        return hint

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Streams:
    """All open streams of a gateway process."""

    def __init__(self, *, most: int = 20_000, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._streams: dict[UUID, list[Stream]] = {}
        # When each stream last sent something, the longest silent first.
        self._spoke: OrderedDict[Stream, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._spoke)

    def open(self, node_id: UUID, organization_id: UUID) -> Stream:
        """Open a stream; a node's third one ends its first. Raises `GatewayBusy` beyond the limit."""
        if len(self._spoke) >= self._most:
            raise GatewayBusy(headers={"Retry-After": "30"})
        mine = self._streams.setdefault(node_id, [])
        stream = Stream(node_id, organization_id)
        mine.append(stream)
        self._spoke[stream] = self._monotonic()
        if len(mine) > PER_NODE:
            mine[0].close()
            self.done(mine[0])
        return stream

    def done(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        mine = self._streams.get(stream.node_id, [])
        if stream in mine:
            mine.remove(stream)
            del self._spoke[stream]
            if not mine:
                del self._streams[stream.node_id]

    def spoke(self, stream: Stream) -> None:
        """Note that a stream sent something just now; one that was ended meanwhile stays forgotten."""
        if stream in self._spoke:
            self._spoke[stream] = self._monotonic()
            self._spoke.move_to_end(stream)

    def look_after(self, silent_seconds: float, every_seconds: float) -> None:
        """Have streams that were silent for so long look at their token and give a sign of life.

        At most twice as many as are due in an even spread, so that those told at once do not all speak at once again.
        """
        before = self._monotonic() - silent_seconds
        for _ in range(math.ceil(2 * len(self._spoke) * every_seconds / silent_seconds)):
            stream, at = next(iter(self._spoke.items()))
            if at > before:
                return
            self.spoke(stream)
            stream.check()

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
