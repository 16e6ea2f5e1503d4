"""`delivery.present`: a rollout as the API shows it."""

import uuid
from datetime import UTC, datetime

from msgspec.structs import replace

from vectorflow.delivery.present import rollout_node_of, rollout_of
from vectorflow.delivery.types import (
    RolloutBatch,
    RolloutCounted,
    RolloutCounts,
    RolloutNodeShown,
    RolloutRow,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_counts_are_summed_and_batches_done_are_those_that_all_nodes_have_applied() -> None:
    def shown(*counted):
        return rollout_of(
            RolloutRow(
                id=uuid.uuid4(), environment_id=uuid.uuid4(), pipeline_id=uuid.uuid4(), pipeline_name="p", revision=2,
                previous_revision=1, message="m", state="running", reason=None, batch_size=1, timeout_seconds=60.0,
                watch_seconds=10.0, created_at=NOW, created_by="x", finished_at=None,
                counts=tuple(RolloutCounted(*each) for each in counted),
            )
        )  # fmt: skip

    none = RolloutCounts(waiting=0, assigned=0, applied=0, refused=0, crashed=0, silent=0, kept=0)
    rollout = shown((1, "applied", 3), (3, "waiting", 1), (2, "applied", 5), (2, "assigned", 1))
    assert (rollout.batches_done, rollout.counts) == (1, replace(none, applied=8, assigned=1, waiting=1))
    assert rollout.batches == [
        RolloutBatch(1, replace(none, applied=3)),
        RolloutBatch(2, replace(none, applied=5, assigned=1)),
        RolloutBatch(3, replace(none, waiting=1)),
    ]
    assert (shown().batches_done, shown().counts, shown().batches) == (0, none, [])


def test_a_node_is_shown_with_what_it_reported() -> None:
    def node(**options):
        values = {"node_id": uuid.uuid4(), "name": "n", "batch": 1, "place": 1, "state": "waiting"} | options
        return rollout_node_of(RolloutNodeShown(**({"revision": 1} | values)))

    told = node(state="applied", report_kind="applied", report_at=NOW, report_output=["a", "b"])
    assert (told.report.at, told.report.engine_output) == ("2026-01-02T00:00:00.000Z", ["a", "b"])
    assert node().report is None
