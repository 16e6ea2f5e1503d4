"""How long things took and what waits, from counters of several nodes: pure.

Engines count durations in buckets. What is known of a percentile is therefore the bound of the bucket that it falls
into, never a value between two bounds.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from vectorflow.telemetry.types import BufferFill, Timing
from vectorflow_wire.messages import ComponentCounters, Durations

_NOTHING = Durations()


class TimeSum(msgspec.Struct):
    """Durations of several nodes, or steps, added up."""

    count: int = 0
    total_us: int = 0
    buckets: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, now: Durations | None, before: Durations | None) -> None:
        """Add what was measured since `before`; nothing when the engine does not measure it."""
        if now is None:
            return
        if before is None or now.count < before.count or now.total_us < before.total_us:
            # It began again, or for the first time: what is there is what came since.
            before = _NOTHING
        self.count += now.count - before.count
        self.total_us += now.total_us - before.total_us
        for bound, count in now.buckets.items():
            self.buckets[bound] = self.buckets.get(bound, 0) + max(0, count - before.buckets.get(bound, 0))

    def timing(self) -> Timing | None:
        """Return mean and bounds, or None when nothing was measured."""
        if self.count <= 0:
            return None
        return Timing(
            mean=round(self.total_us / self.count / 1_000_000, 9),
            p50_at_most=percentile_bound(self.buckets, 0.50),
            p95_at_most=percentile_bound(self.buckets, 0.95),
        )


def percentile_bound(buckets: Mapping[str, int], share: float) -> float | None:
    """Return the smallest bound, in seconds, that the share of all stays within; None if it is beyond the last."""
    counts = sorted((_bound(text), count) for text, count in buckets.items())
    wanted = share * sum(count for _, count in counts)
    reached = 0
    for bound, count in counts:
        reached += count
        if reached >= wanted and count > 0:
            return bound if math.isfinite(bound) else None
    return None


def buffer_fill(readings: Sequence[ComponentCounters]) -> BufferFill | None:
    """Return what waits in the buffers of one component on several nodes; None when no engine names any."""
    known = [
        each
        for each in readings
        if each.buffer_events or each.buffer_bytes or each.buffer_max_events or each.buffer_max_bytes
    ]
    if not known:
        return None
    shares = [share for each in known if (share := buffer_share(each)) is not None]
    return BufferFill(
        events=sum(each.buffer_events for each in known),
        bytes=sum(each.buffer_bytes for each in known),
        max_events=sum(each.buffer_max_events for each in known) or None,
        max_bytes=sum(each.buffer_max_bytes for each in known) or None,
        fill=round(max(shares), 4) if shares else None,
    )


def buffer_share(each: ComponentCounters) -> float | None:
    """Return how full a component's buffers are, 0 to 1; None when the engine names no maximum."""
    # A disk buffer is bounded by its bytes, one in memory by its events.
    if each.buffer_max_bytes:
        return min(1.0, each.buffer_bytes / each.buffer_max_bytes)
    return min(1.0, each.buffer_events / each.buffer_max_events) if each.buffer_max_events else None


def _bound(text: str) -> float:
    """An agent may have sent any text: what is no number counts as beyond all bounds."""
    try:
        bound = float(text)
    except ValueError:
        return math.inf
    return math.inf if math.isnan(bound) else bound
