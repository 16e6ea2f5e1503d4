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
    assert (await stream.wait(1)).generation == 3
    assert await stream.wait(0.01) is None


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
    waiting = asyncio.create_task(stream.wait(30))
    await asyncio.sleep(0)
    began = time.monotonic()
    streams.close_node(node)
    assert await waiting is None
    assert time.monotonic() - began < 0.5
    assert stream.closed


async def test_there_are_only_so_many() -> None:
    streams = Streams(most=1)
    streams.open(uuid.uuid4(), ORGANIZATION)
    with pytest.raises(GatewayBusy) as caught:
        streams.open(uuid.uuid4(), ORGANIZATION)
    assert caught.value.headers["Retry-After"]
