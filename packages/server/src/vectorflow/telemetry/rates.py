"""Rates and totals from counters: pure. Right with several nodes, after restarts and when counters begin again.

A node's counters go on over engine restarts; when they do begin again, a new run begins. A total is the sum over
all runs, so it agrees with the engines to the event; a rate is the newest step of each node's newest run.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from vectorflow.kernel.clock import rfc3339
from vectorflow.telemetry.timings import TimeSum, buffer_fill
from vectorflow.telemetry.types import ComponentRates, PortRates, Rates, RunRow
from vectorflow_wire.messages import ComponentCounters

MISSED_HEARTBEATS = 3
_decoder = msgspec.json.Decoder(list[ComponentCounters])


class _Sum(msgspec.Struct):
    received: float = 0.0
    sent: float = 0.0
    errors: float = 0.0
    discarded: float = 0.0
    outputs: dict[str, float] = msgspec.field(default_factory=dict)
    latency: TimeSum = msgspec.field(default_factory=TimeSum)
    lag: TimeSum = msgspec.field(default_factory=TimeSum)
    wait: TimeSum = msgspec.field(default_factory=TimeSum)

    def add(
        self, counters: ComponentCounters, factor: float, before: ComponentCounters | None = None
    ) -> None:
        """Add counters, or their growth since `before`, times a factor."""
        self.received += factor * _grown(counters.received_events, before.received_events if before else 0)
        self.errors += factor * _grown(counters.errors, before.errors if before else 0)
        self.discarded += factor * _grown(counters.discarded, before.discarded if before else 0)
        for port, events in counters.sent_events.items():
            grown = factor * _grown(events, before.sent_events.get(port, 0) if before else 0)
            self.outputs[port] = self.outputs.get(port, 0) + grown
            self.sent += grown
        self.latency.add(counters.latency, before.latency if before else None)
        self.lag.add(counters.lag, before.lag if before else None)
        self.wait.add(counters.wait, before.wait if before else None)


class _Total(msgspec.Struct):
    received: int = 0
    sent: int = 0
    errors: int = 0
    discarded: int = 0
    outputs: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, counters: ComponentCounters) -> None:
        """Add the counters of one run; whole numbers, so that nothing is rounded."""
        self.received += counters.received_events
        self.errors += counters.errors
        self.discarded += counters.discarded
        for port, events in counters.sent_events.items():
            self.outputs[port] = self.outputs.get(port, 0) + events
            self.sent += events


def compute_rates(runs: Sequence[RunRow], now: datetime) -> Rates:
    """Return rates and totals of a pipeline. `runs` hold the newest of each node first."""
    totals: dict[str, _Total] = defaultdict(_Total)
    rates: dict[str, _Sum] = defaultdict(_Sum)
    present: dict[str, list[ComponentCounters]] = defaultdict(list)
    window = 0.0
    seen: set[UUID] = set()
    for run in runs:
        counters = counters_of(run)
        for each in counters:
            totals[each.id].add(each)
        newest = run.node_id not in seen
        seen.add(run.node_id)
        if not newest or (now - run.received_at).total_seconds() > _patience(run):
            continue
        window = max(window, _add_step(run, counters, rates))
        for each in counters:
            present[each.id].append(each)
    return Rates(
        at=rfc3339(max((run.received_at for run in runs), default=now)),
        window_seconds=round(window, 3),
        stale_seconds=_stale(runs, now),
        components={
            name: _shown(total, rates.get(name) or _Sum(), present.get(name, ()))
            for name, total in totals.items()
        },
    )


def counters_of(run: RunRow) -> list[ComponentCounters]:
    """Return the newest counters of a run's components."""
    return _decoder.decode(run.components)


def _add_step(run: RunRow, counters: Iterable[ComponentCounters], rates: dict[str, _Sum]) -> float:
    """Add a run's newest step to the rates; return its length in seconds, 0 when there is none."""
    before: dict[str, ComponentCounters] = {}
    began = run.since
    if run.previous is not None and run.previous_at is not None:
        before = {each.id: each for each in _decoder.decode(run.previous)}
        began = run.previous_at
    seconds = (run.at - began).total_seconds()
    if seconds <= 0:
        return 0.0
    for each in counters:
        rates[each.id].add(each, 1 / seconds, before.get(each.id))
    return seconds


def _grown(now: int, before: int) -> int:
    # Less than before means that it began again without saying so: what is there is what came since.
    return now - before if now >= before else now


def _patience(run: RunRow) -> float:
    return MISSED_HEARTBEATS * run.heartbeat_seconds


def _stale(runs: Sequence[RunRow], now: datetime) -> float | None:
    if not runs:
        return None
    newest = max(runs, key=lambda run: run.received_at)
    age = (now - newest.received_at).total_seconds()
    return round(age, 1) if age > _patience(newest) else None


def _shown(total: _Total, rate: _Sum, present: Sequence[ComponentCounters]) -> ComponentRates:
    busy = [each.utilization for each in present if each.utilization is not None]
    return ComponentRates(
        received_events_per_second=round(rate.received, 3),
        sent_events_per_second=round(rate.sent, 3),
        errors_per_second=round(rate.errors, 3),
        discarded_per_second=round(rate.discarded, 3),
        received_events_total=total.received,
        sent_events_total=total.sent,
        errors_total=total.errors,
        discarded_total=total.discarded,
        outputs={
            port: PortRates(round(rate.outputs.get(port, 0.0), 3), events)
            for port, events in total.outputs.items()
        },
        utilization=round(sum(busy) / len(busy), 4) if busy else None,
        latency=rate.latency.timing(),
        lag=rate.lag.timing(),
        wait=rate.wait.timing(),
        buffer=buffer_fill(present),
    )
