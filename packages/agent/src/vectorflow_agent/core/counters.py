"""Counters of one pipeline that go on over engine restarts and hand-overs.

Each engine process counts from zero. The book adds what ended processes had counted to what the
running ones count now, so that the control plane sees counters that only grow.
"""

import msgspec

from vectorflow_wire.messages import ComponentCounters, Durations

_ADDED = (
    "received_events",
    "received_bytes",
    "sent_bytes",
    "errors",
    "discarded",
    "discarded_unintentional",
)
_TIMES = ("latency", "lag", "wait")

Counters = dict[str, ComponentCounters]


class CounterBook(msgspec.Struct, kw_only=True):
    """What a pipeline has counted since `since` (epoch ms)."""

    since: int
    ended: Counters = {}
    """Sums over processes that have ended."""
    running: dict[str, Counters] = {}
    """The last reading of each running process, by process identity."""

    def seen(self, process: str, reading: Counters) -> None:
        """Note what a running process counts now."""
        self.running[process] = reading

    def ended_except(self, processes: set[str]) -> None:
        """Add up the last readings of all processes but these, which still run."""
        for process in [name for name in self.running if name not in processes]:
            for counters in self.running.pop(process).values():
                self.ended[counters.id] = added(self.ended.get(counters.id), _without_gauges(counters))

    def totals(self, current: str | None) -> tuple[ComponentCounters, ...]:
        """Counters of the components of the current process, or of all when it has none.

        Components that only earlier revisions had stay in the book, in case they come back.
        """
        sums = dict(self.ended)
        for process, reading in self.running.items():
            for counters in reading.values():
                gauges = counters if process == current else _without_gauges(counters)
                sums[counters.id] = added(sums.get(counters.id), gauges)
        shown = self.running.get(current) if current is not None else None
        return tuple(counters for name, counters in sums.items() if not shown or name in shown)


def added(left: ComponentCounters | None, right: ComponentCounters) -> ComponentCounters:
    """Add two readings of one component; kind, type and gauges are the right one's."""
    if left is None:
        return right
    sums = {name: getattr(left, name) + getattr(right, name) for name in _ADDED}
    times = {name: _times_added(getattr(left, name), getattr(right, name)) for name in _TIMES}
    sent = _pairs_added(left.sent_events, right.sent_events)
    return msgspec.structs.replace(right, sent_events=sent, **sums, **times)


def _times_added(left: Durations | None, right: Durations | None) -> Durations | None:
    if left is None or right is None:
        return right or left
    return Durations(
        count=left.count + right.count,
        total_us=left.total_us + right.total_us,
        buckets=_pairs_added(left.buckets, right.buckets),
    )


def _pairs_added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    sums = dict(left)
    for name, count in right.items():
        sums[name] = sums.get(name, 0) + count
    return sums


def _without_gauges(counters: ComponentCounters) -> ComponentCounters:
    return msgspec.structs.replace(
        counters, utilization=None, buffer_events=0, buffer_bytes=0, buffer_max_events=0, buffer_max_bytes=0
    )
