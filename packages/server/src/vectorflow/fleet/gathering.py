"""One statement for all who ask at nearly the same moment, and what was told while it ran."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Generic, TypeVar
from uuid import UUID

from vectorflow.platform.database import DatabaseUnavailable

GATHER_SECONDS = 0.005

K = TypeVar("K")
V = TypeVar("V")


class Gathering(Generic[K, V]):
    """Collects keys for 5 ms and loads them together; each caller gets its own key's value."""

    def __init__(
        self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, seconds: float = GATHER_SECONDS
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """Return the key's value, None where there is none. Raises what loading raised."""
        if not self._waiting:
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        # Shielded: a caller that goes away must not take the others along.
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Let loads that are under way finish."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(self._seconds)
        waiting, self._waiting = self._waiting, {}
        try:
            found = await self._load(list(waiting))
        except BaseException as error:
            # Cancelled at shutdown: those who wait are told like any failure.
            told = error if isinstance(error, Exception) else DatabaseUnavailable("the process is stopping")
            for future in waiting.values():
                if not future.done():
                    future.set_exception(told)
                    future.exception()
            if not isinstance(error, Exception):
                raise
            return
        for key, future in waiting.items():
            if not future.done():
                future.set_result(found.get(key))


class News:
    """Notes whom the bus told of while something was read: what was read of those may be the older word."""

    def __init__(self) -> None:
        self._readers: dict[int, set[UUID | None]] = {}

    def told(self, node_id: UUID | None) -> None:
        """Note a node; None stands for all of them."""
        for heard in self._readers.values():
            heard.add(node_id)

    @contextlib.contextmanager
    def during(self) -> Iterator[set[UUID | None]]:
        """Collect the nodes told of while the block runs."""
        heard: set[UUID | None] = set()
        self._readers[id(heard)] = heard
        try:
            yield heard
        finally:
            del self._readers[id(heard)]
