"""`telemetry.rates`: sums over nodes and runs, pure."""

import json
import uuid
from datetime import UTC, datetime, timedelta

from vectorflow.telemetry.rates import compute_rates
from vectorflow.telemetry.service import bucket_seconds
from vectorflow.telemetry.types import RunRow

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def run(node, sent, before=None, *, age=0.0, at=0.0, step=10.0, since=100.0, utilization=None) -> RunRow:
    def counters(count):
        component = {
            "id": "a",
            "received_events": count,
            "sent_events": {"x": count},
            "errors": count // 10,
            "utilization": utilization,
        }
        return json.dumps([component])

    moment = NOW + timedelta(seconds=at)
    return RunRow(
        node_id=node, since=moment - timedelta(seconds=since), at=moment, components=counters(sent),
        previous_at=None if before is None else moment - timedelta(seconds=step),
        previous=None if before is None else counters(before),
        received_at=NOW - timedelta(seconds=age), heartbeat_seconds=15.0,
    )  # fmt: skip


def test_nothing_is_nothing() -> None:
    seen = compute_rates([], NOW)
    assert (seen.components, seen.stale_seconds, seen.window_seconds) == ({}, None, 0.0)


def test_the_first_heartbeat_counts_from_the_beginning() -> None:
    seen = compute_rates([run(uuid.uuid4(), 500)], NOW)
    assert seen.components["a"].outputs["x"].events_per_second == 5.0


def test_old_runs_count_in_totals_but_not_in_rates() -> None:
    node = uuid.uuid4()
    seen = compute_rates([run(node, 30, 10), run(node, 1000, 900, age=1)], NOW)
    assert seen.components["a"].received_events_total == 1030
    assert seen.components["a"].received_events_per_second == 2.0


def test_a_node_that_has_gone_quiet_does_not_count_in_rates() -> None:
    seen = compute_rates([run(uuid.uuid4(), 30, 10), run(uuid.uuid4(), 70, 0, age=46)], NOW)
    assert seen.components["a"].received_events_per_second == 2.0
    assert seen.components["a"].received_events_total == 100
    assert seen.stale_seconds is None


def test_a_clock_that_went_back_gives_no_rate_rather_than_a_wrong_one() -> None:
    assert (
        compute_rates([run(uuid.uuid4(), 30, 10, step=-5.0)], NOW).components["a"].received_events_per_second
        == 0
    )


def test_counters_that_fell_are_what_came_since() -> None:
    assert compute_rates([run(uuid.uuid4(), 20, 500)], NOW).components["a"].received_events_per_second == 2.0


def test_totals_are_exact_where_floats_are_not() -> None:
    big = 2**60 + 1
    seen = compute_rates([run(uuid.uuid4(), big), run(uuid.uuid4(), 1)], NOW)
    assert seen.components["a"].received_events_total == big + 1


def test_utilization_is_the_mean_of_the_nodes() -> None:
    seen = compute_rates([run(uuid.uuid4(), 1, utilization=0.2), run(uuid.uuid4(), 1, utilization=0.4)], NOW)
    assert seen.components["a"].utilization == 0.3


def test_series_hold_a_readable_number_of_points() -> None:
    for minutes in (10, 60, 61, 360, 1440, 10_080):
        assert 10 <= minutes * 60 / bucket_seconds(minutes) <= 170
