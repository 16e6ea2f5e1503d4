"""Decides what a rollout does next: pure, the same answer for the same facts, so it may be asked at any time.

A batch is done when every node of it has applied the revision and has run it for the watch time. The first
refusal, crash in the watch time or silence halts the rollout: nodes that have moved keep what they run.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from vectorflow.delivery.types import BATCH_GROWTH, RolloutNodeRow, RolloutNodeState, RolloutRow, RolloutState
from vectorflow.fleet.types import ReportRow
from vectorflow_wire.messages import ReportKind

_FAILED: tuple[RolloutNodeState, ...] = ("refused", "crashed", "silent")


class NodeChange(msgspec.Struct, frozen=True):
    """A node's new state, and the report that it comes from."""

    node_id: UUID
    state: RolloutNodeState
    applied_at: datetime | None = None
    report_sequence: int | None = None
    report_run: str | None = None


class Decision(msgspec.Struct, frozen=True):
    """What to do now. `assign` are the nodes of the next batch; `state` is what the rollout becomes."""

    changes: list[NodeChange]
    assign: list[UUID]
    state: RolloutState
    reason: str | None = None


def batches(count: int, first: int | None) -> list[int]:
    """Return the batch of each of `count` nodes: the first so many, then three times as many each."""
    size = first or max(count, 1)
    result: list[int] = []
    batch = 1
    while len(result) < count:
        result += [batch] * min(size, count - len(result))
        size *= BATCH_GROWTH
        batch += 1
    return result


def decide(
    rollout: RolloutRow,
    nodes: Sequence[RolloutNodeRow],
    reports: Sequence[ReportRow],
    now: datetime,
    resting: Collection[UUID] = (),
) -> Decision:
    """Return what follows from the nodes' own reports, oldest first, for a rollout that is not over.

    Nothing starts on `resting` nodes, which are under maintenance: others go first, and the rollout waits for them.
    """
    told: dict[UUID, list[ReportRow]] = {}
    for report in reports:
        told.setdefault(report.node_id, []).append(report)
    changes: list[NodeChange] = []
    current: list[RolloutNodeRow] = []
    for node in nodes:
        change = _change(rollout, node, told.get(node.node_id, []), now)
        if change is None:
            current.append(node)
            continue
        changes.append(change)
        current.append(
            msgspec.structs.replace(node, state=change.state, applied_at=change.applied_at or node.applied_at)
        )
    if rollout.state not in ("running", "paused"):
        return Decision(changes, [], rollout.state, rollout.reason)
    failed = [node for node in current if node.state in _FAILED]
    if failed:
        waiting = [NodeChange(node.node_id, "kept") for node in current if node.state == "waiting"]
        reason = _reason(rollout, failed, told)
        return Decision(changes + waiting, [], "halted", reason)
    if rollout.state == "paused" or not all(_settled(rollout, node, now) for node in current):
        return Decision(changes, [], rollout.state, rollout.reason)
    waiting_nodes = [node for node in current if node.state == "waiting"]
    if not waiting_nodes:
        return Decision(changes, [], "done")
    ready = [node for node in waiting_nodes if node.node_id not in resting]
    if not ready:
        return Decision(changes, [], "running")
    following = min(node.batch for node in ready)
    return Decision(changes, [node.node_id for node in ready if node.batch == following], "running")


def _settled(rollout: RolloutRow, node: RolloutNodeRow, now: datetime) -> bool:
    if node.state == "applied":
        return node.applied_at is not None and now >= node.applied_at + timedelta(
            seconds=rollout.watch_seconds
        )
    return node.state in ("waiting", "kept")


def _change(
    rollout: RolloutRow, node: RolloutNodeRow, reports: Sequence[ReportRow], now: datetime
) -> NodeChange | None:
    """Return what a node's state becomes, if that is another one."""
    if node.state in ("waiting", "assigned") and node.revoked:
        return NodeChange(node.node_id, "kept")
    if node.state not in ("assigned", "applied", "silent") or node.generation is None:
        return None
    state: RolloutNodeState = node.state
    applied_at = node.applied_at
    sequence: int | None = None
    run: str | None = None
    for report in reports:
        # Only what was said from a bundle that held this assignment, and about this revision.
        if report.generation < node.generation or (report.pipeline_id and report.number != rollout.revision):
            continue
        heard = _heard(rollout, report, state, applied_at)
        if heard is not None:
            state, sequence, run = heard, report.sequence, report.run
            applied_at = report.received_at if heard == "applied" else applied_at
            if heard in ("refused", "crashed"):
                break
    if state == "assigned" and node.assigned_at is not None:
        if now >= node.assigned_at + timedelta(seconds=rollout.timeout_seconds):
            return NodeChange(node.node_id, "silent")
        return None
    return None if state == node.state else NodeChange(node.node_id, state, applied_at, sequence, run)


def _heard(
    rollout: RolloutRow, report: ReportRow, state: RolloutNodeState, applied_at: datetime | None
) -> RolloutNodeState | None:
    if report.kind == ReportKind.APPLIED and report.pipeline_id and state in ("assigned", "silent"):
        return "applied"
    if report.kind == ReportKind.REFUSED or (report.kind == ReportKind.HELD and report.pipeline_id):
        # Held means that the node was told to wait: it does not run what was rolled out.
        return "refused" if state in ("assigned", "silent") or _watched(rollout, report, applied_at) else None
    if report.kind == ReportKind.CRASHED and report.pipeline_id:
        return "crashed" if state in ("assigned", "silent") or _watched(rollout, report, applied_at) else None
    return None


def _watched(rollout: RolloutRow, report: ReportRow, applied_at: datetime | None) -> bool:
    return applied_at is not None and report.received_at <= applied_at + timedelta(
        seconds=rollout.watch_seconds
    )


def _reason(rollout: RolloutRow, failed: Sequence[RolloutNodeRow], told: dict[UUID, list[ReportRow]]) -> str:
    first = failed[0]
    more = f" ({len(failed) - 1} more failed too)" if len(failed) > 1 else ""
    if first.state == "silent":
        said = f"did not report on revision {rollout.revision} within {rollout.timeout_seconds:g} s"
        return f"{first.name} {said}{more}"
    kinds = (ReportKind.CRASHED,) if first.state == "crashed" else (ReportKind.REFUSED, ReportKind.HELD)
    words = next(
        (each.message or each.reason for each in reversed(told.get(first.node_id, [])) if each.kind in kinds),
        "",
    )
    return f"{first.name} {first.state} revision {rollout.revision}{more}: {words}"[:2000].rstrip(": ")
