"""Another engine for the pipelines of this node: checked, tried by one pipeline after another, returned from whole.

Each pipeline's configuration is validated by the new engine before anything is touched. Then one after another is
drained and started again by the new one; when one does not become healthy, all go back to the engine just left.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.core.types import Phase
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import passage, to_disk, write_atomic
from vectorflow_agent.shell.engines import Chosen, Engine, EngineMissing, engine_at
from vectorflow_agent.shell.prepare import NotPrepared, check_with
from vectorflow_agent.shell.release_store import UpdateRefused
from vectorflow_agent.shell.runner import Runner
from vectorflow_wire.messages import EngineKind, ReportReason
from vectorflow_wire.releases import Release

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.1
_SPARE_SECONDS: Final = 60.0


class EngineChange:
    """Changes the engine of all pipelines, or of none."""

    def __init__(self, context: Context, runners: Callable[[], list[Runner]]) -> None:
        self._context = context
        self._runners = runners

    async def change(self, release: Release, part: Path) -> None:
        """Take the engine in this file. Raises UpdateRefused."""
        try:
            before = await self._context.engine()
        except EngineMissing:
            before = None
        if before is not None and before.facts.kind != EngineKind.VECTOR:
            raise UpdateRefused(
                ReportReason.POLICY, "this node is set up to run the embedded engine", lasting=True
            )
        program = await asyncio.to_thread(self._put, part, release)
        try:
            new = await engine_at(EngineKind.VECTOR, str(program))
        except EngineMissing as error:
            raise UpdateRefused(ReportReason.DOES_NOT_START, str(error), lasting=True) from error
        if new.facts.version != release.version:
            message = f"it says that it is {new.facts.version[:40]}, not {release.version}"
            raise UpdateRefused(ReportReason.DOES_NOT_START, message, lasting=True)
        running = [runner for runner in self._runners() if runner.state.live is not None]
        for runner in running:
            await self._checked(runner, new)
        await self._move(running, new)
        chosen = Chosen(version=release.version, digest=release.digest, program=str(program))
        await asyncio.to_thread(write_atomic, self._context.layout.engine, msgspec.json.encode(chosen))
        self._context.engine_take(new)
        await asyncio.to_thread(_tidy, program.parent, {str(program), before.binary if before else ""})

    def _put(self, part: Path, release: Release) -> Path:
        """Where engines' users can run it, and nobody but the agent can change it."""
        try:
            # Beside the pipelines' folders where those lie outside of the agent's own, see `confinement`.
            place = passage(self._context.programs)
            program = place / release.sha256
            # Copied, because the two folders may lie on different disks.
            fresh = program.with_suffix(".new")
            shutil.copyfile(part, fresh)
            fresh.chmod(0o755)
            to_disk(fresh)
            fresh.replace(program)
            to_disk(place)
            part.unlink()
        except OSError as error:
            raise UpdateRefused(ReportReason.DISK_FULL, f"it cannot be stored: {error.strerror}") from error
        return program

    async def _checked(self, runner: Runner, new: Engine) -> None:
        spec = runner.state.applied
        if spec is None:
            return
        try:
            await check_with(self._context, new, spec, runner.spare_instance())
        except NotPrepared as error:
            raise UpdateRefused(
                error.reason,
                f"the new engine does not accept the pipeline {spec.name}: {error}",
                output=error.output,
                lasting=not error.transient,
            ) from error

    async def _move(self, running: list[Runner], new: Engine) -> None:
        moved: list[Runner] = []
        for runner in running:
            self._context.pinned[runner.pipeline] = new
            moved.append(runner)
            if not await self._restarted(runner):
                name = runner.state.applied.name if runner.state.applied else runner.pipeline
                message, output = runner.state.message, ()
                for each in moved:
                    self._context.pinned.pop(each.pipeline, None)
                for each in moved[:-1]:
                    await self._restarted(each)
                raise UpdateRefused(
                    ReportReason.NOT_HEALTHY,
                    f"the pipeline {name} did not run with it ({message}); the engine before runs again",
                    output=output,
                    lasting=True,
                    returned=True,
                )
        for runner in moved:
            self._context.pinned.pop(runner.pipeline, None)

    async def _restarted(self, runner: Runner) -> bool:
        """Restart a pipeline's engine and tell whether it runs again."""
        before = runner.state.live
        applied = runner.state.applied
        drain = applied.drain_seconds if applied else 60.0
        deadline = time.monotonic() + drain + self._context.settings.start_timeout_seconds + _SPARE_SECONDS
        asked = False
        while time.monotonic() < deadline:
            if not asked:
                asked = await runner.restart(drain)
            state = runner.state
            if asked and state.live not in {None, before} and state.phase == Phase.IDLE:
                return True
            if asked and state.phase == Phase.BACKOFF:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return False


def _tidy(place: Path, keep: set[str]) -> None:
    for path in place.iterdir():
        if str(path) not in keep:
            path.unlink(missing_ok=True)
