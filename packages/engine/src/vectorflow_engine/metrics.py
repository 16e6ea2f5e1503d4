"""The engine's own counters and gauges, under Vector's names, exact to the event."""

import math
import platform
import time
from bisect import bisect_left
from collections.abc import Callable

from vectorflow_engine import __version__
from vectorflow_engine.events import Buckets, Metric, estimated_bytes
from vectorflow_engine.vrl.timestamps import now

Labels = tuple[tuple[str, str], ...]


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, count: int = 1) -> None:
        """Count ``count`` more."""
        self.value += count


class Histogram:
    """How long things took, in Vector's buckets: each twice as wide as the one before, from 1/64 s on."""

    BOUNDS = (*(2.0**power for power in range(-6, 13)), math.inf)
    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * len(self.BOUNDS)
        self._sum = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """So many things took so long each."""
        self._counts[bisect_left(self.BOUNDS, seconds)] += times
        self._sum += seconds * times

    def read(self) -> Buckets:
        """What it holds now."""
        return Buckets(
            tuple(zip(self.BOUNDS, self._counts, strict=True)), sum(self._counts), round(self._sum, 9)
        )


class Registry:
    """Every series of this process; `snapshot` reads them all."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, Labels], Counter] = {}
        self._gauges: dict[tuple[str, Labels], Callable[[], float]] = {}
        self._histograms: dict[tuple[str, Labels], Histogram] = {}
        self._began = time.monotonic()
        self.gauge("uptime_seconds", (), lambda: time.monotonic() - self._began)
        build = (("arch", platform.machine()), ("revision", "embedded"), ("version", __version__))
        self.gauge("build_info", build, lambda: 1.0)

    def counter(self, name: str, labels: Labels = ()) -> Counter:
        """The counter of this name and these labels, made at its first use."""
        key = (name, tuple(sorted(labels)))
        if key not in self._counters:
            self._counters[key] = Counter()
        return self._counters[key]

    def histogram(self, name: str, labels: Labels) -> Histogram:
        """The histogram of this name and these labels, made at its first use."""
        return self._histograms.setdefault((name, tuple(sorted(labels))), Histogram())

    def gauge(self, name: str, labels: Labels, read: Callable[[], float]) -> None:
        """A gauge that is read when somebody looks."""
        self._gauges[name, tuple(sorted(labels))] = read

    def forget(self, component_id: str) -> None:
        """Drop the gauges of a component that is gone; its counters stay, as Vector's do."""
        label = ("component_id", component_id)
        self._gauges = {key: read for key, read in self._gauges.items() if label not in key[1]}

    def snapshot(self, namespace: str, tags: dict[str, str]) -> list[Metric]:
        """All series as absolute metrics of this instant."""
        stamp = now()
        made = [
            Metric(
                name, float(counter.value), "counter", "absolute", namespace, {**dict(labels), **tags}, stamp
            )
            for (name, labels), counter in self._counters.items()
        ]
        made += [
            Metric(name, float(read()), "gauge", "absolute", namespace, {**dict(labels), **tags}, stamp)
            for (name, labels), read in self._gauges.items()
        ]
        for (name, labels), histogram in self._histograms.items():
            held = histogram.read()
            if held.count:
                told = {**dict(labels), **tags}
                made.append(
                    Metric(name, held.count, "histogram", "absolute", namespace, told, stamp, buckets=held)
                )
        return made


class Meter:
    """One component's view of the registry: its labels are on everything."""

    def __init__(self, registry: Registry, component_id: str, kind: str, component_type: str) -> None:
        self.registry = registry
        self.labels: Labels = (
            ("component_id", component_id),
            ("component_kind", kind),
            ("component_type", component_type),
        )
        self.component_id = component_id
        self._received = self.counter("component_received_events_total")
        self._received_bytes = self.counter("component_received_event_bytes_total")

    def counter(self, name: str, *labels: tuple[str, str]) -> Counter:
        """A counter of this component."""
        return self.registry.counter(name, (*self.labels, *labels))

    def histogram(self, name: str, *labels: tuple[str, str]) -> Histogram:
        """A histogram of this component."""
        return self.registry.histogram(name, (*self.labels, *labels))

    def gauge(self, name: str, read: Callable[[], float], *labels: tuple[str, str]) -> None:
        """A gauge of this component."""
        self.registry.gauge(name, (*self.labels, *labels), read)

    def received(self, events: list[object]) -> None:
        """Events have come in."""
        self._received.add(len(events))
        self._received_bytes.add(estimated_bytes(events))

    def error(self, error_type: str, stage: str, count: int = 1, code: str | None = None) -> None:
        """Something went wrong at ``stage`` (receiving, processing, sending)."""
        extra = (("error_code", code),) if code else ()
        labels = (("error_type", error_type), ("stage", stage), *extra)
        self.counter("component_errors_total", *labels).add(count)

    def discarded(self, count: int, *, intentional: bool) -> None:
        """Events were dropped."""
        if count:
            label = ("intentional", "true" if intentional else "false")
            self.counter("component_discarded_events_total", label).add(count)


class SentCounter:
    """What left a component: by port for sources and transforms, without one for sinks."""

    __slots__ = ("_bytes", "_events")

    def __init__(self, meter: Meter, port: str | None = None) -> None:
        labels = (("output", port),) if port is not None else ()
        self._events = meter.counter("component_sent_events_total", *labels)
        self._bytes = meter.counter("component_sent_event_bytes_total", *labels)

    def add_counted(self, events: int, size: int) -> None:
        """So many events have left, ``size`` bytes long together."""
        self._events.add(events)
        self._bytes.add(size)

    def add(self, events: list[object]) -> None:
        """These events have left."""
        self._events.add(len(events))
        self._bytes.add(estimated_bytes(events))


class Busy:
    """The share of time that a component works, over windows of 5 s."""

    WINDOW = 5.0

    def __init__(self, meter: Meter) -> None:
        self._spent = 0.0
        self._since = time.monotonic()
        self._share = 0.0
        meter.gauge("utilization", self.read)

    def add(self, seconds: float) -> None:
        """It worked for so long."""
        self._spent += seconds

    def read(self) -> float:
        """The share, between 0 and 1."""
        passed = time.monotonic() - self._since
        if passed >= self.WINDOW:
            self._share = min(1.0, self._spent / passed)
            self._spent, self._since = 0.0, time.monotonic()
        return round(self._share, 4)


class Idle:
    """The share of time that a component does not wait for input, over windows of 5 s."""

    WINDOW = Busy.WINDOW

    def __init__(self, meter: Meter) -> None:
        self._waited = 0.0
        self._began: float | None = None
        self._since = time.monotonic()
        self._share = 0.0
        meter.gauge("utilization", self.read)

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self._began is not None:
            self._waited += time.monotonic() - self._began
        self._began = None

    def read(self) -> float:
        """The share, between 0 and 1; a wait under way counts."""
        now = time.monotonic()
        passed = now - self._since
        if passed >= self.WINDOW:
            if self._began is not None:
                self._waited += now - self._began
                self._began = now
            self._share = max(0.0, 1.0 - self._waited / passed)
            self._waited, self._since = 0.0, now
        return round(self._share, 4)
