"""Taking heartbeats in: buffered when answered, written once a second for all nodes of the process.

Counters are cumulative, so only the newest heartbeat of a node is kept between flushes and a lost one costs
nothing. One bad value of one agent must never cost the others their flush: every text and number is made
fit for the database when it is taken.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog

from vectorflow.fleet import topics
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.clock import Clock
from vectorflow.platform.database import Database, DatabaseUnavailable, Transaction
from vectorflow.telemetry import store
from vectorflow.telemetry.beats import Beat, Flow, make_beat
from vectorflow.telemetry.errors import IngestFull
from vectorflow.telemetry.types import RATES_TOPIC, CounterRow
from vectorflow_wire.messages import HeartbeatRequest

log = structlog.get_logger()

FLUSH_SECONDS = 1.0
_NODES_TOLD_EVERY = 5.0
_MOST_FLOWS = 100_000


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """A beat until the next flush. Encoded at once: the work is spread, and the collector has little to walk."""

    organization_id: UUID
    environment_id: UUID
    presence: msgspec.Raw
    runs: tuple[msgspec.Raw, ...]
    pipeline_ids: tuple[UUID, ...]
    rows: list[CounterRow]
    news: bool


class Ingest:
    """The buffer of one gateway process, with a bound on its memory."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        heartbeat_seconds: float,
        most_nodes: int = 50_000,
        most_rows: int = 1_500_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self._most_nodes = most_nodes
        self._most_rows = most_rows
        self._monotonic = monotonic
        self._beats: dict[UUID, _Kept] = {}
        self._rows = 0
        self._flows: OrderedDict[UUID, dict[UUID, Flow]] = OrderedDict()
        self._told: dict[UUID, float] = {}
        self._lock = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """Heartbeats not written yet."""
        return len(self._beats)

    def take(self, authority: NodeAuthority, request: HeartbeatRequest) -> None:
        """Buffer a heartbeat. Raises `IngestFull` when the database has not kept up."""
        replaced = self._beats.get(authority.node_id)
        if replaced is None and (len(self._beats) >= self._most_nodes or self._rows >= self._most_rows):
            raise IngestFull(headers={"Retry-After": "5"})
        beat, flows = make_beat(
            authority,
            request,
            self._clock.now(),
            self._heartbeat_seconds,
            self._flows.get(authority.node_id, {}),
        )
        self._flows[authority.node_id] = flows
        self._flows.move_to_end(authority.node_id)
        if len(self._flows) > _MOST_FLOWS:
            self._flows.popitem(last=False)
        self._rows += len(beat.rows) - (len(replaced.rows) if replaced else 0)
        self._beats[authority.node_id] = _kept(beat)

    async def run(self) -> None:
        """Flush every second until cancelled; `close` writes the rest."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def close(self) -> None:
        """Write what is left."""
        await self.flush()

    async def flush(self) -> bool:
        """Write everything buffered in one transaction; False when the database did not take it.

        What the database cannot take now stays, unless a newer heartbeat of the node has come meanwhile.
        """
        async with self._lock:
            if not self._beats:
                return True
            beats, self._beats, self._rows = self._beats, {}, 0
            try:
                await self._write(list(beats.values()))
            except (DatabaseUnavailable, psycopg.OperationalError, OSError) as error:
                log.warning("heartbeats.not-written", nodes=len(beats), error=type(error).__name__)
                self._put_back(beats)
                return False
            except psycopg.Error:
                # Not a matter of trying again: drop it, the next heartbeats carry the same counters.
                log.exception("heartbeats.refused", nodes=len(beats))
                return False
        return True

    def _put_back(self, beats: dict[UUID, _Kept]) -> None:
        for node_id, beat in beats.items():
            if node_id not in self._beats:
                self._beats[node_id] = beat
                self._rows += len(beat.rows)

    async def _write(self, beats: Sequence[_Kept]) -> None:
        try:
            async with self._database.unscoped() as txn:
                rows = [row for beat in beats for row in beat.rows]
                if rows:
                    await store.counters_copy(txn, rows)
                await self._write_present(txn, beats)
        except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation):
            # No partition for today, or the same moment twice: the present state is written all the same.
            log.exception("counters.not-kept", nodes=len(beats))
            async with self._database.unscoped() as txn:
                await self._write_present(txn, beats)

    async def _write_present(self, txn: Transaction, beats: Sequence[_Kept]) -> None:
        present: list[Any] = [beat.presence for beat in beats]  # JSON already, put together as it is
        await store.presence_update(txn, present)
        runs: list[Any] = [run for beat in beats for run in beat.runs]
        if runs:
            await store.runs_update(txn, runs)
        await store.tell(txn, self._messages(beats))

    def _messages(self, beats: Sequence[_Kept]) -> list[dict[str, Any]]:
        """Say which pipelines have new counters, and every few seconds which environments' nodes were heard."""
        now = self._monotonic()
        messages: dict[tuple[str, UUID], dict[str, Any]] = {}
        for beat in beats:
            for pipeline_id in beat.pipeline_ids:
                messages[RATES_TOPIC, pipeline_id] = {
                    "topic": RATES_TOPIC,
                    "organization_id": beat.organization_id,
                    "pipeline_id": pipeline_id,
                }
            if (
                beat.news
                or now - self._told.get(beat.environment_id, -_NODES_TOLD_EVERY) >= _NODES_TOLD_EVERY
            ):
                messages[topics.NODES, beat.environment_id] = {
                    "topic": topics.NODES,
                    "organization_id": beat.organization_id,
                    "environment_id": beat.environment_id,
                }
        for topic, environment_id in messages:
            if topic == topics.NODES:
                self._told[environment_id] = now
        return list(messages.values())


def _kept(beat: Beat) -> _Kept:
    return _Kept(
        organization_id=beat.organization_id,
        environment_id=beat.environment_id,
        presence=msgspec.Raw(msgspec.json.encode(beat.presence)),
        runs=tuple(msgspec.Raw(msgspec.json.encode(run)) for run in beat.runs),
        pipeline_ids=tuple(run["pipeline_id"] for run in beat.runs),
        rows=beat.rows,
        news=beat.news,
    )
