"""`entry.stream_answers`: what is told goes out, silence gets a sign of life, a refused token ends the stream."""

import asyncio
from uuid import uuid4

import pytest

from vectorflow.entry.agent_calls import Call
from vectorflow.entry.stream_answers import answer_stream
from vectorflow.fleet.errors import AgentTokenRefused
from vectorflow.fleet.streams import Streams
from vectorflow_wire.messages import DesiredHint


class Open:
    """A stream of an agent that goes away when it is told to; what was sent is kept."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.refused = False
        self.streams = Streams()
        self.node = uuid4()
        self.stream = self.streams.open(self.node, uuid4())

    async def answer(self) -> None:
        async def receive() -> dict:
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def look() -> tuple:
            if self.refused:
                raise AgentTokenRefused
            return ()

        call = Call("/agent/v1/stream", {}, "127.0.0.1", receive, self.sent.put)
        async with asyncio.timeout(30):
            await answer_stream(call, self.streams, self.stream, look)


async def test_hints_signs_of_life_and_the_end_by_the_agent() -> None:
    held = Open()
    answering = asyncio.create_task(held.answer())
    assert (await held.sent.get())["status"] == 200
    held.streams.tell(held.node, DesiredHint(generation=3))
    assert (await held.sent.get())["body"].startswith(b'event: desired\ndata: {"generation":3')
    held.stream.check()
    assert (await held.sent.get())["body"] == b": \n\n"
    held.gone.set()
    await answering
    assert held.sent.get_nowait()["more_body"] is False
    assert len(held.streams) == 0


async def test_a_token_that_is_refused_meanwhile_ends_the_stream() -> None:
    held = Open()
    answering = asyncio.create_task(held.answer())
    await held.sent.get()
    held.refused = True
    held.stream.check()
    await answering
    assert held.sent.get_nowait()["more_body"] is False
    assert len(held.streams) == 0


async def test_a_token_that_is_refused_at_once_is_an_answer() -> None:
    held = Open()
    held.refused = True
    with pytest.raises(AgentTokenRefused):
        await held.answer()
    assert held.sent.empty()
    assert len(held.streams) == 0
