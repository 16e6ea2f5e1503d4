"""Reading Prometheus text as Vector's exporter writes it: only the lines that are needed.

A general parser costs about twenty times as much, on every heartbeat of every pipeline.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from vectorflow_wire.messages import ComponentCounters, Durations

OWN_PREFIX: Final = "vf_"
"""Component ids that the agent adds; they are nobody else's business."""

_LINE = re.compile(r"^vector_(\w+)\{(.*)\} ([0-9.eE+-]+)(?: \d+)?$", re.MULTILINE)
_BARE = re.compile(r"^vector_(\w+)(?:\{(.*)\})? ([0-9.eE+-]+)(?: \d+)?$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r'\\(["\\n])')

_Sums = dict[str, Any]
_Labels = dict[str, str]


def components(text: str) -> dict[str, ComponentCounters]:
    """Sum the exposition per component, leaving out the agent's own."""
    sums: dict[str, _Sums] = {}
    for name, labels, value in _samples(text):
        take = _TAKE.get(name)
        component = labels.get("component_id", "")
        if take is None or not component or component.startswith(OWN_PREFIX):
            continue
        row = sums.setdefault(component, {"id": component, "sent_events": {}})
        row["kind"] = labels.get("component_kind", row.get("kind", ""))
        row["type"] = labels.get("component_type", row.get("type", ""))
        take(row, labels, value)
    return {component: _counters(row) for component, row in sums.items()}


def reloads(text: str) -> tuple[int, int]:
    """How many reloads have succeeded and failed in this process."""
    done = failed = 0
    for match in _BARE.finditer(text):
        name, labels, value = match.group(1), match.group(2) or "", float(match.group(3))
        if name == "reloaded_total":
            done += int(value)
        elif name == "component_errors_total" and 'error_code="reload"' in labels:
            failed += int(value)
    return done, failed


def configuration_errors(text: str) -> dict[str, int]:
    """How many errors of configuration each component has counted; the process itself is ""."""
    found: dict[str, int] = {}
    for name, labels, value in _samples(text):
        if name == "component_errors_total" and labels.get("error_type") == "configuration_failed" and value:
            component = labels.get("component_id", "")
            found[component] = found.get(component, 0) + int(value)
    return found


def _samples(text: str) -> Iterator[tuple[str, _Labels, float]]:
    for match in _LINE.finditer(text):
        if match.group(1) in _TAKE:
            labels = {key: _unescaped(value) for key, value in _LABEL.findall(match.group(2))}
            yield match.group(1), labels, float(match.group(3))


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda match: "\n" if match.group(1) == "n" else match.group(1), value)


def _counters(row: _Sums) -> ComponentCounters:
    raw = row.pop("raw_bytes", 0)
    row.setdefault("received_bytes", raw)
    for name in ("buffer_events", "buffer_bytes", "buffer_max_events", "buffer_max_bytes"):
        former = row.pop(f"former_{name}", 0)
        row.setdefault(name, former)
    for name in _HISTOGRAMS.values():
        if (histogram := row.pop(name, None)) is not None:
            row[name] = _durations(histogram)
    return msgspec.convert(row, ComponentCounters)


def _durations(histogram: _Sums) -> Durations:
    """The exporter counts everything up to a bound in each bucket; here each bucket stands alone."""
    buckets: dict[str, int] = {}
    below = 0
    for bound, count in sorted(histogram["le"].items()):
        if count > below:
            buckets[f"{bound:g}" if math.isfinite(bound) else "+Inf"] = count - below
        below = max(below, count)
    return Durations(
        count=histogram["count"], total_us=max(0, round(histogram["sum"] * 1_000_000)), buckets=buckets
    )


def _add(field: str) -> Callable[[_Sums, _Labels, float], None]:
    def take(row: _Sums, labels: _Labels, value: float) -> None:
        row[field] = row.get(field, 0) + int(value)

    return take


def _sent(row: _Sums, labels: _Labels, value: float) -> None:
    output = labels.get("output") or "_default"
    row["sent_events"][output] = row["sent_events"].get(output, 0) + int(value)


def _discarded(row: _Sums, labels: _Labels, value: float) -> None:
    row["discarded"] = row.get("discarded", 0) + int(value)
    if labels.get("intentional") != "true":
        row["discarded_unintentional"] = row.get("discarded_unintentional", 0) + int(value)


def _utilization(row: _Sums, labels: _Labels, value: float) -> None:
    row["utilization"] = round(value, 4)


def _histogram(row: _Sums, field: str) -> _Sums:
    made: _Sums = row.setdefault(field, {"count": 0, "sum": 0.0, "le": {}})
    return made


def _time_count(field: str) -> Callable[[_Sums, _Labels, float], None]:
    def take(row: _Sums, labels: _Labels, value: float) -> None:
        _histogram(row, field)["count"] += int(value)

    return take


def _time_sum(field: str) -> Callable[[_Sums, _Labels, float], None]:
    def take(row: _Sums, labels: _Labels, value: float) -> None:
        _histogram(row, field)["sum"] += value

    return take


def _time_bucket(field: str) -> Callable[[_Sums, _Labels, float], None]:
    def take(row: _Sums, labels: _Labels, value: float) -> None:
        try:
            bound = float(labels.get("le", ""))
        except ValueError:
            return
        counts = _histogram(row, field)["le"]
        counts[bound] = counts.get(bound, 0) + int(value)

    return take


_HISTOGRAMS: Final = {
    "component_latency_seconds": "latency",
    "source_lag_time_seconds": "lag",
    "buffer_send_duration_seconds": "wait",
}
_TAKE: Final[dict[str, Callable[[_Sums, _Labels, float], None]]] = {
    "component_received_events_total": _add("received_events"),
    "component_received_event_bytes_total": _add("received_bytes"),
    "component_received_bytes_total": _add("raw_bytes"),
    "component_sent_events_total": _sent,
    "component_sent_event_bytes_total": _add("sent_bytes"),
    "component_errors_total": _add("errors"),
    "component_discarded_events_total": _discarded,
    "utilization": _utilization,
    "buffer_size_events": _add("buffer_events"),
    "buffer_size_bytes": _add("buffer_bytes"),
    "buffer_max_size_events": _add("buffer_max_events"),
    "buffer_max_size_bytes": _add("buffer_max_bytes"),
    # The names of before, which versions up to 0.57 export besides the new ones.
    "buffer_events": _add("former_buffer_events"),
    "buffer_byte_size": _add("former_buffer_bytes"),
    "buffer_max_event_size": _add("former_buffer_max_events"),
    "buffer_max_byte_size": _add("former_buffer_max_bytes"),
    **{f"{name}_count": _time_count(field) for name, field in _HISTOGRAMS.items()},
    **{f"{name}_sum": _time_sum(field) for name, field in _HISTOGRAMS.items()},
    **{f"{name}_bucket": _time_bucket(field) for name, field in _HISTOGRAMS.items()},
}
