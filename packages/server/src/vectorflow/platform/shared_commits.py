"""Work of many callers in one transaction per organisation: gathered for a moment, answered after commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar
from uuid import UUID

import structlog

from vectorflow.platform.database import Database, DatabaseUnavailable, Transaction

log = structlog.get_logger()

GATHER_SECONDS: Final = 0.025
T = TypeVar("T")
Write = Callable[[Transaction, Sequence[T]], Awaitable[None]]


class SharedCommits(Generic[T]):
    """Gathers items of an organisation for 25 ms and writes them together.

    All callers of one commit learn how it ended: nobody is told that something is stored that is not.
    """

    def __init__(self, database: Database, name: str, write: Write[T]) -> None:
        self._database = database
        self._name = name
        self._write = write
        self._waiting: dict[UUID, list[tuple[T, asyncio.Future[None]]]] = {}
        self._commits: set[asyncio.Task[None]] = set()

    async def add(self, organization_id: UUID, item: T) -> None:
        """Return when the item is committed; raises what its commit ended with."""
        waiting = self._waiting.get(organization_id)
        if waiting is None:
            waiting = self._waiting[organization_id] = []
            task = asyncio.create_task(self._commit(organization_id, waiting), name=self._name)
            self._commits.add(task)
            task.add_done_callback(self._commits.discard)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append((item, done))
        # Shielded: a caller that goes away must not take the others' commit along.
        await asyncio.shield(done)

    async def close(self) -> None:
        """Let commits that are under way finish."""
        await asyncio.gather(*self._commits, return_exceptions=True)

    async def _commit(self, organization_id: UUID, waiting: list[tuple[T, asyncio.Future[None]]]) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        del self._waiting[organization_id]
        failure: Exception | None = None
        try:
            async with self._database.transaction(organization_id) as txn:
                await self._write(txn, [item for item, _ in waiting])
        except Exception as error:
            log.warning(f"{self._name}.not-stored", error=type(error).__name__)
            failure = error
        except BaseException:
            failure = DatabaseUnavailable()
            raise
        finally:
            for _, done in waiting:
                if done.done():
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
                    done.exception()
