"""Live events for browsers: what changed, by topic. Ids and versions travel; rates are read here, once for all.

`rates:<pipeline>`, `pipeline:<pipeline>`, `rollout:<rollout>`, `nodes:<environment>`, `logs:<environment>`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from vectorflow.delivery import store
from vectorflow.delivery.errors import TopicUnknown
from vectorflow.delivery.types import ROLLOUT_TOPIC
from vectorflow.fleet import topics as fleet_topics
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import parse_id
from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.service import PIPELINE_TOPIC
from vectorflow.platform.bus import Bus
from vectorflow.platform.database import Database
from vectorflow.platform.http.events import EventStream, EventStreams
from vectorflow.telemetry.logs.types import LOGS_TOPIC
from vectorflow.telemetry.service import TelemetryService
from vectorflow.telemetry.types import RATES_TOPIC
from vectorflow.tenancy.service import TenancyService
from vectorflow.tenancy.types import Access

log = structlog.get_logger()

MOST_TOPICS: Final = 50
_BELIEVED_SECONDS: Final = 5.0
_READS_AT_ONCE: Final = 4
_READ_EVERY_SECONDS: Final = 2.0
# Of a pipeline on very many nodes: reading it takes a fifth of the time at most.
_REST_SHARE: Final = 4.0
_PERMISSIONS: Final = {
    "rates": Permission.TELEMETRY_READ,
    "pipeline": Permission.PIPELINE_READ,
    "rollout": Permission.ROLLOUT_READ,
    "nodes": Permission.NODE_READ,
    "logs": Permission.LOG_READ,
}
_Key = tuple[UUID, str]


class _Listener(msgspec.Struct, eq=False):
    stream: EventStream
    access: Access
    topics: tuple[str, ...]
    allowed_until: dict[str, float]


def parse_topic(topic: str) -> tuple[str, UUID]:
    """Return a topic's kind and the id it is about. Raises `TopicUnknown`."""
    kind, _, text = topic.partition(":")
    found = parse_id(text)
    if kind not in _PERMISSIONS or found is None:
        raise TopicUnknown
    return kind, found


