"""`telemetry.beats`: whatever an agent says becomes something the database can take."""

import uuid
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorflow.fleet.types import NodeAuthority
from vectorflow.telemetry.beats import make_beat
from vectorflow_wire import messages

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AUTHORITY = NodeAuthority(uuid.uuid4(), "acme", uuid.uuid4(), uuid.uuid4(), b"h" * 32, b"i" * 32, b"s" * 32)
PIPELINE = str(uuid.uuid4())


def beat(*pipelines, before=None, **options):
    request = messages.HeartbeatRequest(at=1, sequence=1, pipelines=pipelines, **options)
    return make_beat(AUTHORITY, request, NOW, 15.0, before or {})


def test_organisation_and_node_come_from_the_token_alone() -> None:
    status = messages.PipelineStatus(
        id=PIPELINE,
        state="running",
        counters_at=5,
        components=(messages.ComponentCounters(id="a", received_events=1),),
    )
    made, _ = beat(status)
    assert {row.organization_id for row in made.rows} == {AUTHORITY.organization_id}
    assert made.runs[0]["node_id"] == AUTHORITY.node_id
    assert made.presence["running"] == 1


def test_reasons_say_what_is_wrong() -> None:
    states = [
        messages.PipelineStatus(id=str(uuid.uuid4()), state=state)
        for state in ("crash_loop", "refused", "new")
    ]
    made, _ = beat(*states, agent=messages.AgentHealth(stale=True, clock_offset_ms=-400_000))
    assert sorted(made.presence["reasons"]) == ["clock", "crash_loop", "refused", "stale"]


def test_the_nodes_rates_come_from_the_heartbeat_before() -> None:
    def status(received, at, since=0):
        source = messages.ComponentCounters(id="a", kind="source", received_events=received)
        return messages.PipelineStatus(
            id=PIPELINE, state="running", counters_at=at, counters_since=since, components=(source,)
        )

    _, flows = beat(status(100, 10_000))
    made, flows = beat(status(150, 20_000), before=flows)
    assert made.presence["received_rate"] == 5.0
    made, _ = beat(status(30, 30_000, since=24_000), before=flows)
    assert made.presence["received_rate"] == 5.0


TEXT = st.text(max_size=20)
COMPONENTS = st.builds(
    messages.ComponentCounters, id=TEXT, kind=TEXT, received_events=st.integers(), sent_bytes=st.integers(),
    sent_events=st.dictionaries(TEXT, st.integers(), max_size=3), errors=st.integers(),
)  # fmt: skip
STATUSES = st.builds(
    messages.PipelineStatus, id=st.one_of(st.just(PIPELINE), TEXT), state=TEXT, message=TEXT, number=st.integers(),
    pid=st.integers(), started_at=st.integers(), counters_at=st.integers(), counters_since=st.integers(),
    components=st.lists(COMPONENTS, max_size=3).map(tuple),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(STATUSES, max_size=4))
def test_nothing_an_agent_says_is_too_much_for_the_database(statuses) -> None:
    made, flows = beat(*statuses)
    beat(*statuses, before=flows)
    for row in made.rows:
        values = msgspec.structs.asdict(row)
        assert all(0 <= value < 2**63 for value in values.values() if isinstance(value, int))
        assert all("\x00" not in value for value in values.values() if isinstance(value, str))
    keys = [(row.component_id, row.output) for row in made.rows]
    assert len(keys) == len(set(keys))
    # An escaped backslash before u0000 is text; the escape itself is what PostgreSQL refuses.
    assert b"\\u0000" not in msgspec.json.encode([made.presence, made.runs]).replace(b"\\\\", b"")
