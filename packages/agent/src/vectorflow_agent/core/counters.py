"""Counters of one pipeline that go on over engine restarts and hand-overs.

Each engine process counts from zero. The book adds what ended processes had counted to what the
running ones count now, so that the control plane sees counters that only grow.
"""

import msgspec

from vectorflow_wire.messages import ComponentCounters

_ADDED = (
    "received_events",
    "received_bytes",
    "sent_bytes",
    "errors",
    "discarded",
    "discarded_unintentional",
)

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
    sent = dict(left.sent_events)
    for output, events in right.sent_events.items():
        sent[output] = sent.get(output, 0) + events
    sums = {name: getattr(left, name) + getattr(right, name) for name in _ADDED}
    return msgspec.structs.replace(right, sent_events=sent, **sums)


def _without_gauges(counters: ComponentCounters) -> ComponentCounters:
    return msgspec.structs.replace(counters, utilization=None, buffer_events=0, buffer_bytes=0)
