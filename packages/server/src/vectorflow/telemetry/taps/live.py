"""Streams of tapped events to those who asked: each reads its own tap, and loses it with the permission."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import parse_id
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.bus import Bus
from vectorflow.platform.database import Database
from vectorflow.platform.http.events import EventStream, EventStreams
from vectorflow.telemetry.taps.relay import RelayBroken, relay_open
from vectorflow.telemetry.taps.service import TAP_TOPIC, Ended, TapService, end
from vectorflow.telemetry.taps.store import taps as store
from vectorflow.telemetry.taps.types import Tap, TappedEvent
from vectorflow.tenancy.service import TenancyService
from vectorflow.tenancy.types import Access
from vectorflow_wire.taps import TapBatch

log = structlog.get_logger()

LOOK_SECONDS: Final = 2.0
"""How long a permission is believed, and how often a silent tap is looked at."""

_WATCH_SECONDS: Final = 5.0
_AT_ONCE: Final = 20
_MOST_PENDING: Final = 100
_SLOW_SECONDS: Final = 0.2


class TapReader(msgspec.Struct, eq=False):
    """Somebody who reads a tap."""

    stream: EventStream
    access: Access
    actor: Actor
    tap_id: UUID
    private: bytes
    wake: asyncio.Event
    sent: int = 0


class TapStreams:
    """All readers of one process."""

    def __init__(
        self, database: Database, tenancy: TenancyService, taps: TapService, streams: EventStreams
    ) -> None:
        self._database = database
        self._tenancy = tenancy
        self._taps = taps
        self._streams = streams
        self._readers: dict[UUID, set[TapReader]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, bus: Bus) -> None:
        """Listen to the bus."""
        bus.subscribe(TAP_TOPIC, self._on_tap)
        bus.subscribe(Topic.MEMBERSHIP, self._on_membership)

    async def close(self) -> None:
        """End what is being read."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def open(self, session_id: UUID, access: Access, actor: Actor, tap_id: UUID) -> EventStream:
        """Open a stream of one's own tap. Raises `TapNotFound`, `TooManyStreamsError`, `KeysUnavailable`."""
        async with self._database.transaction(access.organization_id) as txn:
            row = await self._taps.own(txn, access.environment_id, tap_id, access.account_id)
            private = await self._taps.private_key(txn, row)
            await store.tap_watched(txn, tap_id)
        stream = self._streams.open(session_id, _always)
        reader = TapReader(stream, access, actor, tap_id, private or b"", asyncio.Event())
        self._readers.setdefault(tap_id, set()).add(reader)
        stream.on_close(lambda: self._gone(reader))
        task = asyncio.create_task(self._serve(reader), name=f"tap {tap_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return stream

    def _gone(self, reader: TapReader) -> None:
        readers = self._readers.get(reader.tap_id, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(reader.tap_id, None)
        reader.wake.set()

    def _open(self, reader: TapReader) -> bool:
        return reader in self._readers.get(reader.tap_id, ())

    async def _serve(self, reader: TapReader) -> None:
        """Read and send until the tap ends, the reader goes away or may not read any more."""
        believed = watched = time.monotonic()
        try:
            while self._open(reader):
                now = time.monotonic()
                if now - believed >= LOOK_SECONDS:
                    if not await self._allowed(reader.access):
                        await self._cut(reader)
                        return
                    believed = now
                if now - watched >= _WATCH_SECONDS:
                    await self._watched(reader)
                    watched = now
                if not await self._send(reader):
                    return
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await reader.wake.wait()
                except TimeoutError:
                    pass
                reader.wake.clear()
        except Exception as error:
            log.warning("tap.not-served", error=type(error).__name__)
        finally:
            reader.stream.finish()

    async def _send(self, reader: TapReader) -> bool:
        """Send what waits; whether there may be more."""
        access = reader.access
        while self._open(reader):
            if reader.stream.pending > _MOST_PENDING:
                # A slow reader waits for itself: the gateway drops and counts what has no room meanwhile.
                await asyncio.sleep(_SLOW_SECONDS)
                return True
            async with self._database.transaction(access.organization_id) as txn:
                rows = await store.batch_take(txn, reader.tap_id, _AT_ONCE)
                tap = await self._taps.tap(txn, access.environment_id, reader.tap_id)
                if tap.ended == "" and tap.nodes and all(node.ended for node in tap.nodes) and not rows:
                    await end(txn, [tap.id], Ended.NODES_ENDED, reader.actor)
                    tap = await self._taps.tap(txn, access.environment_id, reader.tap_id)
            for row in rows:
                try:
                    batch = relay_open(
                        reader.private, access.organization_id, reader.tap_id, row.node_id, row.body
                    )
                except RelayBroken:
                    log.warning("tap.batch-refused", tap_id=str(reader.tap_id))
                    continue
                self._offer(reader, "events", {"items": _events(row.node_id, batch)})
            self._offer(reader, "tap", tap)
            if tap.ended:
                return False
            if len(rows) < _AT_ONCE:
                return True
        return False

    def _offer(self, reader: TapReader, kind: str, data: dict[str, list[TappedEvent]] | Tap) -> None:
        reader.sent += 1
        topic = "tap" if kind == "tap" else f"events:{reader.sent}"
        reader.stream.offer(topic, kind, data)

    async def _allowed(self, access: Access) -> bool:
        if access.environment is None:
            return False
        try:
            now = await self._tenancy.access(
                access.account_id, access.organization_slug, access.environment.slug
            )
        except VectorFlowError:
            return False
        return now.may(Permission.TAP_USE)

    async def _watched(self, reader: TapReader) -> None:
        async with self._database.transaction(reader.access.organization_id) as txn:
            await store.tap_watched(txn, reader.tap_id)

    async def _cut(self, reader: TapReader) -> None:
        """The permission is gone: so are the tap and what waits of it."""
        reader.stream.close()
        async with self._database.transaction(reader.access.organization_id) as txn:
            await end(txn, [reader.tap_id], Ended.NOT_ALLOWED, reader.actor)

    def _on_tap(self, message: Mapping[str, Any]) -> None:
        tap_id = parse_id(str(message.get("tap_id")))
        if tap_id is not None:
            for reader in self._readers.get(tap_id, ()):
                reader.wake.set()

    def _on_membership(self, message: Mapping[str, Any]) -> None:
        for readers in self._readers.values():
            for reader in readers:
                if str(reader.access.account_id) == str(message.get("account_id")):
                    reader.wake.set()


def _events(node_id: UUID, batch: TapBatch) -> list[TappedEvent]:
    return [
        TappedEvent(
            node_id=node_id,
            at=rfc3339(datetime.fromtimestamp(min(max(event.at, 0), 253_402_300_799_000) / 1000, UTC)),
            component=event.component,
            port=event.port,
            kind=event.kind,
            event=msgspec.json.decode(bytes(event.event)),
            cut=event.cut,
            binary=event.binary,
            redacted=event.redacted,
        )
        for event in batch.events
    ]


async def _always(_: str) -> bool:
    return True  # asked every two seconds beside the stream, whether or not events come
