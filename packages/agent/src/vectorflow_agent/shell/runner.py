"""One pipeline's runner: feeds events into `core.supervise`, carries its commands out.

The loop itself never waits for anything slow: each command that takes time is a task of its own,
owned by the runner, and ends in an event. So a pipeline that drains, crashes or hangs holds up
neither its own orders nor any other pipeline.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from itertools import takewhile
from typing import Any, Final

import msgspec

from vectorflow_agent.adopt.taking import CannotTakeOver
from vectorflow_agent.core.failures import exit_words, reason_of, reason_of_error
from vectorflow_agent.core.status import pipeline_state
from vectorflow_agent.core.supervise import step
from vectorflow_agent.core.types import (
    Command,
    Desired,
    Event,
    Exited,
    Failed,
    Healthy,
    Phase,
    Prepare,
    Prepared,
    Reload,
    RestartAsked,
    Save,
    Start,
    State,
    Stop,
    Tell,
    Wake,
    Woke,
    spec_key,
)
from vectorflow_agent.shell.adoption import instances_found, state_found
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.counting import Counting
from vectorflow_agent.shell.ending import end
from vectorflow_agent.shell.instances import Found, Instance, places
from vectorflow_agent.shell.pauses import varied
from vectorflow_agent.shell.prepare import NotPrepared, discard, prepare
from vectorflow_agent.shell.processes import Process, rotate
from vectorflow_agent.shell.starting import Unhealthy, last_lines, prove, reload, start
from vectorflow_agent.shell.telling import Telling
from vectorflow_agent.shell.tidying import Tidying
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import PipelineStatus, ReportKind, ReportReason

_log = logging.getLogger(__name__)
_JITTER: Final = 0.25
_DRAIN_READ_SECONDS: Final = 0.1
_READ_AGAIN_SECONDS: Final = 5.0


class Runner:
    """Runs one pipeline. `run` owns everything it starts but the engines."""

    def __init__(self, context: Context, pipeline: str) -> None:
        self.pipeline = pipeline
        self.state = State(pipeline=pipeline)
        self.ready = asyncio.Event()
        self._context = context
        self._layout = context.layout.pipeline(pipeline)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=64)
        self._tasks: set[asyncio.Task[None]] = set()
        self._prepared: dict[int, Instance] = {}
        self._running: dict[int, Found] = {}
        self._spare = 0
        self._counting = Counting(context, pipeline)
        self._telling = Telling(context, pipeline)
        self._tidying = Tidying(context, pipeline, instances=self._instances, specs=self.specs)
        self._desired: Desired | None = None
        self._ordered = False

    def desire(self, spec: BundlePipeline | None) -> None:
        """Tell the runner what the bundle says about its pipeline. Only what was said last counts, and nobody waits."""
        self._desired = Desired(spec)
        if not self._ordered:
            self._ordered = True
            # Looked at after every event, so a queue that is full needs no other.
            with contextlib.suppress(asyncio.QueueFull):
                self._events.put_nowait(None)

    async def restart(self, drain_seconds: float) -> bool:
        """Restart the engine with what it runs; False when it is not running undisturbed."""
        if self.state.phase != Phase.IDLE or self.state.live is None:
            return False
        await self._events.put(RestartAsked(drain_seconds))
        return True

    def spare_instance(self) -> int:
        """A number that no engine of this pipeline will have: for a check aside."""
        number = self.state.next_instance
        self.state = msgspec.structs.replace(self.state, next_instance=number + 1)
        self._spare = number
        return number

    async def run(self) -> None:
        """Take back what runs, then follow events until cancelled. After a failure it may be run again."""
        try:
            await self._adopt_when_readable()
            self.ready.set()
            self._ordered = self._desired is not None
            while True:
                if self._ordered and self._desired is not None:
                    self._ordered = False
                    await self._take(self._desired)
                event = await self._events.get()
                if event is not None:
                    await self._take(event)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, event: Event) -> None:
        self.state, commands = step(self.state, event)
        following = list(commands)
        while following:
            command = following.pop(0)
            if isinstance(command, Save):
                # What is applied and the word of it belong together, whenever the agent is killed.
                told = list(takewhile(lambda each: isinstance(each, Tell), following))
                del following[: len(told)]
                await self._telling.save(command, [each for each in told if isinstance(each, Tell)])
                if command.stopped:
                    await self._tidying.settle()
            else:
                await self._carry_out(command)
        self._overtaken()

    def _overtaken(self) -> None:
        """Give back what was prepared for an order that another has overtaken: nothing will start it."""
        for instance in [each for each in self._prepared if each != self.state.instance]:
            self._task(discard(self._context, self._prepared.pop(instance)))

    async def stop_engines(self) -> None:
        """Drain and end all engines of the pipeline; `run` must have ended."""
        await asyncio.gather(*(self._drain(found) for found in self._running.values()))

    def secret_spec(self) -> BundlePipeline | None:
        """Something with secrets that is wanted here or runs; None when nothing is."""
        return next((spec for spec in self.specs() if spec.secrets), None)

    async def secrets_scrub(self) -> None:
        """Remove what is left of secrets, opened and sealed, of engines that are gone."""
        await self._tidying.secrets_scrub()

    async def counters_read(self) -> None:
        """Read the counters of all running engines and keep the sums on disk."""
        await asyncio.gather(*(self._counting.read(found) for found in list(self._running.values())))
        await self._counting.keep(self._running.values())

    def status(self) -> PipelineStatus:
        """The pipeline in a heartbeat."""
        state = self.state
        found = self._running.get(state.live) if state.live is not None else None
        applied = state.applied if found is not None else None
        return PipelineStatus(
            id=self.pipeline,
            state=pipeline_state(state),
            revision=applied.revision if applied else "",
            number=applied.number if applied else 0,
            desired=state.wanted.state if state.wanted else "",
            pid=found.process.pid if found else 0,
            started_at=found.record.started_at if found else 0,
            restarts=state.restarts,
            message=state.message,
            counters_at=self._counting.at,
            counters_since=self._counting.book.since,
            components=self._counting.totals(found),
        )

    @property
    def api_port(self) -> int | None:
        """The port of the API of the engine that runs what is applied; None without one."""
        found = self._running.get(self.state.live) if self.state.live is not None else None
        return found.record.api_port if found is not None else None

    async def rotate_logs(self) -> None:
        """Keep the engines' logs small."""
        for instance in list(self._running):
            at = places(self._context, self.pipeline, instance)
            await asyncio.to_thread(rotate, at.log)
            await asyncio.to_thread(rotate, at.output)

    async def _adopt_when_readable(self) -> None:
        """While the folder cannot be read nobody knows what runs, so nothing is started; that is told once."""
        told = ""
        while True:
            try:
                await self._adopt()
            except OSError as error:
                reason, why = reason_of_error(error), f"the pipeline's folder: {error.strerror}"
                spec = self._desired.spec if self._desired is not None else None
                if spec is not None and reason != told:
                    told = reason
                    refused = Tell(kind=ReportKind.REFUSED, spec=spec, reason=reason, message=why)
                    await self._telling.tell(refused)
                await asyncio.sleep(_READ_AGAIN_SECONDS)
            else:
                return

    async def _adopt(self) -> None:
        applied, instances, book = await instances_found(self._context, self.pipeline, self._running)
        if book is not None and not self.ready.is_set():
            self._counting.book = book
        wanted = self._desired.spec if self._desired is not None else None
        state = state_found(self.pipeline, applied, instances, wanted)
        # Where this run follows one that failed, engines may have ended since that nobody watched.
        for found in {**self._running, **{each.record.instance: each for each in instances.alive}}.values():
            self._watch(found)
        # What is neither applied nor finished belonged to a hand-over that was cut off: it ends
        # before anything starts, because it may hold the port or the files of what comes next.
        kept = {state.live, state.instance}
        rest = [found for found in instances.alive if found.record.instance not in kept]
        begun = [found for found in instances.alive if found.record.instance == state.instance]
        # Before they end, for their end tidies up all that this state does not need.
        self.state, live = state, state.live
        await asyncio.gather(*(self._drain(found) for found in rest))
        await self._tidying.settle()
        if live != applied.live:
            await self._telling.save(Save(applied.spec, live, applied.stopped))
        for found in begun:
            _log.info("pipeline %s: goes on starting engine %d", self.pipeline, found.process.pid)
            self._task(self._proven(found), found.record.instance)
        if live is not None:
            _log.info("pipeline %s: took engine %d back", self.pipeline, self._running[live].process.pid)

    async def _carry_out(self, command: Command) -> None:
        match command:
            case Prepare():
                self._task(self._prepare(command), command.instance)
            case Start():
                self._task(self._start(command, self._prepared.pop(command.instance)), command.instance)
            case Reload():
                self._task(self._reload(command, self._prepared.pop(command.instance)), command.instance)
            case Stop():
                if found := self._running.get(command.instance):
                    self._task(self._drain(found, command.drain_seconds))
            case Wake():
                self._task(self._wake(command))
            case Tell():
                await self._telling.tell(command)

    def _task(self, work: Coroutine[Any, Any, None], instance: int | None = None) -> None:
        task = asyncio.create_task(self._guarded(work, instance))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], instance: int | None) -> None:
        try:
            await work
        except Exception as error:
            _log.exception("pipeline %s: an unexpected error in the agent", self.pipeline)
            if instance is not None:
                # Without an event the pipeline would wait for this for ever.
                reason, name = ReportReason.AGENT_ERROR, type(error).__name__
                await self._failed(instance, Unhealthy(reason, f"an unexpected error in the agent: {name}"))

    async def _wake(self, command: Wake) -> None:
        await asyncio.sleep(varied(command.seconds, less=0, more=_JITTER))
        await self._events.put(Woke(command.timer, time.monotonic()))

    async def _prepare(self, command: Prepare) -> None:
        adopting = self._context.adopting
        try:
            await adopting.linked(command.spec)
            made = await prepare(self._context, command.spec, command.instance, check=command.check)
        except (NotPrepared, CannotTakeOver) as error:
            passed = error.transient or self._past(command.spec)
            await adopting.failed(self.pipeline, str(error), transient=passed)
            await self._events.put(
                Failed(
                    instance=command.instance,
                    at=time.monotonic(),
                    reason=error.reason,
                    message=str(error),
                    output=error.output,
                    transient=error.transient,
                    patience=error.patience,
                )
            )
            return
        self._prepared[command.instance] = made
        await self._events.put(Prepared(command.instance))

    def _past(self, spec: BundlePipeline) -> bool:
        """Whether something else is asked for by now: how this one went says nothing about that."""
        wanted = self._desired.spec if self._desired is not None else None
        return wanted is not None and spec_key(wanted) != spec_key(spec)

    async def _start(self, command: Start, made: Instance) -> None:
        adopting = self._context.adopting
        try:
            await adopting.swap(
                command.spec, places(self._context, self.pipeline, command.instance).configuration
            )
            found = await start(self._context, made, self._running)
        except (Unhealthy, CannotTakeOver) as error:
            # With the ports that it was tried with last.
            tried = self._running.pop(command.instance, None)
            once_more = isinstance(error, CannotTakeOver) and error.transient
            passed = once_more or self._past(command.spec)
            await adopting.failed(self.pipeline, str(error), transient=passed)
            await self._tidying.forget(tried.record if tried is not None else made)
            await self._failed(command.instance, error)
            return
        await adopting.taken(command.spec)
        self._watch(found)
        await self._events.put(Healthy(command.instance, time.monotonic()))

    async def _proven(self, found: Found) -> None:
        """Go on with a start that an earlier agent had begun: what is left is to find the engine healthy."""
        spec, adopting = found.record.spec, self._context.adopting
        try:
            await prove(self._context, found)
        except Unhealthy as error:
            await adopting.failed(self.pipeline, str(error), transient=False)
            await self._failed(found.record.instance, error)
            return
        await adopting.taken(spec)
        await self._events.put(Healthy(found.record.instance, time.monotonic()))

    async def _reload(self, command: Reload, made: Instance) -> None:
        found = self._running.get(command.live)
        if found is None:  # its watcher tells that it ended
            await self._tidying.forget(made)
            return
        try:
            reloaded = await reload(self._context, found, made)
        except Unhealthy as error:
            if found.process.alive():
                await self._failed(command.instance, error)
            return
        finally:
            await self._tidying.forget(made)
        if command.live in self._running:
            self._running[command.live] = reloaded
            await self._events.put(Healthy(command.instance, time.monotonic()))

    async def _failed(self, instance: int, error: Unhealthy | CannotTakeOver) -> None:
        failed = Failed(
            instance=instance,
            at=time.monotonic(),
            reason=error.reason,
            message=str(error),
            output=error.output,
        )
        await self._events.put(failed)

    def _watch(self, found: Found) -> None:
        self._running[found.record.instance] = found
        self._task(self._await_end(found.record.instance, found.process))

    async def _await_end(self, instance: int, process: Process) -> None:
        code = await process.ended()
        found = self._running.pop(instance, None)
        if found is None:
            return  # watched twice, as the first adoption had failed half way
        lines = await asyncio.to_thread(last_lines, self._context, found.record)
        await self._counting.keep(self._running.values())
        await self._tidying.forget(found.record)
        await self._events.put(
            Exited(
                instance=instance,
                at=time.monotonic(),
                reason=reason_of(lines, code),
                message=exit_words(code),
                output=lines,
            )
        )

    async def _drain(self, found: Found, seconds: float | None = None) -> None:
        """End an engine gracefully, reading its counters to the last."""
        drain = found.record.spec.drain_seconds if seconds is None else seconds
        await self._counting.read(found)
        ending = asyncio.create_task(end(self._layout, found, drain))
        try:
            while not ending.done():
                await self._counting.read(found)
                await asyncio.wait([ending], timeout=_DRAIN_READ_SECONDS)
            if not ending.result():
                _log.warning(
                    "pipeline %s: the engine did not end in %s s and was killed", self.pipeline, drain
                )
        finally:
            ending.cancel()

    def specs(self) -> list[BundlePipeline]:
        """Specifications whose files and secrets are needed."""
        state, ordered = self.state, self._desired.spec if self._desired is not None else None
        running = (found.record.spec for found in self._running.values())
        specs = (ordered, state.wanted, state.applied, state.candidate, *running)
        return [spec for spec in specs if spec is not None]

    def _instances(self) -> set[int]:
        """Engines that run or are about to, and the one that is only checked aside."""
        return {*self._running, *self._prepared, self.state.instance or 0, self._spare}
