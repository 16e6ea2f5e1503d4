"""`fleet.differences`: why a node differs from what it should do, in the order of the way that orders take."""

import uuid
from datetime import UTC, datetime

import msgspec
import pytest
from packages.server.tests.fleet.test_present import row

from vectorflow.fleet.differences import Doing, difference_of
from vectorflow.fleet.types import AssignmentRow, ReportRow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PIPELINE = uuid.uuid4()


def node(**changes):
    return msgspec.structs.replace(row(), **({"status": "healthy", "last_seen_at": NOW} | changes))


def assigned(**changes) -> AssignmentRow:
    made = AssignmentRow(
        pipeline_id=PIPELINE, pipeline_name="p", revision=2, desired="run", assigned_at=NOW,
        generation=10, signed=10, accepted=10,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def report(kind, *, generation=10, pipeline_id=PIPELINE, reason="", message=""):
    return ReportRow(
        node_id=uuid.uuid4(), sequence=1, kind=kind, pipeline_id=pipeline_id, number=2, generation=generation,
        reason=reason, message=message, engine_output=[], at=NOW, received_at=NOW,
    )  # fmt: skip


def code(*, of=None, order=None, doing=None, reports=()):
    found = difference_of(of or node(), order or assigned(), doing or Doing("running", 1), reports)
    return found and (found.code, found.detail)


def test_a_node_that_does_as_it_should_differs_in_nothing() -> None:
    assert code(doing=Doing("running", 2)) is None
    assert code(order=assigned(desired="hold"), doing=Doing("running", 2)) is None
    for state in ("", "stopped", "refused"):
        assert code(order=assigned(desired="stop"), doing=Doing(state)) is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("waiting", "not-admitted"),
        ("rejected", "not-admitted"),
        ("revoked", "left"),
        ("leaving", "left"),
        ("decommissioned", "left"),
        ("unreachable", "not-heard"),
        ("stale", "not-heard"),
    ],
)
def test_who_is_not_told_or_not_heard_is_that_first_of_all(status, expected) -> None:
    # Also where the last that was heard was as it should be: what is so now is not known.
    assert code(of=node(status=status), doing=Doing("running", 2)) == (expected, "")


def test_a_node_that_never_spoke() -> None:
    assert code(of=node(status="pending", last_seen_at=None), doing=Doing()) == ("never-heard", "")


def test_orders_are_prepared_then_fetched_then_carried_out() -> None:
    assert code(order=assigned(signed=9, accepted=9)) == ("being-prepared", "")
    assert code(order=assigned(accepted=9)) == ("not-fetched", "")
    assert code() == ("under-way", "")
    assert code(doing=Doing("starting", 2)) == ("starting", "")


def test_a_bundle_that_the_node_refused_is_the_reason_why_it_has_none() -> None:
    refused = report("refused", generation=0, pipeline_id=None, reason="expired", message="it has expired")
    assert code(order=assigned(accepted=9), reports=[refused]) == ("orders-refused", "it has expired")
    assert code(order=assigned(), doing=Doing("running", 2), reports=[refused]) is None


def test_the_nodes_own_words_are_told() -> None:
    policy = report("refused", reason="policy", message="component type exec is not allowed")
    assert code(reports=[policy]) == ("policy", "component type exec is not allowed")
    assert code(reports=[report("refused", reason="config-invalid")]) == ("refused", "config-invalid")
    assert code(reports=[report("held", message="a secret is missing")]) == ("held", "a secret is missing")
    assert code(reports=[report("crashed", message="exit 1")]) == ("crashed", "exit 1")
    assert code(doing=Doing("crash_loop", 2, "exited 5 times")) == ("crash-loop", "exited 5 times")


def test_reports_of_earlier_orders_and_of_other_pipelines_say_nothing() -> None:
    assert code(reports=[report("refused", generation=9)]) == ("under-way", "")
    assert code(reports=[report("refused", pipeline_id=uuid.uuid4())]) == ("under-way", "")


def test_a_hold_has_the_reason_of_who_ordered_it() -> None:
    order = assigned(desired="hold", reason="the rollout was halted")
    assert code(order=order) == ("held", "the rollout was halted")
