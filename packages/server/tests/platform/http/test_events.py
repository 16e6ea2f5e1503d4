"""Event streams: authorised per event, bounded, closed with the session."""

import asyncio

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.platform.http.events import EventStreams, TooManyStreamsError, event_response
from vectorflow.platform.metrics import Metrics


async def allow(_topic: str) -> bool:
    return True


async def collect(stream, into: list[bytes]) -> None:
    async for chunk in stream.chunks():
        into.append(chunk)


async def test_events_arrive_and_only_the_newest_of_a_topic() -> None:
    stream = EventStreams(Metrics()).open(new_id(), allow)
    for version in range(3):
        stream.offer("pipeline:1", "pipeline", {"topic": "pipeline:1", "version": version})
    stream.offer("nodes:1", "nodes", {"text": "line\nbreak"})
    got: list[bytes] = []
    reading = asyncio.create_task(collect(stream, got))
    await asyncio.sleep(0.05)
    stream.close()
    await asyncio.wait_for(reading, 30)
    assert got == [
        b": open\n\n",
        b'event: pipeline\ndata: {"topic":"pipeline:1","version":2}\n\n',
        b'event: nodes\ndata: {"text":"line\\nbreak"}\n\n',
    ]


async def test_authority_is_asked_for_each_event() -> None:
    allowed = {"a"}

    async def may(topic: str) -> bool:
        return topic in allowed

    stream = EventStreams(Metrics()).open(new_id(), may)
    got: list[bytes] = []
    reading = asyncio.create_task(collect(stream, got))
    stream.offer("a", "k", 1)
    stream.offer("b", "k", 2)
    await asyncio.sleep(0.05)
    allowed.clear()
    stream.offer("a", "k", 3)
    await asyncio.sleep(0.05)
    stream.close()
    await reading
    assert b"".join(got).count(b"data:") == 1


async def test_a_slow_reader_is_closed_not_waited_for() -> None:
    stream = EventStreams(Metrics()).open(new_id(), allow)
    for number in range(1000):
        stream.offer(f"t{number}", "k", number)
    got: list[bytes] = []
    await asyncio.wait_for(collect(stream, got), 30)
    assert got == [b": open\n\n"]


async def test_the_end_of_a_session_closes_its_streams_only() -> None:
    metrics = Metrics()
    streams = EventStreams(metrics)
    mine, theirs = new_id(), new_id()
    opened = [streams.open(each, allow) for each in (mine, mine, theirs)]
    reading = [asyncio.create_task(collect(each, [])) for each in opened]
    await asyncio.sleep(0)
    assert metrics.event_streams._value.get() == 3
    streams.close_session(mine)
    await asyncio.wait_for(asyncio.gather(*reading[:2]), 30)
    assert not reading[2].done()
    assert metrics.event_streams._value.get() == 1
    streams.close_all()
    await asyncio.wait_for(reading[2], 30)
    assert streams._by_session == {}


async def test_streams_of_a_session_are_limited_and_keep_alive() -> None:
    streams = EventStreams(Metrics())
    session = new_id()
    opened = [streams.open(session, allow) for _ in range(8)]
    with pytest.raises(TooManyStreamsError):
        streams.open(session, allow)
    opened[0]._keep_alive = 0.01
    got: list[bytes] = []
    reading = asyncio.create_task(collect(opened[0], got))
    async with asyncio.timeout(30):
        while b": keep-alive\n\n" not in got:
            await asyncio.sleep(0.01)
    opened[0].close()
    await reading
    assert event_response(opened[1]).media_type == "text/event-stream"
