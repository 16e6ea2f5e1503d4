"""Why a node does something else than it should, for people: pure.

What stands between the order and the machine is asked in the order of the way that it takes: may the node be told at
all, is it heard, are its orders made, has it fetched them, what did it say of them itself, what does it do now.
"""

from collections.abc import Sequence
from typing import Final

from vectorflow.fleet.types import AssignmentRow, Difference, DifferenceCode, NodeRow, ReportRow
from vectorflow.kernel.clock import rfc3339
from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason

_OUTSIDE: Final[dict[str, DifferenceCode]] = {
    "waiting": "not-admitted",
    "rejected": "not-admitted",
    "revoked": "left",
    "leaving": "left",
    "decommissioned": "left",
}
_STATES: Final[dict[str, DifferenceCode]] = {
    PipelineState.STARTING: "starting",
    PipelineState.BACKOFF: "backoff",
    PipelineState.CRASH_LOOP: "crash-loop",
    PipelineState.STOPPING: "stopping",
}


class Doing:
    """What a node says a pipeline does: its state, the number of the revision, 0 for none, and its own words."""

    def __init__(self, state: str = "", number: int = 0, message: str = "") -> None:
        self.state = state
        self.number = number
        self.message = message


def difference_of(
    node: NodeRow, assigned: AssignmentRow, doing: Doing, reports: Sequence[ReportRow]
) -> Difference | None:
    """Return why the node differs from its assignment; None when it does as it should. `reports` are newest first."""
    if (outside := _OUTSIDE.get(node.status)) is not None:
        return Difference(outside, "", None)
    if node.last_seen_at is None:
        return Difference("never-heard", "", rfc3339(node.enrolled_at))
    if node.status in ("unreachable", "stale"):
        return Difference("not-heard", "", rfc3339(node.last_seen_at))
    if _as_wished(assigned, doing):
        return None
    ordered = rfc3339(assigned.assigned_at)
    if assigned.signed < assigned.generation:
        return Difference("being-prepared", "", ordered)
    if assigned.accepted < assigned.generation:
        bundle = _newest(reports, assigned, None)
        if bundle is not None and bundle.kind == ReportKind.REFUSED:
            return _told("orders-refused", bundle)
        return Difference("not-fetched", "", ordered)
    return _own_word(assigned, doing, reports)


def _own_word(assigned: AssignmentRow, doing: Doing, reports: Sequence[ReportRow]) -> Difference:
    if (state := _STATES.get(doing.state)) is not None:
        return Difference(state, doing.message, None)
    report = _newest(reports, assigned, assigned.pipeline_id)
    if report is not None and report.kind == ReportKind.REFUSED:
        return _told("policy" if report.reason == ReportReason.POLICY else "refused", report)
    if report is not None and report.kind == ReportKind.HELD:
        return _told("held", report)
    if assigned.desired == "hold":
        return Difference("held", assigned.reason, rfc3339(assigned.assigned_at))
    if report is not None and report.kind == ReportKind.CRASHED:
        return _told("crashed", report)
    # Orders are there and nothing was said of them yet: engines are checked and handed over now.
    return Difference("under-way", doing.message, rfc3339(assigned.assigned_at))


def _as_wished(assigned: AssignmentRow, doing: Doing) -> bool:
    runs = doing.state == PipelineState.RUNNING
    if assigned.desired == "stop":
        return doing.state in ("", PipelineState.STOPPED, PipelineState.REFUSED)
    return runs and doing.number == assigned.revision


def _newest(reports: Sequence[ReportRow], assigned: AssignmentRow, pipeline_id: object) -> ReportRow | None:
    """Return the newest report of a pipeline, or of the whole bundle, that is about this order or a later one."""
    for each in reports:
        if each.pipeline_id != pipeline_id or each.statement_id is not None:
            continue
        if pipeline_id is None or each.generation >= assigned.generation:
            return each
    return None


def _told(code: DifferenceCode, report: ReportRow) -> Difference:
    return Difference(code, report.message or report.reason, rfc3339(report.at))
