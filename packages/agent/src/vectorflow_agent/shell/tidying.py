"""Tidying up after engines that are gone: their folders, files that nothing needs any more, their secrets."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import PipelineLayout, read_known, remove_tree, write_atomic
from vectorflow_agent.shell.instances import Instance, numbers, places
from vectorflow_agent.shell.secrets import secrets_remove
from vectorflow_wire.bundles import BundlePipeline

_log = logging.getLogger(__name__)
_KEPT_LOGS: Final = 3


class Tidying:
    """Tidies up one pipeline, of which the engines `instances` run or are about to, and `specs` are needed."""

    def __init__(
        self,
        context: Context,
        pipeline: str,
        *,
        instances: Callable[[], set[int]],
        specs: Callable[[], list[BundlePipeline]],
    ) -> None:
        self._context = context
        self._pipeline = pipeline
        self._layout = context.layout.pipeline(pipeline)
        self._runtime = context.runtime / pipeline
        self._instances = instances
        self._specs = specs

    async def forget(self, record: Instance) -> None:
        """Nothing runs as this instance any more: give back what it held."""
        self._context.ports.give_back(record.api_port, record.metrics_port)
        at = places(self._context, self._pipeline, record.instance)
        await asyncio.to_thread(secrets_remove, at.secrets)
        await asyncio.to_thread(tidy, self._layout, self._instances(), self._specs())

    async def settle(self) -> None:
        """Nothing is about to start: of all but the engines that run, no secret stays open, and only the last logs.

        Their sealed secrets stay in their records, so that what they said last can still be sent without them.
        """
        try:
            await asyncio.to_thread(close, self._runtime, self._instances())
            await asyncio.to_thread(tidy, self._layout, self._instances(), self._specs())
        except OSError as error:
            _log.warning("pipeline %s: what is left of engines cannot be removed: %s", self._pipeline, error)

    async def secrets_scrub(self) -> None:
        """Remove what is left of secrets, opened and sealed, of engines that are gone."""
        await asyncio.to_thread(scrub, self._layout, self._runtime, self._instances())


def tidy(layout: PipelineLayout, instances: set[int], specs: Sequence[BundlePipeline]) -> None:
    """Remove folders of engines long gone and files that no specification needs; keep the last logs."""
    revisions = {spec.revision for spec in specs}
    files = {reference.sha256 for spec in specs for reference in spec.files}
    gone = [number for number in numbers(layout) if number not in instances]
    for number in gone[:-_KEPT_LOGS]:
        remove_tree(layout.instance(number))
    with contextlib.suppress(OSError):
        for path in layout.root.iterdir():
            if len(path.name) == 64 and path.name not in revisions:
                remove_tree(path)
        for path in layout.files.iterdir():
            if len(path.name) == 64 and path.name not in files:
                path.unlink(missing_ok=True)


def scrub(layout: PipelineLayout, runtime: Path, instances: set[int]) -> None:
    """Remove secrets, opened in the pipeline's runtime folder and sealed in records, of all but these engines."""
    for number in set(numbers(layout)) - instances:
        path = layout.instance(number) / "engine.json"
        record = read_known(path, Instance, set_aside=False)
        if record is not None and record.spec.secrets:
            spec = msgspec.structs.replace(record.spec, secrets=())
            bare = msgspec.structs.replace(record, spec=spec, scrubbed=True)
            write_atomic(path, msgspec.json.encode(bare))
    close(runtime, instances)


def close(runtime: Path, instances: set[int]) -> None:
    """Remove opened secrets of all but these engines."""
    for path in runtime.glob("*"):
        if path.name.partition("-")[0] not in map(str, instances):
            remove_tree(path)
