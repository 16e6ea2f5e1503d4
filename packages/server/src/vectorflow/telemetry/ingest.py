"""Taking heartbeats in: buffered when answered, written once a second for all nodes of the process.

Counters are cumulative, so only the newest heartbeat of a node is kept between flushes and a lost one costs
nothing. One bad value of one agent must never cost the others their flush: every text and number is made
fit for the database when it is taken. What a flush sends was encoded then as well, so that it holds up nobody.
"""

import asyncio
import itertools
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
from vectorflow.telemetry.types import RATES_TOPIC
from vectorflow_wire.messages import HeartbeatRequest

log = structlog.get_logger()

FLUSH_SECONDS = 1.0
_NODES_TOLD_EVERY = 5.0
_MOST_FLOWS = 100_000
# A thousand nodes or more, so that statements stay few; more at once would hold up the event loop while they are sent.
_PIECE_BYTES = 20 * 2**20
_NO_FLOWS: dict[UUID, Flow] = {}
_CLOSE_TRIES = 5
_CLOSE_PAUSE_SECONDS = 0.5


class Ingest:
    """The buffer of one gateway process, with a bound on its memory."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        heartbeat_seconds: float,
        most_nodes: int = 50_000,
        most_bytes: int = 256 * 2**20,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self._most_nodes = most_nodes
        self._most_bytes = most_bytes
        self._monotonic = monotonic
        self._beats: dict[UUID, Beat] = {}
        self._bytes = 0
        self._flows: OrderedDict[UUID, dict[UUID, Flow]] = OrderedDict()
        self._told: dict[UUID, float] = {}
        self._lock = asyncio.Lock()
        self.shed = 0
        self.written = 0
        self.flush_seconds = 0.0

    @property
    def waiting(self) -> int:
        """Heartbeats not written yet."""
        return len(self._beats)

    @property
    def waiting_bytes(self) -> int:
        """Memory held by what is not written yet."""
        return self._bytes

    def take(self, authority: NodeAuthority, request: HeartbeatRequest) -> None:
        """Buffer a heartbeat that `heartbeats` has read. Raises `IngestFull` when the database has not kept up."""
        replaced = self._beats.get(authority.node_id)
        if replaced is None and (len(self._beats) >= self._most_nodes or self._bytes >= self._most_bytes):
            self.shed += 1
            raise IngestFull(headers={"Retry-After": "5"})
        before = self._flows.get(authority.node_id, _NO_FLOWS)
        beat, flows = make_beat(authority, request, self._clock.now(), self._heartbeat_seconds, before)
        grown = beat.size - (replaced.size if replaced else 0)
        if grown > 0 and self._bytes + grown > self._most_bytes:
            self.shed += 1
            raise IngestFull(headers={"Retry-After": "5"})
        self._flows[authority.node_id] = flows
        self._flows.move_to_end(authority.node_id)
        if len(self._flows) > _MOST_FLOWS:
            self._flows.popitem(last=False)
        self._bytes += grown
        self._beats[authority.node_id] = beat

    async def run(self) -> None:
        """Flush every second until cancelled; `close` writes the rest."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def close(self) -> None:
        """Write what is left; a database that is just being started again gets some seconds."""
        for _ in range(_CLOSE_TRIES):
            if await self.flush():
                return
            await asyncio.sleep(_CLOSE_PAUSE_SECONDS)

    async def flush(self) -> bool:
        """Write everything buffered, each piece in one transaction; False when the database did not take it.

        What the database cannot take now stays, unless a newer heartbeat of the node has come meanwhile. What comes
        meanwhile is the next flush's.
        """
        async with self._lock:
            began = self._monotonic()
            left = len(self._beats)
            taken = True
            while left > 0 and self._beats:
                beats = self._piece(left)
                left -= len(beats)
                try:
                    await self._write(list(beats.values()))
                    self.written += len(beats)
                except (DatabaseUnavailable, psycopg.OperationalError, OSError) as error:
                    log.warning("heartbeats.not-written", nodes=len(beats), error=type(error).__name__)
                    self._put_back(beats)
                    return False
                except asyncio.CancelledError:
                    self._put_back(beats)  # `close` writes them
                    raise
                except psycopg.Error:
                    # Not a matter of trying again: drop it, the next heartbeats carry the same counters.
                    log.exception("heartbeats.refused", nodes=len(beats))
                    taken = False
                self.flush_seconds = self._monotonic() - began
        return taken

    def _piece(self, most: int) -> dict[UUID, Beat]:
        """Take those that have waited longest out of the buffer, as many as are written at once."""
        piece: dict[UUID, Beat] = {}
        size = 0
        for node_id, beat in itertools.islice(self._beats.items(), most):
            piece[node_id] = beat
            size += beat.size
            if size >= _PIECE_BYTES:
                break
        for node_id in piece:
            del self._beats[node_id]
        self._bytes -= size
        return piece

    def _put_back(self, beats: dict[UUID, Beat]) -> None:
        for node_id, beat in beats.items():
            if node_id not in self._beats:
                self._beats[node_id] = beat
                self._bytes += beat.size

    async def _write(self, beats: Sequence[Beat]) -> None:
        try:
            async with self._database.unscoped() as txn:
                if rows := [beat.rows for beat in beats if beat.rows]:
                    await store.counters_copy(txn, rows)
                if hosts := [beat.host for beat in beats if beat.host]:
                    await store.host_metrics_copy(txn, hosts)
                await self._write_present(txn, beats)
        except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation):
            # No partition for today, or the same moment twice: the present state is written all the same.
            log.exception("counters.not-kept", nodes=len(beats))
            async with self._database.unscoped() as txn:
                await self._write_present(txn, beats)

    async def _write_present(self, txn: Transaction, beats: Sequence[Beat]) -> None:
        await store.present_update(
            txn,
            [beat.presence for beat in beats],
            [beat.runs for beat in beats if beat.runs],
            [msgspec.json.encode(each) for each in self._messages(beats)],
        )

    def _messages(self, beats: Sequence[Beat]) -> list[dict[str, Any]]:
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
