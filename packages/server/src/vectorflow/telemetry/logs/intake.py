"""Taking log lines: each batch is stored once and answered only after commit; commits are shared."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.clock import Clock
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets
from vectorflow.platform.shared_commits import SharedCommits
from vectorflow.telemetry.logs import store
from vectorflow.telemetry.logs.errors import LogQuotaReached, LogsBusy
from vectorflow.telemetry.logs.reading import read_batch
from vectorflow.telemetry.logs.types import LOGS_TOPIC, MarkRow, TakenBatch
from vectorflow_wire.logs import LogsAnswer

_MOST_WAITING_BYTES: Final = 64 * 2**20
SPOOLS_KEPT: Final = timedelta(days=2)
"""Longer than an agent keeps a batch that it could not send."""
_READ_IN_LOOP_BYTES: Final = 16 * 1024
# An agent sends one batch after another and each waits for its commit, so that no honest one is as fast.
_BURST: Final = 200
_PER_SECOND: Final = 40


class LogIntake:
    """Reads, stores and acknowledges batches of one gateway process, with a bound on its memory."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        quota_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._quota_bytes = quota_bytes
        self._commits = SharedCommits[TakenBatch](database, "logs", self._write)
        self._rates = TokenBuckets(burst=_BURST, per_second=_PER_SECOND, monotonic=monotonic)
        self._waiting_bytes = 0
        self.stored_lines = 0
        self.refused_batches = 0

    async def take(self, authority: NodeAuthority, zipped: bytes) -> LogsAnswer:
        """Store a batch; one that is stored already is acknowledged again.

        Raises `RateLimitedError`, `AgentRequestInvalid`, `LogsBusy`, `LogQuotaReached`, `DatabaseUnavailable`.
        """
        try:
            self._rates.check(str(authority.node_id))
        except RateLimitedError:
            self.refused_batches += 1
            raise
        if self._waiting_bytes >= _MOST_WAITING_BYTES:
            self.refused_batches += 1
            raise LogsBusy(headers={"Retry-After": "5"})
        now = self._clock.now()
        if len(zipped) > _READ_IN_LOOP_BYTES:
            batch = await asyncio.to_thread(read_batch, authority, zipped, now)
        else:
            batch = read_batch(authority, zipped, now)
        self._waiting_bytes += batch.size
        try:
            await self._commits.add(authority.organization_id, batch)
        finally:
            self._waiting_bytes -= batch.size
        return LogsAnswer(accepted=batch.batch)

    async def close(self) -> None:
        """Let commits that are under way finish."""
        await self._commits.close()

    async def _write(self, txn: Transaction, batches: Sequence[TakenBatch]) -> None:
        current = await store.mark_lock(txn, [each.node_id for each in batches])
        spools = {mark.node_id: mark.spool for mark in current}
        # Another spool than the last one: the agent was started again, or two machines speak as this node.
        others = {(each.node_id, each.spool) for each in batches if each.spool != spools[each.node_id]}
        left = await store.mark_list_left(txn, sorted(others)) if others else []
        fresh, newest = unstored(batches, [*current, *left])
        if not fresh:
            return
        size = sum(each.size for each in fresh)
        used = await store.usage_add(txn, self._clock.now().date(), size)
        if used - size >= self._quota_bytes:
            self.refused_batches += len(fresh)
            raise LogQuotaReached(headers={"Retry-After": "300"})
        set_now, leave = turned(current, newest)
        await store.mark_set(txn, set_now)
        if leave:
            await store.mark_leave(txn, leave, SPOOLS_KEPT)
        await store.line_insert(txn, fresh)
        for environment_id in sorted({each.environment_id for each in fresh}):
            txn.hint(LOGS_TOPIC, {"environment_id": environment_id})
        lines = sum(len(each.lines) for each in fresh)
        txn.after_commit(lambda: self._count(lines))

    def _count(self, lines: int) -> None:
        self.stored_lines += lines


def unstored(
    batches: Sequence[TakenBatch], marks: Sequence[MarkRow]
) -> tuple[list[TakenBatch], list[MarkRow]]:
    """Return the batches that are not stored yet, each once and in order, and the marks of their spools after them."""
    stored = {(mark.node_id, mark.spool): mark.batch for mark in marks}
    fresh: dict[tuple[UUID, str], list[TakenBatch]] = {}
    for batch in sorted(batches, key=lambda each: (each.node_id, each.batch)):
        key = (batch.node_id, batch.spool)
        if batch.batch > stored.get(key, 0):
            stored[key] = batch.batch
            fresh.setdefault(key, []).append(batch)
    newest = [MarkRow(*key, stored[key]) for key in sorted(fresh)]
    return [batch for key in sorted(fresh) for batch in fresh[key]], newest


def turned(current: Sequence[MarkRow], newest: Sequence[MarkRow]) -> tuple[list[MarkRow], list[MarkRow]]:
    """Return the marks of the spools that nodes send from now, one a node, and those of the spools that they left."""
    before = {mark.node_id: mark for mark in current}
    now = {mark.node_id: mark for mark in newest}
    # A spool that goes on stays the current one: of two machines that speak as one node either may be.
    now |= {mark.node_id: mark for mark in newest if mark.spool == before[mark.node_id].spool}
    left = [mark for mark in newest if now[mark.node_id] != mark]
    left += [
        mark
        for mark in current
        if mark.spool and mark.node_id in now and now[mark.node_id].spool != mark.spool
    ]
    return [now[node_id] for node_id in sorted(now)], left
