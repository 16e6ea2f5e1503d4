"""`fleet.streams`: one hint at a time, a bound on streams, an end at once."""

import asyncio
import time
import uuid

import pytest

from vectorflow.fleet.errors import GatewayBusy
from vectorflow.fleet.streams import Streams
from vectorflow_wire.messages import DesiredHint

ORGANIZATION = uuid.uuid4()


async def test_a_newer_hint_replaces_one_that_waits() -> None:
    streams, node = Streams(), uuid.uuid4()
    stream = streams.open(node, ORGANIZATION)
    for generation in (1, 2, 3):
        streams.tell(node, DesiredHint(generation=generation))
    assert (await stream.wait()).generation == 3
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream.wait()
    streams.tell(node, DesiredHint(generation=4))  # who gave up waiting loses nothing
    assert (await stream.wait()).generation == 4


async def test_the_third_stream_of_a_node_ends_its_first() -> None:
    streams, node = Streams(), uuid.uuid4()
    first, second, third = (streams.open(node, ORGANIZATION) for _ in range(3))
    assert [first.closed, second.closed, third.closed] == [True, False, False]
    assert len(streams) == 2
    streams.done(first)
    streams.done(second)
    streams.done(third)
    assert len(streams) == 0


async def test_closing_wakes_who_waits() -> None:
    streams, node = Streams(), uuid.uuid4()
    stream = streams.open(node, ORGANIZATION)
    waiting = asyncio.create_task(stream.wait())
    await asyncio.sleep(0)
    began = time.monotonic()
    streams.close_node(node)
    assert await waiting is None
    assert time.monotonic() - began < 5  # much sooner than a stream that is kept alive
    assert stream.closed


async def test_there_are_only_so_many() -> None:
    streams = Streams(most=1)
    streams.open(uuid.uuid4(), ORGANIZATION)
    with pytest.raises(GatewayBusy) as caught:
        streams.open(uuid.uuid4(), ORGANIZATION)
    assert caught.value.headers["Retry-After"]


async def test_silent_streams_are_looked_at_a_few_at_a_time_the_longest_silent_first() -> None:
    now = [100.0]
    streams = Streams(monotonic=lambda: now[0])
    opened = [streams.open(uuid.uuid4(), ORGANIZATION) for _ in range(60)]
    looking = [asyncio.create_task(each.wait()) for each in opened]
    await asyncio.sleep(0)

    async def looked(after: float) -> list[int]:
        now[0] += after
        streams.look_after(15.0, 0.25)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [number for number, each in enumerate(looking) if each.done()]

    assert await looked(14.0) == []
    streams.spoke(opened[0])
    assert await looked(1.0) == [1, 2]
    for expected in range(4, 60, 2):
        assert await looked(0.25) == list(range(1, expected + 1))
    assert (
        len(await looked(0.25)) == 59
    )  # the first one spoke meanwhile, the others were all reached within 23 seconds
    for each in looking:
        each.cancel()
