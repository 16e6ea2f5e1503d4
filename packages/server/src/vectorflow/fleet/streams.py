"""Open event streams to agents: hints that something new can be fetched, and their end at revocation.

A stream holds at most one hint: a newer one replaces it, so nothing queues up however slow the reader is.
"""

import asyncio
from uuid import UUID

from vectorflow.fleet.errors import GatewayBusy
from vectorflow_wire.messages import DesiredHint

PER_NODE = 2


class Stream:
    """One open stream of a node."""

    __slots__ = ("_wake", "closed", "hint", "node_id")

    def __init__(self, node_id: UUID) -> None:
        self.node_id = node_id
        self.hint: DesiredHint | None = None
        self.closed = False
        self._wake = asyncio.Event()

    def tell(self, hint: DesiredHint) -> None:
        """Leave a hint to be sent, in place of an older one."""
        self.hint = hint
        self._wake.set()

    def close(self) -> None:
        """End the stream at once."""
        self.closed = True
        self._wake.set()

    async def wait(self, seconds: float) -> DesiredHint | None:
        """Return the next hint, or None when there was none in time or the stream was closed."""
        if not self._wake.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return None
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

    def open(self, node_id: UUID) -> Stream:
        """Open a stream; a node's third one ends its first. Raises `GatewayBusy` beyond the limit."""
        if self._count >= self._most:
            raise GatewayBusy(headers={"Retry-After": "30"})
        mine = self._streams.setdefault(node_id, [])
        stream = Stream(node_id)
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

    def close_node(self, node_id: UUID) -> None:
        """End a node's streams, since it was revoked."""
        for stream in self._streams.get(node_id, ()):
            stream.close()

    def close_all(self) -> None:
        """End every stream; agents connect again."""
        for mine in self._streams.values():
            for stream in mine:
                stream.close()
