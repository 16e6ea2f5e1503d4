"""A node's event stream: hints and statements as they come, a sign of life when there is nothing, an end at revocation."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from vectorflow.entry.agent_calls import Call
from vectorflow.fleet.streams import Stream, Streams, Told
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.database import DatabaseUnavailable
from vectorflow.platform.http.asgi import Receive
from vectorflow_wire.messages import DesiredHint

log = structlog.get_logger()


async def answer_stream(
    call: Call, streams: Streams, stream: Stream, look: Callable[[], Awaitable[Sequence[Told]]]
) -> None:
    """Send what is told on an opened stream until the agent goes away or `look` refuses its token.

    `look` believes the token again and returns the statements that wait.
    """
    reader = asyncio.create_task(_until_gone(call.receive, stream))
    begun = False
    try:
        for each in await look():
            stream.tell_once(each)
        head = [(b"content-type", b"text/event-stream")]
        await call.send({"type": "http.response.start", "status": 200, "headers": head})
        begun = True
        while True:
            told = await stream.wait()
            if stream.closed:
                break
            if told is None:
                for each in await look():
                    stream.tell_once(each)
            data = b": \n\n" if told is None else event_of(told)
            await call.send({"type": "http.response.body", "body": data, "more_body": True})
            streams.spoke(stream)
    except (VectorFlowError, DatabaseUnavailable) as error:
        if not begun:
            raise
        log.info("stream.ended", reason=type(error).__name__)
    finally:
        streams.done(stream)
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
    await call.send({"type": "http.response.body", "body": b"", "more_body": False})


def event_of(told: DesiredHint | Told) -> bytes:
    """Return what is told as an event of a stream."""
    if isinstance(told, Told):
        return b"event: %s\ndata: %s\n\n" % (told.kind.encode(), told.envelope.encoded())
    return b"event: desired\ndata: " + msgspec.json.encode(told) + b"\n\n"


async def _until_gone(receive: Receive, stream: Stream) -> None:
    """Close the stream when the agent goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.close()
