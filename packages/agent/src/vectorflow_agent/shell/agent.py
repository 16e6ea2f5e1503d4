"""The agent put together: boots from disk, then keeps in touch, supervises and tells."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings, SettingsInvalid, enrolment_token
from vectorflow_agent.shell.adoption import applied_read, untold
from vectorflow_agent.shell.client import Gateway, gateway_of
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.confinement import confiner_open
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.describing import Describer
from vectorflow_agent.shell.disk import Layout, folder, lock_take
from vectorflow_agent.shell.engines import Engine, EngineMissing
from vectorflow_agent.shell.heartbeat import Heartbeats, ReportSender
from vectorflow_agent.shell.identity import identity_load, token_digest
from vectorflow_agent.shell.leaving import Leaving, leaving_read, leaving_write, remove_identity, remove_work
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.logs import Logs
from vectorflow_agent.shell.machine import MachineTeller
from vectorflow_agent.shell.obeying import CannotObey, Obeying
from vectorflow_agent.shell.reach import unreachable
from vectorflow_agent.shell.release_store import ReleaseStore
from vectorflow_agent.shell.renewing import Renewing
from vectorflow_agent.shell.runner import Runner
from vectorflow_agent.shell.sealing_keys import protection_find
from vectorflow_agent.shell.secrets import leftovers_remove, runtime_folder, secrets_remove
from vectorflow_agent.shell.slot_files import EXIT_UPDATE
from vectorflow_agent.shell.spool import Spool
from vectorflow_agent.shell.tapping import Taps
from vectorflow_agent.shell.told import Told
from vectorflow_agent.shell.updating import Updating
from vectorflow_agent.shell.upkeep import Upkeep
from vectorflow_agent.shell.withholding import Withholding
from vectorflow_wire.bundles import Bundle
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.keys import KeyListRefused
from vectorflow_wire.messages import Report, ReportKind
from vectorflow_wire.statements import (
    RestartArguments,
    Statement,
    UpdateArguments,
    WipeArguments,
    WipeEngines,
)
from vectorflow_wire.verify import BundleRefused

_log = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 5.0
_RENEWAL_LOOK_SECONDS: Final = 3600.0


class Agent:
    """One agent on one state folder."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._settings = settings
        self._policy = policy
        self._told = Told(_log)
        self._runners: dict[str, Runner] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._refusals_told: set[tuple[str, str]] = set()
        self._context: Context
        self._link: Link
        self._heartbeats: Heartbeats
        self._taps: Taps
        self._leave: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self.exit_code = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises StateLocked when another agent has the folder, OSError."""
        settings, self._stop = self._settings, stop
        layout = Layout(folder(settings.state))
        lock = lock_take(layout.lock)
        gateway = gateway_of(settings)
        try:
            leaving = await asyncio.to_thread(leaving_read, layout)
            if leaving is not None and leaving.done and not _another_token(settings, leaving.token_digest):
                _log.warning("this node has left the control plane; another enrolment token enrols it anew")
            else:
                if leaving is not None and leaving.done:
                    layout.leaving.unlink()
                    leaving = None
                await self._begin(layout, gateway, leaving)
            await stop.wait()
            _log.info("ending; engines %s", "are stopped" if settings.stop_engines else "go on running")
        finally:
            await self._end()
            await gateway.close()
            lock.close()

    async def _begin(self, layout: Layout, gateway: Gateway, leaving: Leaving | None) -> None:
        spool = Spool(layout.spool)
        await spool.load()
        await spool.restore(await asyncio.to_thread(untold, layout))
        runtime = runtime_folder(self._settings)
        await asyncio.to_thread(leftovers_remove, self._settings, runtime)
        self._context = context = Context(
            self._settings,
            self._policy,
            identity=await identity_load(layout, protection_find(self._settings.key_protection)),
            runtime=runtime,
            spool=spool,
            fetch=self._fetch,
            confiner=await asyncio.to_thread(confiner_open, self._settings, self._policy, layout, runtime),
        )
        self._link = Link(
            context,
            gateway,
            self._told,
            apply=self._apply,
            refuse=self._refuse,
            obey=self._obey,
        )
        logs = Logs(context, gateway, self._link, self._told)
        self._taps = Taps(context, gateway, self._link, target=self._tap_target)
        self._obeying = Obeying(
            context,
            self._link,
            self._told,
            restart=self._restart,
            wipe=self._wipe,
            tap=self._taps.open,
            update=self._update,
            lines=logs.level_set,
        )
        await context.adopting.load()
        bundle = await self._link.boot()
        await context.contact.load(bundle)
        if context.identity.sealing.problem:
            self._told.warn("sealing key", context.identity.sealing.problem)
        sender = ReportSender(context, gateway, self._link, self._told)
        self._own("reports", sender.loop)
        if leaving is not None:
            await self._go_on_leaving(leaving)
            return
        await self._say_engine()
        describer = Describer(context, gateway, self._link)
        self._heartbeats = Heartbeats(
            context,
            gateway,
            self._link,
            self._told,
            self._all,
            schema_wanted=describer.want,
            obey=self._obeying.take,
        )
        self._updating = Updating(
            context,
            ReleaseStore(context, gateway, self._link),
            self._link,
            self._told,
            self._heartbeats,
            runners=self._all,
            go=self._make_way,
        )
        # Before anything is asked of the network: what ran before runs again.
        await self._boot(bundle)
        for name, loop in (
            ("poll", self._link.poll_loop),
            ("stream", self._link.stream_loop),
            ("heartbeat", self._heartbeats.loop),
            ("schema", describer.loop),
            ("machine", MachineTeller(context, gateway, self._link).loop),
            ("statements", self._obeying.loop),
            ("renewal", Renewing(context, gateway, self._link, look_seconds=_RENEWAL_LOOK_SECONDS).loop),
            ("updates", self._updating.loop),
            ("upkeep", Upkeep(context, self._link, self._told, self._heartbeats, self._all).loop),
            ("contact", Withholding(context, self._link, self._told, self._all).loop),
            *((("logs", logs.collect_loop), ("log lines", logs.send_loop)) if self._policy.logs else ()),
            ("adopting", lambda: context.adopting.loop(self._runners, self._link, self._apply)),
        ):
            self._own(name, loop)

    def _own(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_for_ever(name, loop), name=name))

    async def _end(self) -> None:
        tasks = [*self._tasks, *([self._leave] if self._leave is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._settings.stop_engines and not self.exit_code:
            await asyncio.gather(*(runner.stop_engines() for runner in self._runners.values()))
            for pipeline in self._runners:
                await asyncio.to_thread(secrets_remove, self._context.runtime / pipeline)
        if hasattr(self, "_context"):
            await self._taps.close()
            await self._context.loopback.close()

    def _make_way(self) -> None:
        """End so that the supervisor tries another version; engines go on."""
        self.exit_code = EXIT_UPDATE
        self._stop.set()

    async def _fetch(self, sha256: str) -> bytes:
        return await self._link.fetch(sha256)

    async def _say_engine(self) -> None:
        try:
            engine = await self._context.engine()
        except EngineMissing as error:
            self._told.warn("engine", str(error))
            return
        _log.info("engine: %s %s at %s", engine.facts.kind, engine.facts.version, engine.binary)
        await self._say_users(engine)
        if engine.embedded:
            _log.warning(
                "the embedded engine runs instead of Vector: it knows a part of Vector's components and "
                "is meant for trying and testing; install Vector for production"
            )

    async def _say_users(self, engine: Engine) -> None:
        context = self._context
        why = await unreachable(context.confiner, engine, context.layout, context.runtime)
        if why and engine.embedded:  # it is for trying things, often from somebody's home folder
            context.confiner.users = None
            _log.warning("engines run as the agent's own user: %s", why)
        elif why:
            self._told.warn("engine users", why)
        elif context.confiner.users is None:
            _log.info("engines run as the agent's own user: only an agent that is root can give each its own")

    async def _boot(self, bundle: Bundle | None) -> None:
        known = sorted(path.name for path in self._context.layout.pipelines.glob("*") if path.is_dir())
        if bundle is not None:
            for pipeline in known:
                self._runner(pipeline)
            await self._apply(bundle)
            return
        for pipeline in known:
            # Without a bundle that can be believed, what was applied is what counts.
            runner = self._runner(pipeline)
            applied = await asyncio.to_thread(applied_read, self._context.layout.pipeline(pipeline))
            if applied.spec is not None:
                runner.desire(self._context.adjusted(applied.spec))

    def _all(self) -> list[Runner]:
        return list(self._runners.values())

    def _runner(self, pipeline: str) -> Runner:
        if pipeline not in self._runners:
            runner = Runner(self._context, pipeline)
            self._runners[pipeline] = runner
            self._own(pipeline, runner.run)
        return self._runners[pipeline]

    async def _apply(self, bundle: Bundle) -> None:
        _log.info(
            "desired state %s.%s with %d pipelines", bundle.generation, bundle.issue, len(bundle.pipelines)
        )
        if bundle.pending:
            # A person has yet to admit the node: its empty list says nothing about what ran here before.
            return
        self._updating.want(bundle)
        named = set()
        for spec in bundle.pipelines:
            try:
                runner = self._runner(spec.id)
            except ValueError as error:
                self._told.warn("bundle", f"a pipeline is left out: {error}")
                continue
            named.add(spec.id)
            runner.desire(self._context.adjusted(spec))
        for pipeline, runner in self._runners.items():
            if pipeline not in named:
                runner.desire(None)

    def _obey(self, statement: Envelope) -> None:
        self._obeying.take(statement)

    def _update(self, statement: str, wish: UpdateArguments) -> int:
        return self._updating.order(statement, wish)

    async def _restart(self, wish: RestartArguments) -> None:
        runner = self._runners.get(wish.pipeline)
        if runner is None or not await runner.restart(wish.drain_seconds):
            raise CannotObey("this pipeline is not running undisturbed on this node")

    def _tap_target(self, pipeline: str) -> int | None:
        runner = self._runners.get(pipeline)
        return runner.api_port if runner is not None else None

    async def _wipe(self, statement: Statement, wish: WipeArguments) -> None:
        enrolment, layout = self._context.enrolment, self._context.layout
        leaving = Leaving(
            statement=statement.id,
            engines=wish.engines,
            drain_seconds=wish.drain_seconds,
            token_digest=enrolment.token_digest if enrolment else "",
        )
        await asyncio.to_thread(leaving_write, layout, leaving)
        self._leave = asyncio.create_task(self._left(leaving), name="leaving")

    async def _go_on_leaving(self, leaving: Leaving) -> None:
        """An earlier agent was killed while it left: find its engines, and leave."""
        folders = [path.name for path in self._context.layout.pipelines.glob("*") if path.is_dir()]
        runners = [self._runner(pipeline) for pipeline in sorted(folders)]
        await asyncio.gather(*(runner.ready.wait() for runner in runners))
        self._leave = asyncio.create_task(self._left(leaving), name="leaving")

    async def _left(self, leaving: Leaving) -> None:
        """Remove everything but what the last report needs, tell it, then remove that too."""
        layout = self._context.layout
        for task in self._tasks:
            if task.get_name() != "reports":
                task.cancel()
        await asyncio.gather(
            *(task for task in self._tasks if task.get_name() != "reports"), return_exceptions=True
        )
        if leaving.engines == WipeEngines.STOP:
            await asyncio.gather(*(runner.stop_engines() for runner in self._runners.values()))
        await asyncio.to_thread(remove_work, layout, self._context.runtime, leaving)
        if not leaving.told:
            wiped = Report(
                node="", sequence=0, at=now_ms(), kind=ReportKind.WIPED, statement=leaving.statement
            )
            await self._context.spool.add(wiped)
            leaving = msgspec.structs.replace(leaving, told=True)
            await asyncio.to_thread(leaving_write, layout, leaving)
        await self._context.spool.emptied()
        await asyncio.to_thread(remove_identity, layout)
        await asyncio.to_thread(leaving_write, layout, msgspec.structs.replace(leaving, done=True))
        _log.warning("this node has left the control plane: state, secrets, token and keys are removed")

    async def _refuse(self, error: BundleRefused | KeyListRefused, etag: str) -> None:
        """Report a refused bundle, once for each."""
        if (error.code, etag) in self._refusals_told:
            return
        if len(self._refusals_told) > 100:
            self._refusals_told.clear()
        self._refusals_told.add((error.code, etag))
        generation, issue = self._context.order
        await self._context.spool.add(
            Report(
                node="",
                sequence=0,
                at=now_ms(),
                kind=ReportKind.REFUSED,
                generation=generation,
                issue=issue,
                reason=error.code,
                message=str(error),
            )
        )


def _another_token(settings: Settings, digest: str) -> bool:
    """Whether another enrolment token is set than the one this node had enrolled with."""
    try:
        token = enrolment_token(settings)
    except SettingsInvalid:
        return False
    return bool(token) and token_digest(token) != digest


async def _for_ever(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop again when it fails unexpectedly: one fault must not end everything else."""
    while True:
        try:
            await loop()
        except Exception:
            _log.exception("%s: an unexpected error; going on in %s s", name, _AGAIN_SECONDS)
        await asyncio.sleep(_AGAIN_SECONDS)
