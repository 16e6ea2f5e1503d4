"""Batches, acknowledgements, buffers, encoders, paths: the small parts that counting hangs on."""

import asyncio

import pytest

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Context, Source, StartError
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.encoding import EncodingOptions, FramingOptions, JsonOptions, encoder, frames
from vectorflow_engine.events import Ack, Batch, Metric, Status
from vectorflow_engine.http_listener import split_address
from vectorflow_engine.log import clean, hide
from vectorflow_engine.metrics import Meter, Registry
from vectorflow_engine.sinks.delivery import Backoff
from vectorflow_engine.sinks.file_path import PathTemplate, Unconfined
from vectorflow_engine.sources.file_checkpoints import Checkpoints
from vectorflow_engine.vrl.timestamps import Timestamp


def test_an_ack_waits_for_the_last_holder_and_keeps_the_worst():
    seen = []
    batch = Batch([1, 2, 3], Ack(seen.append))
    head = batch.take(2)
    copy = batch.with_events([9])
    head.release(Status.ERRORED)
    copy.release()
    assert (head.events, batch.events, seen) == ([1, 2], [3], [])
    batch.release()
    assert seen == [Status.ERRORED]


def buffer(**kw):
    registry = Registry()
    meter = Meter(registry, "s", "sink", "file")
    return Buffer(meter, **kw), meter


async def test_buffer_blocks_in_pieces_and_keeps_order():
    held, _ = buffer(max_events=4)
    writer = asyncio.create_task(held.put(Batch(list(range(10)))))
    got = []
    while len(got) < 10:
        await asyncio.sleep(0)
        assert len(held) <= 4
        got += (await held.get()).events
    await writer
    assert got == list(range(10))
    held.close()
    assert await held.get() is None


async def test_buffer_drops_the_newest_and_says_so():
    held, meter = buffer(max_events=3, when_full="drop_newest")
    seen = []
    await held.put(Batch([1, 2, 3, 4, 5], Ack(seen.append)))
    assert meter.counter("component_discarded_events_total", ("intentional", "true")).value == 2
    (await held.get()).release()
    assert seen == [Status.DELIVERED]


async def test_buffer_waits_no_longer_than_asked():
    held, _ = buffer()
    with pytest.raises(TimeoutError):
        await held.get(until=asyncio.get_running_loop().time() + 0.02)


async def test_unread_metrics_of_a_batch_without_consumers():
    class Once(Source):
        async def run(self):
            await self.send([{"a": 1}], seen.append)

    seen = []
    source = Once(Context("s", "source", "x", Registry(), "/tmp"))
    source.acknowledge = True
    await source.run()
    assert seen == [Status.DELIVERED]


def test_encoders():
    event = {"b": Timestamp("2026-01-01T00:00:00Z"), "a": {"y": 1, "x": [1.0, None]}, "message": "hi"}
    assert (
        encoder(EncodingOptions(codec="json"))(event)
        == b'{"a":{"x":[1.0,null],"y":1},"b":"2026-01-01T00:00:00Z","message":"hi"}'
    )
    assert encoder(EncodingOptions(codec="json", except_fields=["a", ".b"]))(event) == b'{"message":"hi"}'
    assert b"\n" in encoder(EncodingOptions(codec="json", json=JsonOptions(pretty=True)))(event)
    assert encoder(EncodingOptions(codec="text"))(event) == b"hi"
    assert encoder(EncodingOptions(codec="text"))({"message": 5}) == b"5"
    metric = Metric("n", 1.0, namespace="v", tags={"a": "b"})
    assert (
        encoder(EncodingOptions(codec="json"))(metric)
        == b'{"counter":{"value":1.0},"kind":"absolute","name":"n","namespace":"v","tags":{"a":"b"}}'
    )


def test_frames():
    assert frames(b"a\n\nb\n", None) == [b"a", b"", b"b"]
    assert frames(b"a\nb", FramingOptions(method="bytes")) == [b"a\nb"]
    assert frames(b"", FramingOptions(method="bytes")) == []


def test_paths_of_the_file_sink():
    dated = PathTemplate("/var/%Y/%m-{{ app }}.log", None, unconfined=False)
    event = {"timestamp": Timestamp("2026-03-04T05:06:07.1Z"), "app": "50%Y"}
    assert dated.render(event) == "/var/2026/03-50%Y.log"
    assert dated.render({"timestamp": event["timestamp"]}) is None
    for evil in ("../../etc/passwd", "/../../x", "a/../../b", "x" * 2000, "a\0b"):
        with pytest.raises(Unconfined):
            dated.render({**event, "app": evil})
    with pytest.raises(ConfigError):
        PathTemplate("{{ app }}/x.log", None, unconfined=False)
    assert PathTemplate("{{ app }}/x.log", "/base", unconfined=False).constant is False
    assert PathTemplate("/a/b.log", None, unconfined=False).constant


def test_checkpoints_advance_in_order(tmp_path):
    points = Checkpoints(tmp_path / "in")
    points.load()
    first, second, third = (points.begin("f", end) for end in (10, 20, 30))
    second(Status.DELIVERED)
    assert points.position("f") is None
    first(Status.ERRORED)
    assert points.position("f") == 20
    points.write(points.take_dirty())
    assert points.take_dirty() is None
    again = Checkpoints(tmp_path / "in")
    again.load()
    assert again.position("f") == 20
    points.reset("f")
    third(Status.DELIVERED)
    assert points.position("f") == 0


def test_backoff_is_fibonacci_up_to_its_limit():
    waits = Backoff(1, 6, "None")
    assert [waits.next() for _ in range(6)] == [1, 1, 2, 3, 5, 6]
    jittered = Backoff(1, 6, "Full")
    assert all(0 <= jittered.next() <= 6 for _ in range(20))


def test_log_lines_are_clean():
    hide(("hunter2",))
    assert clean("a\nb\x1b[0m hunter2") == "a\\nb\\x1b[0m [REDACTED]"


@pytest.mark.parametrize(
    ("text", "want"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8080", ("::1", 8080))]
)
def test_addresses(text, want):
    assert split_address(text, "x") == want
    for bad in ("80", "host:", "host:99999", ":80", "host:a"):
        with pytest.raises(StartError, match="host:port"):
            split_address(bad, "x")
