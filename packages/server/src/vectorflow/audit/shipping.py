"""The shipper: brings the platform's records and the checkpoints of all chains where nobody can change them.

One round writes the platform's new records, then one sealed object with the platform's head and the newest
checkpoint of every chain that has grown. What is written is told to the database afterwards, so a round that
was cut off is done again: names follow from the content, and what is there already is compared.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from vectorflow.audit import store
from vectorflow.audit.seals import SealKey
from vectorflow.audit.shipped import (
    checkpoint_line,
    checkpoints_key,
    digest_of,
    head_line,
    records_body,
    records_key,
    sealed_body,
)
from vectorflow.audit.types import BEHIND_SECONDS, AuditRow, Checkpoint
from vectorflow.audit.verifying import record_of
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import each_organization
from vectorflow.platform.s3 import S3Misconfigured

log = structlog.get_logger()

MAX_RECORDS = 500  # of one object; a record has at most 64 kB, so an object stays below what egress sends
_MAX_BYTES = 8 * 2**20
_KIND = "application/x-ndjson"


class Bucket(Protocol):
    """Where objects go; `platform.s3` has it."""

    @property
    def name(self) -> str:
        """What the position is kept under."""
        ...

    async def check(self) -> None:
        """Raise what speaks against using it."""
        ...

    async def put_once(self, key: str, body: bytes, *, kind: str, until: datetime) -> bool:
        """Write an object; return False where there is one."""
        ...

    async def get(self, key: str) -> bytes:
        """Return an object."""
        ...


class ShippingMetrics:
    """The metrics of shipping."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "vectorflow_audit_ship_lag_seconds",
            "Seconds since the last sealed checkpoint that is surely in the bucket; above 120 the alarm is on.",
            registry=registry,
        )
        self.objects = Counter(
            "vectorflow_audit_shipped_objects", "Objects written to the bucket.", ("kind",), registry=registry
        )
        self.failures = Counter(
            "vectorflow_audit_ship_failures", "Rounds of shipping that failed.", registry=registry
        )
        self.forks = Counter(
            "vectorflow_audit_ship_forks",
            "Records that were shipped before with another content: the log was rewritten, or an old backup runs.",
            registry=registry,
        )


