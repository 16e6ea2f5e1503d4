"""What a pipeline's engines count: read from each, summed over all that there were, kept on disk."""

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from vectorflow_agent.core.counters import CounterBook
from vectorflow_agent.core.exposition import components
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import write_atomic
from vectorflow_agent.shell.instances import Found
from vectorflow_wire.messages import ComponentCounters

_log = logging.getLogger(__name__)


class Counting:
    """The counters of one pipeline."""

    def __init__(self, context: Context, pipeline: str) -> None:
        self.book = CounterBook(since=now_ms())
        self.at = 0
        """When they were read last, epoch milliseconds; 0 before."""
        self._context = context
        self._pipeline = pipeline
        self._path = context.layout.pipeline(pipeline).counters

    async def read(self, found: Found) -> None:
        """Read what one engine has counted; one that does not say leaves what is known."""
        text = await self._context.loopback.metrics(found.record.metrics_port)
        if text is not None:
            self.book.seen(_process_name(found), components(text))
            self.at = now_ms()

    async def keep(self, running: Iterable[Found]) -> None:
        """Add up what engines had counted that run no more, and keep the sums on disk."""
        self.book.ended_except({_process_name(found) for found in running})
        try:
            data = msgspec.json.encode(self.book)
            await asyncio.to_thread(write_atomic, self._path, data, sync=False)
        except OSError as error:
            _log.warning("pipeline %s: counters cannot be kept: %s", self._pipeline, error)

    def totals(self, found: Found | None) -> tuple[ComponentCounters, ...]:
        """Counters of the components of this engine, or of all when none runs."""
        return self.book.totals(_process_name(found) if found else None)


def _process_name(found: Found) -> str:
    return f"{found.record.instance}:{found.process.pid}"
