"""`delivery.controller`: what follows from what nodes said, as a table of facts and decisions."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from vectorflow.delivery.controller import batches, decide
from vectorflow.delivery.types import RolloutNodeRow, RolloutRow
from vectorflow.fleet.types import ReportRow

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PIPELINE = uuid.uuid4()


def rollout(**options) -> RolloutRow:
    values = {
        "id": uuid.uuid4(),
        "environment_id": uuid.uuid4(),
        "pipeline_id": PIPELINE,
        "pipeline_name": "p",
        "revision": 2,
        "previous_revision": 1,
        "message": "",
        "state": "running",
        "reason": None,
        "batch_size": None,
        "timeout_seconds": 60.0,
        "watch_seconds": 10.0,
        "created_at": NOW,
        "created_by": "x",
        "finished_at": None,
    }
    return RolloutRow(**(values | options))


def node(state="assigned", batch=1, **options) -> RolloutNodeRow:
    values = {
        "rollout_id": uuid.uuid4(),
        "node_id": uuid.uuid4(),
        "name": "n",
        "revoked": False,
        "batch": batch,
        "state": state,
        "revision_before": 1,
        "generation": None if state == "waiting" else 100,
        "assigned_at": None if state == "waiting" else NOW - timedelta(seconds=5),
        "applied_at": NOW - timedelta(seconds=60) if state == "applied" else None,
    }
    return RolloutNodeRow(**(values | options))


def report(of, kind, seconds_ago=0.0, **options) -> ReportRow:
    values = {
        "node_id": of.node_id,
        "sequence": 7,
        "kind": kind,
        "pipeline_id": PIPELINE,
        "number": 2,
        "generation": 100,
        "reason": "",
        "message": "why",
        "engine_output": [],
        "at": NOW,
        "received_at": NOW - timedelta(seconds=seconds_ago),
    }
    return ReportRow(**(values | options))


@pytest.mark.parametrize(
    ("count", "first", "expected"),
    [(0, None, []), (3, None, [1, 1, 1]), (6, 1, [1, 2, 2, 2, 3, 3]), (3, 5, [1, 1, 1]), (2, 1, [1, 2])],
)
def test_batches_grow_by_three(count, first, expected) -> None:
    assert batches(count, first) == expected


@pytest.mark.parametrize(
    ("kind", "options", "state"),
    [
        ("applied", {}, "applied"),
        ("applied", {"generation": 99}, None),
        ("applied", {"number": 1}, None),
        ("applied", {"pipeline_id": None}, None),
        ("refused", {}, "refused"),
        ("refused", {"pipeline_id": None, "number": 0}, "refused"),
        ("refused", {"number": 1}, None),
        ("held", {}, "refused"),
        ("crashed", {}, "crashed"),
        ("crashed", {"number": 1}, None),
        ("restarted", {}, None),
        ("something-new", {}, None),
    ],
)
def test_what_a_report_means_for_an_assigned_node(kind, options, state) -> None:
    target = node()
    decision = decide(rollout(), [target], [report(target, kind, **options)], NOW)
    assert [change.state for change in decision.changes] == ([state] if state else [])


def test_a_batch_counts_after_its_watch_time() -> None:
    fresh, old = node("applied", applied_at=NOW - timedelta(seconds=9)), node("applied")
    waiting = node("waiting", 2)
    assert decide(rollout(), [fresh, waiting], [], NOW).assign == []
    assert decide(rollout(), [old, waiting], [], NOW).assign == [waiting.node_id]
    assert decide(rollout(), [old], [], NOW).state == "done"
    assert decide(rollout(state="paused"), [old, waiting], [], NOW).assign == []


def test_only_the_next_batch_is_assigned() -> None:
    done, second, third = node("applied"), node("waiting", 2), node("waiting", 3)
    assert decide(rollout(), [done, third, second], [], NOW).assign == [second.node_id]


def test_a_crash_after_the_watch_time_is_not_the_rollouts_matter() -> None:
    early, late = node("applied"), node("applied")
    reports = [report(early, "crashed", 55), report(late, "crashed", 10)]
    decision = decide(rollout(), [early, late], reports, NOW)
    assert [(change.node_id, change.state) for change in decision.changes] == [(early.node_id, "crashed")]
    assert decision.state == "halted"


def test_silence_halts_and_says_so() -> None:
    silent = node(assigned_at=NOW - timedelta(seconds=61), name="quiet")
    decision = decide(rollout(), [silent, node("waiting", 2)], [], NOW)
    assert decision.state == "halted"
    assert [change.state for change in decision.changes] == ["silent", "kept"]
    assert "quiet did not report on revision 2 within 60 s" in decision.reason


def test_a_halted_rollout_still_learns_and_never_assigns() -> None:
    silent, kept = node("silent"), node("kept", 2)
    decision = decide(rollout(state="halted", reason="r"), [silent, kept], [report(silent, "applied")], NOW)
    assert [change.state for change in decision.changes] == ["applied"]
    assert (decision.state, decision.reason, decision.assign) == ("halted", "r", [])


def test_a_revoked_node_is_left_out() -> None:
    assert decide(rollout(), [node(revoked=True), node("applied")], [], NOW).state == "done"


def test_the_same_facts_give_the_same_decision() -> None:
    target = node()
    facts = (rollout(), [target, node("waiting", 2)], [report(target, "refused")], NOW)
    assert decide(*facts) == decide(*facts)


def test_nothing_starts_on_nodes_under_maintenance_and_others_go_first() -> None:
    second, third = node("waiting", 2), node("waiting", 3)
    both = [second, third]
    assert decide(rollout(), both, [], NOW, {second.node_id}).assign == [third.node_id]
    held = decide(rollout(), both, [], NOW, {second.node_id, third.node_id})
    assert (held.assign, held.state) == ([], "running")
