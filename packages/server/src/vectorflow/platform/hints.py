"""Bus messages sent after a commit, together with those of other transactions.

PostgreSQL lets one transaction with a NOTIFY commit at a time, and holds the others back while its write-ahead log
goes to the disk. Messages whose loss costs nothing but a few seconds, since who reads them looks anyway, go here: a
transaction of their own that writes nothing waits for no disk.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

log = structlog.get_logger()

GATHER_SECONDS = 0.002
MOST_AT_ONCE = 500
MOST_WAITING = 20_000


class Hints:
    """Gathers messages and sends each once; what cannot be sent is dropped and counted."""

    def __init__(self, send: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def add(self, message: str) -> None:
        """Have a message sent within milliseconds; the same one is sent once."""
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting[message] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Send what waits."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
            taken = list(self._waiting)[:MOST_AT_ONCE]
            for message in taken:
                del self._waiting[message]
            try:
                await self._send(taken)
            except Exception as error:
                self.dropped += len(taken)
                log.warning("bus.hints-dropped", messages=len(taken), error=type(error).__name__)
