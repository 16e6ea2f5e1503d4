"""Updates: another version of the agent or of the engine, as the bundle or a statement wants it.

A version is taken from the signed index alone, checked by digest, tried before it counts, and returned from when it
does not work. Each refusal is reported once, with a reason of its own, and what runs goes on.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.core.failures import clean_lines
from vectorflow_agent.core.policy import Policy
from vectorflow_agent.core.slots import Outcome, Trial
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.engine_change import EngineChange
from vectorflow_agent.shell.engines import clean_environment
from vectorflow_agent.shell.heartbeat import Heartbeats
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.release_store import ReleaseStore, UpdateRefused, this_machine
from vectorflow_agent.shell.runner import Runner
from vectorflow_agent.shell.told import Told
from vectorflow_agent.supervisor import is_supervised
from vectorflow_wire.bundles import Bundle
from vectorflow_wire.messages import EngineKind, PipelineState, Report, ReportKind, ReportReason
from vectorflow_wire.statements import UpdateArguments

_log = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.2
_PREFLIGHT_SECONDS: Final = 60.0
_QUEUE: Final = 16
AGENT: Final = "agent"
ENGINE: Final = "engine"


class Wish(msgspec.Struct, frozen=True):
    """A version that somebody wants here. Wishes of the bundle have no statement."""

    program: str
    version: str
    digest: str
    statement: str = ""


class Updating:
    """Follows wishes, one after another."""

    def __init__(
        self,
        context: Context,
        store: ReleaseStore,
        link: Link,
        told: Told,
        heartbeats: Heartbeats,
        *,
        runners: Callable[[], list[Runner]],
        go: Callable[[], None],
    ) -> None:
        self._context = context
        self._store = store
        self._link = link
        self._told = told
        self._heartbeats = heartbeats
        self._runners = runners
        self._go = go
        self._waiting: asyncio.Queue[Wish] = asyncio.Queue(maxsize=_QUEUE)
        self._not_before: dict[Wish, float] = {}
        self._refusals_told: set[tuple[Wish, str]] = set()
        self._engines = EngineChange(context, runners)

    def want(self, bundle: Bundle) -> None:
        """What the bundle says about versions."""
        for program, wanted in ((AGENT, bundle.agent), (ENGINE, bundle.engine)):
            if wanted is not None and wanted.version and not bundle.pending:
                self._take(Wish(program, wanted.version, wanted.digest))

    def order(self, statement: str, arguments: UpdateArguments) -> int:
        """What a statement says, also again what was refused before; gives how many versions it names."""
        wishes = [
            Wish(program, wanted.version, wanted.digest, statement)
            for program, wanted in ((AGENT, arguments.agent), (ENGINE, arguments.engine))
            if wanted is not None and wanted.version
        ]
        for wish in wishes:
            self._take(wish)
        return len(wishes)

    async def loop(self) -> None:
        """Finish what the agent before began, then follow wishes."""
        await self._confirm()
        await self._tell_outcome()
        while True:
            wish = await self._waiting.get()
            try:
                await self._follow(wish)
            except UpdateRefused as error:
                await self._refused(wish, error)

    def _take(self, wish: Wish) -> None:
        if not self._waiting.full() and self._not_before.get(wish, 0.0) <= time.monotonic():
            self._not_before[wish] = time.monotonic() + _AGAIN_SECONDS
            self._waiting.put_nowait(wish)

    async def _follow(self, wish: Wish) -> None:
        slots = await asyncio.to_thread(self._store.files.read)
        if self._runs(wish):
            if wish.statement:
                await self._tell(ReportKind.STATEMENT_DONE, wish, message=f"{wish.version} runs already")
            return
        if not self._context.policy.updates:
            raise UpdateRefused(ReportReason.POLICY, "the node's policy forbids updates", lasting=True)
        if wish.program == AGENT and not is_supervised(self._store.files.root.parent):
            raise UpdateRefused(
                ReportReason.NOT_SUPERVISED,
                "this agent runs without its supervisor: replace its image or package instead",
                lasting=True,
            )
        index = await self._store.index()
        try:
            release = index.find(
                program=AGENT if wish.program == AGENT else EngineKind.VECTOR,
                version=wish.version,
                digest=wish.digest,
                machine=this_machine(),
            )
        except Exception as error:
            raise UpdateRefused(getattr(error, "code", ReportReason.AGENT_ERROR), str(error)) from error
        if release.digest in slots.failed and not wish.statement:
            raise UpdateRefused(
                slots.failed[release.digest], "it did not work here before; it is tried again when told to"
            )
        _log.info("update: %s %s is fetched", wish.program, wish.version)
        part = await self._store.fetch(release)
        if wish.program == AGENT:
            slot = slots.free()
            await asyncio.to_thread(self._store.unpack, part, slot)
            part.unlink(missing_ok=True)
            slots = slots.filled(slot, release.version, release.digest)
            await self._preflight(slot, release.version)
            trial = Trial(slot=slot, statement=wish.statement, pipelines=self._running())
            await asyncio.to_thread(self._store.files.write, slots.on_trial(trial))
            _log.warning("update: agent %s is tried now, instead of %s", release.version, __version__)
            self._go()
            return
        try:
            await self._engines.change(release, part)
        except UpdateRefused as error:
            if error.lasting:
                failed = slots.with_failed(release.digest, error.reason)
                await asyncio.to_thread(self._store.files.write, failed)
            raise
        await self._tell_done(wish)

    def _runs(self, wish: Wish) -> bool:
        if wish.program == ENGINE:
            facts = self._context.engine_facts
            return facts.version == wish.version and wish.digest in {"", facts.digest}
        slots = self._store.files.read()
        held = slots.held.get(slots.to_run(__version__))
        return __version__ == wish.version and (held is None or wish.digest in {"", held.digest})

    def _running(self) -> tuple[str, ...]:
        return tuple(
            runner.pipeline for runner in self._runners() if runner.status().state == PipelineState.RUNNING
        )

    async def _preflight(self, slot: str, version: str) -> None:
        """Whether the new agent starts at all and reads this node's settings, while this one goes on."""
        command = self._store.files.command(slot, "preflight", sys.argv[2:])
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_own_environment(),
        )
        try:
            async with asyncio.timeout(_PREFLIGHT_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise UpdateRefused(
                ReportReason.DOES_NOT_START, "it did not answer in time", lasting=True
            ) from None
        lines = clean_lines(output.decode("utf-8", "replace"))
        if process.returncode != 0:
            words = lines[-1] if lines else "it said nothing"
            raise UpdateRefused(
                ReportReason.DOES_NOT_START, f"it does not start here: {words}", output=lines, lasting=True
            )
        if not lines or lines[-1].split()[-1:] != [version]:
            raise UpdateRefused(
                ReportReason.DOES_NOT_START, f"it is not {version}, as the index says", lasting=True
            )

    async def _confirm(self) -> None:
        """On trial: say that it works once the gateway believes us and everything that ran runs again."""
        slots = await asyncio.to_thread(self._store.files.read)
        trial = slots.trial
        if trial is None or not trial.begun:
            return
        await self._link.polled.wait()
        await self._heartbeats.answered.wait()
        while set(trial.pipelines) - set(self._running()):  # noqa: ASYNC110  the supervisor limits it
            await asyncio.sleep(_LOOK_SECONDS)
        digest = slots.held[trial.slot].digest
        await asyncio.to_thread(self._store.files.confirm, digest)
        # The supervisor alone writes until it has taken note.
        while (await asyncio.to_thread(self._store.files.read)).trial is not None:  # noqa: ASYNC110  as above
            await asyncio.sleep(_LOOK_SECONDS)

    async def _tell_outcome(self) -> None:
        slots = await asyncio.to_thread(self._store.files.read)
        outcome = slots.outcome
        if outcome is None:
            return
        wish = Wish(AGENT, outcome.version, outcome.digest, outcome.statement)
        if outcome.reason:
            await self._tell_returned(wish, outcome)
        else:
            await self._tell_done(wish)
        await asyncio.to_thread(self._store.files.write, slots.told())

    async def _tell_returned(self, wish: Wish, outcome: Outcome) -> None:
        words = f"{outcome.message}; agent {__version__} runs again"
        self._told.warn("update", words)
        await self._tell(ReportKind.UPDATE_RETURNED, wish, reason=outcome.reason, message=words)
        if wish.statement:
            await self._tell(ReportKind.STATEMENT_REFUSED, wish, reason=outcome.reason, message=words)

    async def _tell_done(self, wish: Wish) -> None:
        self._told.well("update", f"{wish.program} {wish.version} runs")
        await self._tell(ReportKind.UPDATED, wish)
        if wish.statement:
            await self._tell(ReportKind.STATEMENT_DONE, wish, message=f"{wish.program} {wish.version} runs")

    async def _refused(self, wish: Wish, error: UpdateRefused) -> None:
        self._told.warn("update", f"{wish.program} {wish.version}: {error}")
        if (wish, error.reason) in self._refusals_told:
            return
        self._refusals_told.add((wish, error.reason))
        kind = ReportKind.UPDATE_RETURNED if error.returned else ReportKind.UPDATE_REFUSED
        await self._tell(kind, wish, reason=error.reason, message=str(error), output=error.output)
        if wish.statement:
            await self._tell(ReportKind.STATEMENT_REFUSED, wish, reason=error.reason, message=str(error))

    async def _tell(
        self, kind: str, wish: Wish, *, reason: str = "", message: str = "", output: tuple[str, ...] = ()
    ) -> None:
        generation, issue = self._context.order
        answers = kind in {ReportKind.STATEMENT_DONE, ReportKind.STATEMENT_REFUSED}
        await self._context.spool.add(
            Report(
                node="",
                sequence=0,
                at=now_ms(),
                kind=kind,
                generation=generation,
                issue=issue,
                reason=reason,
                message=message,
                engine_output=output,
                statement=wish.statement if answers else "",
                program=wish.program,
                version=wish.version,
            )
        )


def _own_environment() -> dict[str, str]:
    """What the agent itself was started with: its settings, and what every program gets."""
    own = {name: value for name, value in os.environ.items() if name.startswith("VECTORFLOW_")}
    passed = {
        name: os.environ[name] for name in ("VECTOR_BIN", "CREDENTIALS_DIRECTORY") if name in os.environ
    }
    return {**clean_environment(os.environ, Policy()), **passed, **own}
