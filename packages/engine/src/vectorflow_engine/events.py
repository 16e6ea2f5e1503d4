"""What flows: batches of events, and the acknowledgement that travels with them.

An event is a plain dict (a log) or a `Metric`. Events are never changed in place: a branch of the graph
may share them, so whoever changes one makes a new one.
"""

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from vectorflow_engine.vrl.timestamps import Timestamp


class Buckets(msgspec.Struct, frozen=True):
    """A histogram's state: how many values fell into each bucket alone, by its upper bound, and the sum of all."""

    counts: tuple[tuple[float, int], ...]
    count: int
    sum: float


class Metric(msgspec.Struct):
    """A counter, gauge or histogram at an instant; a histogram's `value` is how many values it holds."""

    name: str
    value: float
    type: str = "counter"
    kind: str = "absolute"
    namespace: str | None = None
    tags: dict[str, str] = {}
    timestamp: str | None = None
    buckets: Buckets | None = None

    def document(self) -> dict[str, Any]:
        """As Vector writes a metric in JSON."""
        made: dict[str, Any] = {"name": self.name}
        if self.namespace:
            made["namespace"] = self.namespace
        if self.tags:
            made["tags"] = self.tags
        if self.timestamp:
            made["timestamp"] = self.timestamp
        made["kind"] = self.kind
        if self.buckets is None:
            made[self.type] = {"value": self.value}
        else:
            listed = [{"upper_limit": bound, "count": count} for bound, count in self.buckets.counts]
            made["aggregated_histogram"] = {
                "buckets": listed,
                "count": self.buckets.count,
                "sum": self.buckets.sum,
            }
        return made


class Status(enum.IntEnum):
    """How a batch ended; the worst of its parts counts."""

    DELIVERED = 0
    ERRORED = 1
    REJECTED = 2


class Ack:
    """Counts who still holds part of a source's batch; tells the source once, when nobody does."""

    __slots__ = ("_done", "_holders", "_status")

    def __init__(self, done: Callable[[Status], None]) -> None:
        self._done = done
        self._holders = 1
        self._status = Status.DELIVERED

    def hold(self, more: int = 1) -> None:
        """Add holders; only one who still holds may do so."""
        self._holders += more

    def release(self, status: Status = Status.DELIVERED) -> None:
        """One holder has finished."""
        self._status = max(self._status, status)
        self._holders -= 1
        if self._holders == 0:
            self._done(self._status)


class Batch:
    """Events on their way, all logs or all metrics, with at most one acknowledgement."""

    __slots__ = ("ack", "events", "metric")

    def __init__(self, events: list[Any], ack: Ack | None = None, *, metric: bool = False) -> None:
        self.events = events
        self.ack = ack
        self.metric = metric

    def __len__(self) -> int:
        return len(self.events)

    def with_events(self, events: list[Any]) -> "Batch":
        """Another batch that holds the same acknowledgement once more."""
        if self.ack is not None:
            self.ack.hold()
        return Batch(events, self.ack, metric=self.metric)

    def take(self, count: int) -> "Batch":
        """Split off the first ``count`` events."""
        head = self.with_events(self.events[:count])
        self.events = self.events[count:]
        return head

    def release(self, status: Status = Status.DELIVERED) -> None:
        """Whoever held this batch has finished with it."""
        if self.ack is not None:
            self.ack.release(status)


def _plain(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return str(value)
    if isinstance(value, Metric):
        return value.document()
    raise NotImplementedError(f"{type(value).__name__} cannot be written as JSON")


json_encoder = msgspec.json.Encoder(enc_hook=_plain, order="sorted")


def estimated_bytes(events: list[Any]) -> int:
    """About how long the events are as JSON: the first one's length, times their number."""
    return len(json_encoder.encode(_first(events))) * len(events) if events else 0


def _first(events: list[Any]) -> Any:
    event = events[0]
    return event.document() if isinstance(event, Metric) else event