class LiveEvents:
    """All streams of one process, and what wakes them."""

    def __init__(
        self,
        database: Database,
        tenancy: TenancyService,
        telemetry: TelemetryService,
        streams: EventStreams,
    ) -> None:
        self._database = database
        self._tenancy = tenancy
        self._telemetry = telemetry
        self._streams = streams
        self._listeners: dict[_Key, set[_Listener]] = {}
        self._reads: dict[_Key, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_READS_AT_ONCE)

    def attach(self, bus: Bus) -> None:
        """Listen to the bus."""
        bus.subscribe(RATES_TOPIC, self._on_rates)
        bus.subscribe(PIPELINE_TOPIC, self._on_pipeline)
        bus.subscribe(ROLLOUT_TOPIC, self._on_rollout)
        bus.subscribe(fleet_topics.NODES, self._on_nodes)
        bus.subscribe(LOGS_TOPIC, self._on_logs)
        bus.subscribe(Topic.MEMBERSHIP, self._on_membership)

    async def open(self, session_id: UUID, access: Access, topics: tuple[str, ...]) -> EventStream:
        """Open a stream of those topics that may be known of: one tab's stale topic must not cost the others theirs.

        Raises `TopicUnknown` for text that is no topic, and where none of them may be known of.
        """
        if not topics or len(topics) > MOST_TOPICS:
            raise TopicUnknown(f"Ask for 1 to {MOST_TOPICS} topics.")
        for topic in topics:
            parse_topic(topic)
        until = time.monotonic() + _BELIEVED_SECONDS
        allowed_until = {
            topic: until for topic in dict.fromkeys(topics) if await self._allowed(access, topic)
        }
        if not allowed_until:
            raise TopicUnknown
        stream = self._streams.open(session_id, lambda topic: self._authorize(listener, topic))
        listener = _Listener(stream, access, tuple(allowed_until), allowed_until)
        for topic in listener.topics:
            self._listeners.setdefault((access.organization_id, topic), set()).add(listener)
            if topic.startswith("rates:"):
                self._read((access.organization_id, topic))
        stream.on_close(lambda: self._forget(listener))
        return stream

    async def close(self) -> None:
        """End reads under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _authorize(self, listener: _Listener, topic: str) -> bool:
        """Ask for the permission again, five seconds after it was last found, before an event goes out."""
        if listener.allowed_until.get(topic, 0.0) > time.monotonic():
            return True
        allowed = await self._allowed(listener.access, topic)
        if allowed:
            listener.allowed_until[topic] = time.monotonic() + _BELIEVED_SECONDS
        return allowed

    async def _allowed(self, access: Access, topic: str) -> bool:
        kind, object_id = parse_topic(topic)
        async with self._database.transaction(access.organization_id) as txn:
            slug = await store.topic_environment(txn, kind, object_id)
        if slug is None:
            return False
        try:
            now = await self._tenancy.access(access.account_id, access.organization_slug, slug)
        except VectorFlowError:
            return False
        return now.may(_PERMISSIONS[kind])

    def _forget(self, listener: _Listener) -> None:
        for topic in listener.topics:
            key = (listener.access.organization_id, topic)
            listeners = self._listeners.get(key, set())
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(key, None)

    def _tell(self, message: Mapping[str, Any], kind: str, field: str) -> None:
        organization_id = parse_id(str(message.get("organization_id")))
        object_id = parse_id(str(message.get(field)))
        if organization_id is None or object_id is None:
            return
        topic = f"{kind}:{object_id}"
        for listener in tuple(self._listeners.get((organization_id, topic), ())):
            listener.stream.offer(topic, kind, {"topic": topic, "id": object_id})

    def _on_pipeline(self, message: Mapping[str, Any]) -> None:
        self._tell(message, "pipeline", "pipeline_id")

    def _on_rollout(self, message: Mapping[str, Any]) -> None:
        self._tell(message, "rollout", "rollout_id")
        self._tell(message, "pipeline", "pipeline_id")

    def _on_nodes(self, message: Mapping[str, Any]) -> None:
        self._tell(message, "nodes", "environment_id")

    def _on_logs(self, message: Mapping[str, Any]) -> None:
        self._tell(message, "logs", "environment_id")

    def _on_membership(self, message: Mapping[str, Any]) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                if str(listener.access.account_id) == str(message.get("account_id")):
                    listener.allowed_until.clear()

    def _on_rates(self, message: Mapping[str, Any]) -> None:
        organization_id = parse_id(str(message.get("organization_id")))
        if organization_id is not None:
            self._read((organization_id, f"rates:{message.get('pipeline_id')}"))

    def _read(self, key: _Key) -> None:
        """Read rates for whoever listens; news that come meanwhile, or soon after, cause one more read, not many."""
        if key not in self._listeners:
            return
        if key in self._reads:
            self._reads[key] = True
            return
        self._reads[key] = False
        task = asyncio.create_task(self._read_until_settled(key), name="live-rates")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_until_settled(self, key: _Key) -> None:
        organization_id, topic = key
        _, pipeline_id = parse_topic(topic)
        try:
            again = True
            while again and key in self._listeners:
                self._reads[key] = False
                async with self._slots:
                    began = time.monotonic()
                    rates = await self._telemetry.rates(organization_id, None, pipeline_id)
                    took = time.monotonic() - began
                data = {"topic": topic, "id": pipeline_id, **msgspec.to_builtins(rates)}
                for listener in tuple(self._listeners.get(key, ())):
                    listener.stream.offer(topic, "rates", data)
                await asyncio.sleep(max(_READ_EVERY_SECONDS, _REST_SHARE * took))
                again = self._reads[key]
        except Exception as error:
            log.warning("live.rates-not-read", error=type(error).__name__)
        finally:
            self._reads.pop(key, None)
