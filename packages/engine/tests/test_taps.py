"""Taps of the engine itself, over HTTP as the agent asks it, and the reservoir behind them."""

import random
import signal
import time
import urllib.request

import pytest
from tests.patience import patience

from vectorflow_engine.taps import Tap, TapBook, Watched

SERVICE = "/vector.observability.v1.ObservabilityService/"
DEMO = """
sources:
  in: {type: demo_logs, format: shuffle, interval: 0.001, lines: ["one", "two"]}
transforms:
  parts: {type: route, inputs: [in], route: {ones: '.message == "one"'}}
sinks:
  out: {type: blackhole, inputs: [parts.ones, parts._unmatched]}
"""


def request(*patterns, limit=20, interval=100):
    body = b"".join(b"\x0a" + bytes([len(each)]) + each.encode() for each in patterns)
    body += b"\x18" + bytes([limit]) + b"\x20" + bytes([interval & 0x7F])
    return b"\0" + len(body).to_bytes(4, "big") + body


def opened(engine, body):
    url = f"http://127.0.0.1:{engine.api}{SERVICE}StreamOutputEvents"
    return urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10)


def frame(response):
    head = response.read(5)
    return response.read(int.from_bytes(head[1:5], "big"))


def test_outputs_are_seen_by_name_and_port_and_only_while_somebody_looks(engine):
    engine.start(DEMO)
    with opened(engine, request("parts.ones")) as ones, opened(engine, request("in")) as both:
        found = [frame(ones) for _ in range(50)]
        assert all(b"one" in each and b"parts" in each and b"two" not in each for each in found)
        assert {b"two" in frame(both) for _ in range(200)} == {True, False}
    # An open tap holds up neither the end nor the answer to anything else.
    with opened(engine, request("in")) as open_one:
        frame(open_one)
        began = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - began < 4 * patience()


def test_components_are_listed_and_nonsense_is_refused(engine):
    engine.start(DEMO)
    base = f"http://127.0.0.1:{engine.api}"
    status, body = engine.fetch(f"{base}{SERVICE}GetComponents", data=request("x"))
    assert status == 200
    assert all(name in body for name in (b"in", b"parts", b"out", b"vf_exporter"))
    for bad in (
        b"",
        request("in", limit=0),
        request(),
        b"\0\0\0\0\x09\xff\xff\xff",
        request("in")[:-1] + b"\xff",
    ):
        assert engine.fetch(f"{base}{SERVICE}StreamOutputEvents", data=bad)[0] == 400
    assert engine.fetch(f"{base}{SERVICE}StreamUptime", data=b"x")[0] == 404
    assert engine.fetch(f"{base}/health", data=b"x")[0] == 405


def test_a_reload_keeps_the_tap(engine):
    engine.start(DEMO)
    with opened(engine, request("parts.ones")) as ones:
        frame(ones)
        engine.write(DEMO.replace('.message == "one"', '.message == "two"'))
        engine.process.send_signal(signal.SIGHUP)
        engine.settled("reloaded_total", 1)
        engine.until(lambda: b"two" in frame(ones))


def test_the_reservoir_holds_every_event_with_the_same_chance():
    random.seed(4)
    counts = [0] * 100
    for _ in range(2000):
        tap = Tap(["*"], 10)
        tap.offer("in", "source", "x", list(range(100)))
        for each in tap.take():
            counts[each.event] += 1
    assert sum(counts) == 20_000
    assert min(counts) > 130
    assert max(counts) < 270


@pytest.mark.parametrize(("port", "pattern", "wanted"), [("_default", "in", True), ("a", "in", False),
    ("a", "in.*", True), ("a", "in.a", True), ("a", "*", True), ("_default", "in.a", False)])  # fmt: skip
def test_patterns(port, pattern, wanted):
    assert Tap([pattern], 1).wants("in", port) is wanted


async def test_a_tap_that_nobody_reads_any_more_is_taken_off():
    book, output = TapBook(), Watched()
    output.component = "in"
    book.watch([output])
    batches = book.batches(Tap(["in"], 5), 0.01)
    reading = anext(batches)
    assert await reading == []
    assert len(output.taps) == 1
    output.show([{"a": 1}])
    assert [each.event for each in await anext(batches)] == [{"a": 1}]
    await batches.aclose()
    assert output.taps == ()
    assert not book.full
