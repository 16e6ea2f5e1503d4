"""How stored rollouts become what the public API shows."""

from collections.abc import Sequence

from vectorflow.delivery.types import Rollout, RolloutNode, RolloutNodeRow, RolloutReport, RolloutRow
from vectorflow.fleet.types import PipelineRef
from vectorflow.kernel.clock import rfc3339


def rollout_of(row: RolloutRow, nodes: Sequence[RolloutNodeRow]) -> Rollout:
    """Return a rollout with its nodes."""
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
        batches_done=_batches_done(nodes),
        timeout_seconds=row.timeout_seconds,
        watch_seconds=row.watch_seconds,
        nodes=[_node(row, node) for node in nodes],
    )


def _batches_done(nodes: Sequence[RolloutNodeRow]) -> int:
    """Count the batches whose nodes have all applied the revision."""
    open_batches = {node.batch for node in nodes if node.state != "applied"}
    return len({node.batch for node in nodes} - open_batches)


def _node(row: RolloutRow, node: RolloutNodeRow) -> RolloutNode:
    return RolloutNode(
        id=node.node_id,
        name=node.name,
        batch=node.batch,
        state=node.state,
        revision=node.revision_before if node.assigned_at is None else row.revision,
        report=_report(node),
    )


def _report(node: RolloutNodeRow) -> RolloutReport | None:
    if node.report_kind is None or node.report_at is None:
        return None
    return RolloutReport(
        kind=node.report_kind,
        at=rfc3339(node.report_at),
        reason=node.report_reason or "",
        message=node.report_message or "",
        engine_output=node.report_output or [],
    )
