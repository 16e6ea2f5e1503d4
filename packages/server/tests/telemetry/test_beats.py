"""`telemetry.beats`: what a heartbeat becomes in the database."""

import struct
import uuid
from datetime import UTC, datetime

import msgspec

from vectorflow.fleet.types import NodeAuthority
from vectorflow.telemetry import heartbeats
from vectorflow.telemetry.beats import make_beat
from vectorflow_wire import messages

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AUTHORITY = NodeAuthority(uuid.uuid4(), "acme", uuid.uuid4(), uuid.uuid4(), b"h" * 32, b"i" * 32, b"s" * 32)
PIPELINE = str(uuid.uuid4())


def beat(*pipelines, before=None, **options):
    request = messages.HeartbeatRequest(at=1, sequence=1, pipelines=pipelines, **options)
    return make_beat(AUTHORITY, heartbeats.fitted(request), NOW, 15.0, before or {})


def presence(made):
    return msgspec.json.decode(made.presence)


def runs(made):
    return msgspec.json.decode(b"[" + made.runs + b"]")


def rows(made) -> list[tuple]:
    """The rows of the COPY, taken apart as PostgreSQL does it."""
    data, at, found = made.rows, 0, []
    while at < len(data):
        (fields,) = struct.unpack_from(">h", data, at)
        at += 2
        row = []
        for _ in range(fields):
            (size,) = struct.unpack_from(">i", data, at)
            # A size of -1 says null.
            row.append(data[at + 4 : at + 4 + max(0, size)])
            at += 4 + max(0, size)
        found.append(tuple(row))
    return found


def counts(row) -> list[int]:
    return [int.from_bytes(each, "big", signed=True) for each in row[7:13]]


def test_organisation_and_node_come_from_the_token_alone() -> None:
    status = messages.PipelineStatus(
        id=PIPELINE,
        state="running",
        counters_at=5,
        components=(messages.ComponentCounters(id="a", received_events=1),),
    )
    made, _ = beat(status)
    assert {row[0] for row in rows(made)} == {AUTHORITY.organization_id.bytes}
    assert {row[4] for row in rows(made)} == {AUTHORITY.node_id.bytes}
    assert runs(made)[0]["node_id"] == str(AUTHORITY.node_id)
    assert presence(made)["running"] == 1
    assert made.size == len(made.presence) + len(made.runs) + len(made.rows)


def test_a_machines_figures_are_a_row_of_their_own_and_none_is_invented() -> None:
    made, _ = beat(host=messages.HostMetrics(cpu_percent=5.0))
    assert made.host.count(AUTHORITY.node_id.bytes) == 1
    assert made.size == len(made.presence) + len(made.host)
    without, _ = beat()
    assert without.host == b""


def test_reasons_say_what_is_wrong() -> None:
    states = [
        messages.PipelineStatus(id=str(uuid.uuid4()), state=state)
        for state in ("crash_loop", "refused", "new")
    ]
    made, _ = beat(*states, agent=messages.AgentHealth(stale=True, clock_offset_ms=-400_000))
    assert sorted(presence(made)["reasons"]) == ["clock", "crash_loop", "refused", "stale"]


def test_the_nodes_rates_come_from_the_heartbeat_before() -> None:
    def status(received, at, since=0):
        source = messages.ComponentCounters(id="a", kind="source", received_events=received)
        return messages.PipelineStatus(
            id=PIPELINE, state="running", counters_at=at, counters_since=since, components=(source,)
        )

    _, flows = beat(status(100, 10_000))
    made, flows = beat(status(150, 20_000), before=flows)
    assert presence(made)["received_rate"] == 5.0
    made, _ = beat(status(30, 30_000, since=24_000), before=flows)
    assert presence(made)["received_rate"] == 5.0


def test_a_component_has_a_row_and_so_has_each_named_output() -> None:
    status = messages.PipelineStatus(
        id=PIPELINE,
        state="running",
        counters_at=5,
        components=(
            messages.ComponentCounters(id="plain", received_events=3, sent_events={"_default": 2}, errors=1),
            messages.ComponentCounters(id="route", sent_events={"yes": 5, "no": 7, "": 1}, sent_bytes=9),
        ),
    )
    made, flows = beat(status)
    found = {(row[2].decode(), row[3].decode()): counts(row) for row in rows(made)}
    assert found == {
        ("plain", ""): [3, 0, 2, 0, 1, 0],
        ("route", ""): [0, 0, 12, 9, 0, 0],
        ("route", "yes"): [0, 0, 5, 0, 0, 0],
        ("route", "no"): [0, 0, 7, 0, 0, 0],
    }
    assert flows[uuid.UUID(PIPELINE)].errors == 1


def test_what_is_named_twice_is_written_once() -> None:
    def status(first, second):
        components = tuple(messages.ComponentCounters(id="a", received_events=n) for n in (first, second))
        nameless = messages.ComponentCounters(id="")
        return messages.PipelineStatus(
            id=PIPELINE, state="running", counters_at=5, components=(*components, nameless)
        )

    made, _ = beat(status(1, 2), status(3, 4))
    assert [(row[2], counts(row)[0]) for row in rows(made)] == [(b"a", 2)]
    assert len(runs(made)) == 1
