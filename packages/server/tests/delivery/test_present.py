"""`delivery.present`: a rollout as the API shows it."""

import uuid
from datetime import UTC, datetime

from vectorflow.delivery.present import rollout_of
from vectorflow.delivery.types import RolloutNodeRow, RolloutRow

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_batches_done_counts_whole_batches_and_revisions_are_what_nodes_have() -> None:
    row = RolloutRow(
        id=uuid.uuid4(), environment_id=uuid.uuid4(), pipeline_id=uuid.uuid4(), pipeline_name="p", revision=2,
        previous_revision=1, message="m", state="running", reason=None, batch_size=1, timeout_seconds=60.0,
        watch_seconds=10.0, created_at=NOW, created_by="x", finished_at=None,
    )  # fmt: skip

    def node(batch, state, **options):
        values = {"assigned_at": None, "applied_at": None, "generation": None} | options
        return RolloutNodeRow(
            rollout_id=row.id, node_id=uuid.uuid4(), name="n", revoked=False, batch=batch, state=state,
            revision_before=1, **values,
        )  # fmt: skip

    applied = node(1, "applied", assigned_at=NOW, applied_at=NOW, report_kind="applied", report_at=NOW)
    shown = rollout_of(row, [applied, node(2, "assigned", assigned_at=NOW), node(2, "waiting")])
    assert shown.batches_done == 1
    assert [each.revision for each in shown.nodes] == [2, 2, 1]
    assert shown.nodes[0].report.at == "2026-01-02T00:00:00.000Z"
    assert shown.nodes[1].report is None
