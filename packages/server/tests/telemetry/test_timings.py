"""`telemetry.timings`: durations and buffers over nodes, pure."""

import pytest

from vectorflow.telemetry.timings import TimeSum, buffer_fill, percentile_bound
from vectorflow.telemetry.types import BufferFill, Timing
from vectorflow_wire.messages import ComponentCounters, Durations


def test_only_what_came_since_the_heartbeat_before_counts() -> None:
    total = TimeSum()
    before = Durations(count=100, total_us=900_000_000, buckets={"16": 100})
    now = Durations(count=104, total_us=900_008_000, buckets={"0.015625": 3, "0.03125": 1, "16": 100})
    total.add(now, before)
    assert total.timing() == Timing(0.002, 0.015625, 0.03125)


def test_nodes_are_added_up_before_anything_is_computed() -> None:
    total = TimeSum()
    total.add(Durations(count=99, total_us=99, buckets={"0.015625": 99}), None)
    total.add(Durations(count=1, total_us=4_000_000, buckets={"4": 1}), None)
    assert total.timing() == Timing(pytest.approx(0.04000099), 0.015625, 0.015625)
    total.add(Durations(count=10, total_us=40_000_000, buckets={"4": 10}), None)
    seen = total.timing()
    assert seen is not None
    assert (seen.p50_at_most, seen.p95_at_most) == (0.015625, 4.0)


def test_what_was_not_measured_is_not_told() -> None:
    total = TimeSum()
    total.add(None, None)
    assert total.timing() is None
    same = Durations(count=5, total_us=5, buckets={"1": 5})
    total.add(same, same)
    assert total.timing() is None


def test_counters_that_began_again_count_from_zero() -> None:
    total = TimeSum()
    total.add(
        Durations(count=2, total_us=20, buckets={"1": 2}),
        Durations(count=9, total_us=900, buckets={"1": 9}),
    )
    assert total.timing() == Timing(0.00001, 1.0, 1.0)


def test_beyond_the_last_bound_no_number_is_invented() -> None:
    buckets = {"1": 10, "+Inf": 10, "nonsense": 1, "nan": 1}
    assert percentile_bound(buckets, 0.40) == 1.0
    assert percentile_bound(buckets, 0.95) is None
    assert percentile_bound({}, 0.5) is None


def test_buffers_of_all_nodes_with_the_fullest_ones_share() -> None:
    memory = ComponentCounters(id="a", buffer_events=100, buffer_max_events=500)
    full = ComponentCounters(id="a", buffer_events=450, buffer_max_events=500)
    assert buffer_fill([memory, full]) == BufferFill(
        events=550, bytes=0, max_events=1000, max_bytes=None, fill=0.9
    )
    disk = ComponentCounters(id="a", buffer_events=3, buffer_bytes=250, buffer_max_bytes=1000)
    assert buffer_fill([disk]) == BufferFill(events=3, bytes=250, max_events=None, max_bytes=1000, fill=0.25)


def test_a_buffer_without_a_known_maximum_has_no_fill_and_none_is_none() -> None:
    seen = buffer_fill([ComponentCounters(id="a", buffer_events=7)])
    assert seen is not None
    assert (seen.events, seen.max_events, seen.fill) == (7, None, None)
    assert buffer_fill([ComponentCounters(id="a")]) is None
