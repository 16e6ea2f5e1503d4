"""What is kept and told about a pipeline: what is applied, on disk, and the reports that go with it."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from vectorflow_agent.core.types import Save, Tell
from vectorflow_agent.shell.adoption import Applied
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import write_atomic
from vectorflow_wire.messages import Report

_log = logging.getLogger(__name__)


class Telling:
    """Keeps and tells for one pipeline."""

    def __init__(self, context: Context, pipeline: str) -> None:
        self._context = context
        self._pipeline = pipeline
        self._path = context.layout.pipeline(pipeline).applied

    async def tell(self, command: Tell) -> None:
        """Report it."""
        await self._context.spool.add(self._report(command))

    async def save(self, command: Save, told: Sequence[Tell] = ()) -> None:
        """Keep what is applied, together with the reports about it."""

        async def keep(telling: tuple[Report, ...]) -> None:
            applied = Applied(
                spec=command.applied, live=command.live, stopped=command.stopped, telling=telling
            )
            try:
                await asyncio.to_thread(write_atomic, self._path, msgspec.json.encode(applied))
            except OSError as error:
                _log.error("pipeline %s: what is applied cannot be kept: %s", self._pipeline, error)

        if told:
            await self._context.spool.add(*map(self._report, told), before=keep)
        else:
            await keep(())

    def _report(self, command: Tell) -> Report:
        (generation, issue), spec = self._context.order, command.spec
        _log.info(
            "pipeline %s: %s revision %d %s", self._pipeline, command.kind, spec.number, command.message
        )
        return Report(
            node="",
            sequence=0,
            at=now_ms(),
            kind=command.kind,
            pipeline=self._pipeline,
            revision=spec.revision,
            number=spec.number,
            generation=generation,
            issue=issue,
            reason=command.reason,
            message=command.message,
            engine_output=command.output,
        )
