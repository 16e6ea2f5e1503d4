"""`fleet.present`: rows as the API shows them, whatever an agent wrote into them."""

import uuid
from datetime import UTC, datetime

from vectorflow.fleet.present import node_detail_of, pipeline_id_of
from vectorflow.fleet.types import AssignmentRow, NodeRow

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def row(**options) -> NodeRow:
    values = {
        "id": uuid.uuid4(),
        "name": "n",
        "hostname": "h",
        "status": "healthy",
        "reasons": [],
        "last_seen_at": NOW,
        "enrolled_at": NOW,
        "agent_version": "1",
        "engine_kind": "vector",
        "engine_version": "0.57.0",
        "platform": {"os": "linux", "arch": "arm64", "cpus": 4},
        "labels": {},
        "running": 1,
        "assigned": 1,
        "received_rate": 1.0,
        "sent_rate": 2.0,
        "errors_rate": 0.0,
        "version": 1,
    }
    return NodeRow(**(values | options))


def test_an_assignment_stands_beside_what_the_node_does() -> None:
    pipeline_id = uuid.uuid4()
    assigned = [
        AssignmentRow(pipeline_id=pipeline_id, pipeline_name="p", revision=2, desired="run", assigned_at=NOW)
    ]
    told = [
        {"id": str(pipeline_id), "state": "running", "number": 1, "pid": 7, "started_at": 1000, "restarts": 3}
    ]
    shown = node_detail_of(row(pipelines=told), assigned, [], [])
    actual = shown.assignments[0].actual
    assert (actual.revision, actual.pid, actual.restarts) == (1, 7, 3)
    assert actual.started_at == "1970-01-01T00:00:01.000Z"
    assert shown.platform == "linux arm64"
    assert node_detail_of(row(), assigned, [], []).assignments[0].actual is None


def test_the_etag_changes_with_the_version_alone() -> None:
    one = row()
    assert node_detail_of(one, [], [], []).etag == node_detail_of(one, [], [], []).etag
    other = row(id=one.id, version=2)
    assert node_detail_of(one, [], [], []).etag != node_detail_of(other, [], [], []).etag


def test_what_is_no_id_is_none() -> None:
    assert pipeline_id_of("") is None
    assert pipeline_id_of("x" * 100) is None
