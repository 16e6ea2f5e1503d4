"""How stored rollouts become what the public API shows."""

from collections.abc import Sequence
from typing import get_args

from vectorflow.delivery.types import (
    Rollout,
    RolloutBatch,
    RolloutCounted,
    RolloutCounts,
    RolloutNode,
    RolloutNodeShown,
    RolloutNodeState,
    RolloutReport,
    RolloutRow,
)
from vectorflow.fleet.types import PipelineRef
from vectorflow.kernel.clock import rfc3339


def rollout_of(row: RolloutRow) -> Rollout:
    """Return a rollout with the counts of its nodes."""
    batches = sorted({each.batch for each in row.counts})
    return Rollout(
        id=row.id,
        pipeline=PipelineRef(row.pipeline_id, row.pipeline_name),
        revision=row.revision,
        previous_revision=row.previous_revision,
        message=row.message,
        state=row.state,
        reason=row.reason,
        created_at=rfc3339(row.created_at),
        created_by=row.created_by,
        finished_at=rfc3339(row.finished_at) if row.finished_at else None,
        batch_size=row.batch_size,
        selector=row.selector,
        group_id=row.group_id,
        batches_done=len(batches) - len({each.batch for each in row.counts if each.state != "applied"}),
        timeout_seconds=row.timeout_seconds,
        watch_seconds=row.watch_seconds,
        counts=_counts(row.counts),
        batches=[
            RolloutBatch(batch, _counts([each for each in row.counts if each.batch == batch]))
            for batch in batches
        ],
    )


def rollout_node_of(node: RolloutNodeShown) -> RolloutNode:
    """Return a node of a rollout."""
    return RolloutNode(
        id=node.node_id,
        name=node.name,
        batch=node.batch,
        state=node.state,
        revision=node.revision,
        report=_report(node),
    )


def _counts(counted: Sequence[RolloutCounted]) -> RolloutCounts:
    sums: dict[str, int] = dict.fromkeys(get_args(RolloutNodeState), 0)
    for each in counted:
        sums[each.state] += each.nodes
    return RolloutCounts(**sums)


def _report(node: RolloutNodeShown) -> RolloutReport | None:
    if node.report_kind is None or node.report_at is None:
        return None
    return RolloutReport(
        kind=node.report_kind,
        at=rfc3339(node.report_at),
        reason=node.report_reason or "",
        message=node.report_message or "",
        engine_output=node.report_output or [],
    )
