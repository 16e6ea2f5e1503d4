"""Ending engines over the agent's own death: each is told once, because a second signal makes it quit at once."""

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.shell.disk import PipelineLayout, read_optional, write_atomic
from vectorflow_agent.shell.instances import Found, Instance
from vectorflow_agent.shell.loopback import Loopback

_log = logging.getLogger(__name__)
_END_TRIES: Final = 6
_END_ASK_SECONDS: Final = 0.2


async def end(layout: PipelineLayout, found: Found, drain_seconds: float) -> bool:
    """End an engine as `Process.stop` does, and leave word of it for an agent that comes in the midst of the drain."""
    record = found.record

    def note(ends_at: float, signalled: bool) -> None:
        ending = msgspec.structs.replace(record, ends_at=ends_at)
        try:
            if signalled:
                # A file of its own: the record may have lost its secrets meanwhile, and must not get them back.
                _signalled(layout, record).write_text(repr(ends_at), encoding="ascii")
            else:
                write_atomic(layout.instance(record.instance) / "engine.json", msgspec.json.encode(ending))
        except OSError as error:
            # A full disk holds up no order to stop.
            _log.warning("it cannot be written down that engine %d ends: %s", record.instance, error)

    return await found.process.stop(drain_seconds, note)


async def end_made_sure(layout: PipelineLayout, loopback: Loopback, found: Found) -> None:
    """Have an engine that is noted to end count as never told to, if that is certain.

    The agent before may have been killed between its note and the signal, and then nothing drains. Without its word that
    the signal went out only the engine knows: one that was told to end answers no more that it is healthy. It is asked
    for a while, as it may be slow to take the signal; whatever else it answers, it may have been told, and is not again.
    """
    process = found.process
    if not process.ends_at or await asyncio.to_thread(_was_signalled, layout, found.record):
        return
    for _ in range(_END_TRIES):
        if not await loopback.healthy(found.record.api_port):
            return
        await asyncio.sleep(_END_ASK_SECONDS)
    _log.info("engine %d was to end but was never told to", process.pid)
    process.ends_at = 0.0


def _signalled(layout: PipelineLayout, record: Instance) -> Path:
    return layout.instance(record.instance) / "signalled"


def _was_signalled(layout: PipelineLayout, record: Instance) -> bool:
    # An engine that was started again in the same folder is not meant by what was told to the one before.
    return read_optional(_signalled(layout, record)) == repr(record.ends_at).encode()
