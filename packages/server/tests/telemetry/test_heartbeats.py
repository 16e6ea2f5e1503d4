"""`telemetry.heartbeats`: whatever an agent says is read, and fits the database afterwards."""

import uuid

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorflow.telemetry import heartbeats
from vectorflow_wire import messages

PIPELINE = str(uuid.uuid4())


def encoded(*pipelines, **options) -> bytes:
    return msgspec.json.encode(messages.HeartbeatRequest(at=1, sequence=1, pipelines=pipelines, **options))


def status(**options):
    return messages.PipelineStatus(**({"id": PIPELINE, "state": "running"} | options))


def test_an_honest_heartbeat_is_taken_as_it_is() -> None:
    body = encoded(
        status(
            message="all is well",
            components=(messages.ComponentCounters(id="a", received_events=2**63 - 1, utilization=0.5),),
        ),
        agent=messages.AgentHealth(version="1", clock_offset_ms=-5),
        host=messages.HostMetrics(load1=0.5),
    )
    read = heartbeats.read(body)
    assert isinstance(read, messages.HeartbeatRequest)
    assert msgspec.json.encode(read) == body
    assert heartbeats.fitted(read) is not None


@pytest.mark.parametrize(
    ("options", "name", "kept"),
    [
        ({"message": 'it\'s \\ "quoted"'}, "message", 'it\'s \\ "quoted"'),
        ({"message": "größer"}, "message", "größer"),
        ({"state": "x" * 50}, "state", "x" * 40),
        ({"number": 2**40}, "number", 2**31 - 1),
        ({"pid": -1}, "pid", 0),
        ({"counters_at": 2**62}, "counters_at", heartbeats.LAST_MOMENT),
        ({"revision": "r" * 1000}, "revision", "r" * 128),
    ],
)
def test_what_is_beyond_the_limits_is_made_to_fit(options, name, kept) -> None:
    assert getattr(heartbeats.read(encoded(status(**options))).pipelines[0], name) == kept


def test_durations_are_read_and_their_buckets_cut() -> None:
    took = messages.Durations(count=3, total_us=5, buckets={"0.015625": 3})
    body = encoded(status(components=(messages.ComponentCounters(id="a", latency=took),)))
    assert msgspec.json.encode(heartbeats.read(body)) == body
    many = messages.Durations(count=-1, total_us=2**70, buckets={str(bound): 1 for bound in range(100)})
    read = heartbeats.read(encoded(status(components=(messages.ComponentCounters(id="a", latency=many),))))
    cut = read.pipelines[0].components[0].latency
    assert cut is not None
    assert (cut.count, cut.total_us, len(cut.buckets)) == (0, heartbeats.BIGINT, heartbeats.MOST_BUCKETS)


def test_lists_and_mappings_are_cut() -> None:
    many = tuple(
        messages.ComponentCounters(id=f"c{n}", sent_events={f"o{port}": 1 for port in range(300)})
        for n in range(1100)
    )
    read = heartbeats.read(encoded(*[status(components=many if n == 0 else ()) for n in range(250)]))
    assert len(read.pipelines) == heartbeats.MOST_PIPELINES
    assert len(read.pipelines[0].components) == heartbeats.MOST_COMPONENTS
    assert len(read.pipelines[0].components[0].sent_events) == heartbeats.MOST_OUTPUTS


def test_the_unknown_is_skipped_and_one_odd_word_costs_nothing() -> None:
    body = (
        b'{"at":1,"sequence":2,"moon":"full","pipelines":[{"id":"%b","state":"levitating","x":{"y":[1]},'
        b'"components":[{"id":"a","kind":"portal","received_events":5,"smell":"good"}]}]}' % PIPELINE.encode()
    )
    read = heartbeats.read(body)
    assert read.pipelines[0].state == "levitating"
    assert read.pipelines[0].components[0].received_events == 5


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'{"at":"x","sequence":1}', b'{"at":1,"sequence":1', b"\xff"]
)
def test_what_is_no_heartbeat_is_refused(body) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        heartbeats.read(body)


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


@settings(max_examples=100, deadline=None)
@given(st.lists(STATUSES, max_size=3))
def test_what_was_made_to_fit_fits(statuses) -> None:
    read = heartbeats.fitted(messages.HeartbeatRequest(at=1, sequence=1, pipelines=tuple(statuses)))
    assert heartbeats.fitted(read) == read
    strict = msgspec.convert(msgspec.to_builtins(read), heartbeats.STRICT)
    assert msgspec.json.encode(strict) == msgspec.json.encode(read)
    assert b"\\u0000" not in msgspec.json.encode(read).replace(b"\\\\", b"")
