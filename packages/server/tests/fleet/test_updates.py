"""How far a node of an update is, from what it runs and what it answered."""

from datetime import UTC, datetime

import msgspec
import pytest

from vectorflow.fleet.types import NodeRow
from vectorflow.fleet.update_types import NodeAnswer, PlanRow
from vectorflow.fleet.updates import node_update
from vectorflow.kernel.ids import new_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = PlanRow(
    id=new_id(),
    environment_id=new_id(),
    group_id=None,
    group_name=None,
    program="agent",
    target="0.2.0",
    step=1,
    unit="nodes",
    most_failures=0,
    state="running",
    reason="",
    created_by="A",
    created_at=NOW,
    counted_from=NOW,
)
NODE = NodeRow(
    id=new_id(),
    name="n",
    hostname="n",
    status="healthy",
    reasons=[],
    last_seen_at=NOW,
    enrolled_at=NOW,
    agent_version="0.1.0",
    engine_kind="vector",
    engine_version="0.55.0",
    platform={},
    labels={},
    running=0,
    assigned=0,
    received_rate=0,
    sent_rate=0,
    errors_rate=0,
    version=1,
)


def answer(state, reason="", message=""):
    return NodeAnswer(NODE.id, state, reason, message)


@pytest.mark.parametrize(
    ("changes", "told", "state"),
    [
        ({}, None, "waiting"),
        ({"status": "degraded"}, None, "waiting"),
        ({"status": "unreachable"}, None, "away"),
        ({"status": "waiting"}, None, "away"),
        ({"in_maintenance": True}, None, "away"),
        ({"agent_version": "0.2.0"}, None, "done"),
        ({"agent_version": "0.2.0"}, answer("refused"), "done"),
        ({}, answer("requested"), "asked"),
        ({}, answer("signed"), "asked"),
        ({}, answer("expired"), "silent"),
        ({}, answer("done"), "done"),
        ({}, answer("refused", "disk-full", "no room"), "failed"),
        ({}, answer("cancelled"), "waiting"),
    ],
)
def test_what_a_node_runs_counts_before_what_it_said(changes, told, state) -> None:
    assert node_update(PLAN, msgspec.structs.replace(NODE, **changes), told).state == state


def test_the_reason_of_a_failure_is_shown_and_the_engines_version_is_its_own() -> None:
    failed = node_update(PLAN, NODE, answer("refused", "disk-full", "no room"))
    assert (failed.reason, failed.message, failed.runs) == ("disk-full", "no room", "0.1.0")
    engine = msgspec.structs.replace(PLAN, program="engine", target="0.55.0")
    assert node_update(engine, NODE, None).state == "done"
