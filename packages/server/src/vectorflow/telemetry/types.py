"""What is passed around about counters; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

Metric = Literal["received", "sent", "errors"]

RATES_TOPIC = "telemetry.rates"
"""Bus topic: `pipeline_id` has new counters."""


class PortRates(msgspec.Struct, frozen=True):
    """Events that left through one output, over all nodes."""

    events_per_second: float
    events_total: int


class ComponentRates(msgspec.Struct, frozen=True, kw_only=True):
    """What one component does, over all nodes. Totals count from the pipeline's beginning on each node."""

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


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Rates and totals of a pipeline. `stale_seconds` says how old the newest counters are, when too old."""

    at: str
    window_seconds: float
    stale_seconds: float | None
    components: dict[str, ComponentRates]


class Point(msgspec.Struct, frozen=True):
    """Events per second around a moment."""

    at: str
    value: float


class Series(msgspec.Struct, frozen=True):
    """A component's rate over time."""

    points: list[Point]


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest counters of one run of a pipeline on a node, and those of the heartbeat before."""

    node_id: UUID
    since: datetime
    at: datetime
    components: list[dict[str, Any]]
    previous_at: datetime | None
    previous: list[dict[str, Any]] | None
    received_at: datetime
    heartbeat_seconds: float


class PointRow(msgspec.Struct, frozen=True):
    """One bucket of a series."""

    at: datetime
    value: float
