"""One call for all who want the same key at the same time, and no crowd behind a slow one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from vectorflow.keys.errors import KeysUnavailable

PATIENCE_SECONDS = 0.5
MOST_WAITING = 4
_Name = tuple[UUID, int]
_hurried: ContextVar[bool] = ContextVar("hurried", default=False)


@contextmanager
def hurried() -> Iterator[None]:
    """Let nobody in here wait for a slow key provider, once it was asked; a later try finds what it answered."""
    token = _hurried.set(True)
    try:
        yield
    finally:
        _hurried.reset(token)


class Flights:
    """Calls under way, by organisation and key version.

    Who waits holds a connection to the database. Behind calls that take longer than the patience only a few
    may, over all organisations: one with a slow key service must not take the others' connections.
    """

    def __init__(
        self, *, patience_seconds: float = PATIENCE_SECONDS, most_waiting: int = MOST_WAITING
    ) -> None:
        self._patience, self._most = patience_seconds, most_waiting
        self._waiting = 0
        self._flights: dict[_Name, asyncio.Task[None]] = {}

    async def join(self, name: _Name, fetch: Callable[[], Awaitable[None]]) -> None:
        """Run the call, or wait for the one that is under way. Raises what it raises, or `KeysUnavailable`."""
        flight = self._flights.get(name)
        patience = 0.0 if flight is not None and _hurried.get() else self._patience
        if flight is None:
            flight = self._flights[name] = asyncio.create_task(self._run(name, fetch), name="keys-fetch")
            flight.add_done_callback(_seen)
        await asyncio.wait({flight}, timeout=patience)
        if not flight.done():
            if _hurried.get() or self._waiting >= self._most:
                message = "The organisation's data key is being fetched from a slow key provider; try again."
                raise KeysUnavailable(message)
            self._waiting += 1
            try:
                await asyncio.wait({flight})
            finally:
                self._waiting -= 1
        if flight.cancelled():
            raise KeysUnavailable
        flight.result()

    def close(self) -> None:
        """Give up every call under way."""
        for flight in self._flights.values():
            flight.cancel()

    async def _run(self, name: _Name, fetch: Callable[[], Awaitable[None]]) -> None:
        try:
            await fetch()
        finally:
            del self._flights[name]


def _seen(flight: asyncio.Task[None]) -> None:
    if not flight.cancelled():
        flight.exception()  # all who waited may have gone
