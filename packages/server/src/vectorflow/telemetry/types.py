"""What is passed around about counters; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Metric = Literal["received", "sent", "errors", "discarded", "latency", "lag", "wait", "utilization", "buffer"]
Unit = Literal["events_per_second", "seconds", "share"]

RATES_TOPIC = "telemetry.rates"
"""Bus topic: `pipeline_id` has new counters."""


class PortRates(msgspec.Struct, frozen=True):
    """Events that left through one output, over all nodes."""

    events_per_second: float
    events_total: int


class Timing(msgspec.Struct, frozen=True):
    """How long something took between the last two heartbeats, in seconds, over all nodes.

    The engines count in buckets, so a percentile is known only as a bound: half of all took at most
    `p50_at_most`, 95 of 100 at most `p95_at_most`. Null where they took longer than the engine's last bound.
    """

    mean: float
    p50_at_most: float | None
    p95_at_most: float | None


class BufferFill(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in a component's buffers: sums over all nodes; `fill` is the fullest node's share of 0 to 1.

    A maximum is null where the engine names none; so is `fill` then.
    """

    events: int
    bytes: int
    max_events: int | None
    max_bytes: int | None
    fill: float | None


class ComponentRates(msgspec.Struct, frozen=True, kw_only=True):
    """What one component does, over all nodes. Totals count from the pipeline's beginning on each node.

    `latency` is an event's time in the component with its queue, `lag` how old events are when a source takes
    them in, `wait` how long senders wait to get into the buffer. What no engine reports is null.
    """

    received_events_per_second: float
    sent_events_per_second: float
    errors_per_second: float
    discarded_per_second: float
    received_events_total: int
    sent_events_total: int
    errors_total: int
    discarded_total: int
    outputs: dict[str, PortRates]
    utilization: float | None
    latency: Timing | None
    lag: Timing | None
    wait: Timing | None
    buffer: BufferFill | None


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Rates and totals of a pipeline. `stale_seconds` says how old the newest counters are, when too old."""

    at: str
    window_seconds: float
    stale_seconds: float | None
    components: dict[str, ComponentRates]


class Point(msgspec.Struct, frozen=True):
    """A value from a moment on, for the length of a bucket."""

    at: str
    value: float


class Series(msgspec.Struct, frozen=True):
    """A component's or a whole pipeline's value over time; a bucket that is not there was not measured."""

    points: list[Point]
    unit: Unit
    bucket_seconds: int


class HostPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's figures from a moment on, for the length of a bucket; rates are null where they are not known."""

    at: str
    cpu_percent: float
    load1: float
    memory_used_bytes: float
    memory_total_bytes: float
    disk_used_bytes: float
    disk_total_bytes: float
    received_bytes_per_second: float | None
    sent_bytes_per_second: float | None


class HostSeries(msgspec.Struct, frozen=True):
    """A machine over time; a bucket that is not there was not measured."""

    points: list[HostPoint]
    bucket_seconds: int


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest counters of one run of a pipeline on a node, and those of the heartbeat before; both are JSON yet."""

    node_id: UUID
    since: datetime
    at: datetime
    components: str
    previous_at: datetime | None
    previous: str | None
    received_at: datetime
    heartbeat_seconds: float


class HostPointRow(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket of a machine's series."""

    at: datetime
    cpu_percent: float
    load1: float
    memory_used_bytes: float
    memory_total_bytes: float
    disk_used_bytes: float
    disk_total_bytes: float
    received_bytes_per_second: float | None
    sent_bytes_per_second: float | None


class PointRow(msgspec.Struct, frozen=True):
    """One bucket of a series."""

    at: datetime
    value: float
