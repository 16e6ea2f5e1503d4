"""What engines hand out: see also `test_protobuf`. Whatever comes, there is an error at worst."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow_agent.core import protobuf
from vectorflow_agent.core.engine_events import (
    Frames,
    event_of_grpc,
    events_of_graphql,
    tap_request,
    tap_subscription,
)
from vectorflow_agent.core.protobuf import framed, number_field, text_field


def tapped(wrapped):
    return text_field(1, text_field(1, b"in") + text_field(4, wrapped))


def test_a_request_says_outputs_limit_and_interval():
    assert tap_request(("in", "r.a"), 50, 500) == framed(b"\x0a\x02in\x0a\x03r.a\x18\x32\x20\xf4\x03")
    assert tap_subscription(("in",), 5, 500)["variables"] == {"o": ("in",), "l": 5, "i": 500}


def test_every_kind_of_value():
    def entry(name, value):
        return text_field(1, text_field(1, name.encode()) + text_field(2, value))

    moment = text_field(2, number_field(1, 1_700_000_000) + number_field(2, 5_000_000))
    values = (
        entry("text", text_field(1, "ü".encode()))
        + entry("bytes", text_field(1, b"\xff"))
        + entry("at", moment)
        + entry("minus", number_field(4, 2**64 - 5))
        + entry("half", b"\x29" + struct.pack("<d", 0.5))
        + entry("infinite", b"\x29" + struct.pack("<d", float("inf")))
        + entry("yes", number_field(6, 1))
        + entry("list", text_field(8, text_field(1, number_field(4, 1)) + text_field(1, number_field(9, 0))))
        + entry("empty", b"")
    )
    event = event_of_grpc(tapped(text_field(1, text_field(2, text_field(7, values)))))
    assert event.binary
    assert (event.component, event.kind) == ("in", "log")
    assert event.event == {
        "text": "ü",
        "bytes": "\ufffd",
        "at": "2023-11-14T22:13:20.005000Z",
        "minus": -5,
        "half": 0.5,
        "infinite": None,
        "yes": True,
        "list": [1, None],
        "empty": None,
    }


def test_metrics_and_traces_and_notices():
    double = b"\x09" + struct.pack("<d", 2.0)
    metric = (
        text_field(1, b"requests")
        + text_field(3, text_field(1, b"host") + text_field(2, b"a"))
        + text_field(20, text_field(1, b"zone") + text_field(2, text_field(1, text_field(1, b"b"))))
        + number_field(4, 1)
        + text_field(5, double)
        + text_field(11, b"app")
    )
    assert event_of_grpc(tapped(text_field(2, metric))).event == {
        "name": "requests",
        "kind": "absolute",
        "counter": {"value": 2.0},
        "namespace": "app",
        "tags": {"host": "a", "zone": "b"},
    }
    histogram = text_field(16, number_field(2, 4) + b"\x19" + struct.pack("<d", 9.0))
    shown = event_of_grpc(tapped(text_field(2, histogram))).event["aggregated_histogram"]
    assert shown == {"count": 4, "sum": 9.0}
    trace = text_field(3, text_field(1, text_field(1, b"id") + text_field(2, text_field(1, b"t"))))
    assert event_of_grpc(tapped(trace)).event == {"id": "t"}
    assert event_of_grpc(text_field(2, text_field(1, b"no such output"))) is None


def test_frames_are_cut_wherever_the_bytes_are_and_trailers_skipped():
    stream = framed(b"one") + b"\x80\x00\x00\x00\x02ok" + framed(b"") + framed(b"two")
    frames = Frames()
    assert [m for at in range(len(stream)) for m in frames.feed(stream[at : at + 1])] == [b"one", b"", b"two"]
    for bad in (b"\x01\x00\x00\x00\x01x", b"\x00\xff\xff\xff\xff"):
        with pytest.raises(ValueError, match="gRPC"):
            list(Frames().feed(bad))


def test_graphql_events():
    listed = [
        {"__typename": "Log", "componentId": "in", "string": '{"a":1}'},
        {"__typename": "EventNotification", "message": "x"},
        {"__typename": "Metric", "componentId": "m", "string": '{"name":"n"}'},
    ]
    found = events_of_graphql({"data": {"outputEventsByComponentIdPatterns": listed}})
    assert [(each.component, each.kind, each.event) for each in found] == [
        ("in", "log", {"a": 1}),
        ("m", "metric", {"name": "n"}),
    ]
    for bad in (None, {}, {"data": None}, {"data": {"outputEventsByComponentIdPatterns": [3]}}):
        with pytest.raises(ValueError, match="list"):
            events_of_graphql(bad)


@given(st.binary(max_size=80))
def test_garbage_is_an_error_and_nothing_worse(body):
    for message in (body, tapped(text_field(1, text_field(2, body))), tapped(text_field(2, body))):
        with contextlib.suppress(ValueError):
            event_of_grpc(message)
    with contextlib.suppress(ValueError):
        list(protobuf.fields(body))