class Shipper:
    """Ships in rounds. `database` is of the role worker."""

    def __init__(
        self,
        database: Database,
        bucket: Bucket,
        key: SealKey,
        clock: Clock,
        *,
        retention: timedelta,
        metrics: ShippingMetrics,
    ) -> None:
        self._database, self._bucket, self._key, self._clock = database, bucket, key, clock
        self._retention, self._metrics = retention, metrics
        self._behind = False
        self._last: float | None = None  # monotonic, so that a wall clock that jumps hides no lag
        metrics.lag.set_function(self.lag_seconds)

    def lag_seconds(self) -> float:
        """Return the seconds since the last sealed object."""
        return 0.0 if self._last is None else time.monotonic() - self._last

    async def run(self, every_seconds: float) -> None:
        """Ship until cancelled. Raises `S3Misconfigured` at the start when the bucket cannot be used."""
        self._last = time.monotonic() - await self._age()
        checked = False
        while True:
            began = time.monotonic()
            try:
                if not checked:
                    await self._bucket.check()
                    checked = True
                await self.round()
            except S3Misconfigured:
                if not checked:
                    raise
                self._failed("audit.bucket-changed")
            except VectorFlowError as error:
                self._failed(error.code, error.detail)
            except Exception as error:
                self._failed(type(error).__name__)
            self._judge(time.monotonic())
            spent = time.monotonic() - began
            await asyncio.sleep(max(1.0, every_seconds * random.uniform(0.9, 1.0) - spent))  # noqa: S311  # jitter

    async def round(self) -> int:
        """Ship what is new; return how many records went."""
        sent = 0
        while rows := await self._next_records():
            rows = await self._ship_records(rows)
            sent += len(rows)
            async with self._database.unscoped() as txn:
                await store.shipping_advance(txn, self._bucket.name, rows[-1].sequence, rows[-1].hash)
        await self._ship_checkpoints()
        return sent

    async def _next_records(self) -> list[AuditRow]:
        async with self._database.unscoped() as txn:
            position = await store.shipping_position(txn, self._bucket.name)
            rows = await store.platform_audit_range(txn, after=position.sequence, limit=MAX_RECORDS)
        return _bounded(rows)

    async def _ship_records(self, rows: list[AuditRow]) -> list[AuditRow]:
        """Write an object; where there is one, return the records of it that are ours too."""
        key = records_key(rows)
        if await self._put(key, records_body(rows), "records"):
            return rows
        there = [record_of(line) for line in (await self._bucket.get(key)).splitlines()]
        common = [ours for ours, theirs in zip(rows, there, strict=False) if ours.hash == theirs.hash]
        if len(common) == min(len(rows), len(there)):
            return common
        self._metrics.forks.inc()
        at = rows[len(common)].sequence
        log.error("audit.ship-forked", sequence=at, object=key, why="shipped before with another content")
        await self._put(records_key(rows, fork=True), records_body(rows), "records")
        return rows

    async def _ship_checkpoints(self) -> None:
        """Write one sealed object: the platform's head, and each chain's newest checkpoint that is not there yet."""
        async with self._database.unscoped() as txn:
            head = await store.platform_audit_head(txn)
            newest = await store.platform_audit_checkpoint_newest(txn)
        lines = [head_line(None, head)]
        if newest is not None:
            lines.append(checkpoint_line(None, newest))
        grown: dict[object, Checkpoint] = {}
        for organization_id in await each_organization(self._database):
            async with self._database.transaction(organization_id) as txn:
                checkpoint = await store.audit_checkpoint_unshipped(txn, self._bucket.name)
            if checkpoint is not None:
                grown[organization_id] = checkpoint
                lines.append(checkpoint_line(organization_id, checkpoint))
        at = self._clock.now()
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        key = checkpoints_key(at)
        body = sealed_body(lines, await self._key.seal(digest_of(lines), at))
        if not await self._put(key, body, "checkpoints") and await self._bucket.get(key) != body:
            log.warning("audit.checkpoints-there", object=key)  # another shipper's, of the same moment
            return
        self._last = time.monotonic()
        for organization_id in await each_organization(self._database):
            if organization_id in grown:
                async with self._database.transaction(organization_id) as txn:
                    await store.audit_shipped_put(txn, self._bucket.name, grown[organization_id], at)
        async with self._database.unscoped() as txn:
            await store.shipping_sealed(txn, self._bucket.name, at)

    async def _put(self, key: str, body: bytes, what: str) -> bool:
        fresh = await self._bucket.put_once(key, body, kind=_KIND, until=self._clock.now() + self._retention)
        if fresh:
            self._metrics.objects.labels(what).inc()
        return fresh

    async def _age(self) -> float:
        """Return how old the last sealed object was when this process began."""
        async with self._database.unscoped() as txn:
            sealed_at = (await store.shipping_position(txn, self._bucket.name)).sealed_at
        return max(0.0, (self._clock.now() - sealed_at).total_seconds()) if sealed_at else 0.0

    def _failed(self, reason: str, detail: str | None = None) -> None:
        self._metrics.failures.inc()
        log.warning("audit.not-shipped", reason=reason, detail=detail)

    def _judge(self, now: float) -> None:
        behind = self._last is not None and now - self._last > BEHIND_SECONDS
        if behind and not self._behind:
            log.error("audit.ship-behind", seconds=round(now - (self._last or now)))
        elif self._behind and not behind:
            log.info("audit.ship-caught-up")
        self._behind = behind


def _bounded(rows: Sequence[AuditRow]) -> list[AuditRow]:
    """Return as many of the first records as an object takes; at least one."""
    size = 0
    taken: list[AuditRow] = []
    for row in rows:
        size += len(msgspec.json.encode(row))
        if taken and size > _MAX_BYTES:
            break
        taken.append(row)
    return taken
