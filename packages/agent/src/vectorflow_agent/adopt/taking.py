"""The agent's side of take-overs: stands between the bundle and the runner of a pipeline that is taken over.

The runner asks at three moments: before it prepares (`linked`), when all is checked and the engine is about to
be started (`swap`), and when that has failed or gone well. The loop does the rest: it notices what somebody asks
for on this machine, finishes what an agent that was killed had begun, and hands back.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from vectorflow_agent.adopt.journal import JournalDamaged, journal_write, journals
from vectorflow_agent.adopt.old import Old, OldFailed
from vectorflow_agent.adopt.systemctl import Systemctl
from vectorflow_agent.adopt.types import Step, TakeOver
from vectorflow_agent.core.policy import Policy
from vectorflow_agent.core.types import Phase, State
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import Layout, folder
from vectorflow_agent.shell.secrets import document
from vectorflow_agent.shell.users import Account, users_wanted
from vectorflow_wire.bundles import Bundle, BundlePipeline, DesiredState
from vectorflow_wire.messages import ReportReason

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.3
_STALE_SECONDS: Final = 120.0
_OVER: Final = frozenset({Step.REFUSED, Step.ROLLED_BACK})
_BACK: Final = frozenset({Step.RETURNING, Step.RETURNED})
_MIDWAY: Final = frozenset({Step.STOPPING, Step.STOPPED})
_ATTEMPTS: Final = 1000


class CannotTakeOver(Exception):
    """The engine is not started in the old Vector's place; the message says why."""

    reason = ReportReason.POLICY
    output: tuple[str, ...] = ()
    patience = 0.0

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class HasState(Protocol):
    """A pipeline's runner, as far as it is looked at here."""

    @property
    def state(self) -> State:
        """How it is with the pipeline now."""


class HasBundle(Protocol):
    """The link to the control plane, as far as it is looked at here."""

    bundle: Bundle | None


class Adopting:
    """The take-overs of one agent."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._layout = Layout(settings.state)
        self._policy = policy
        self._users = users_wanted(settings)
        self._root = Path(settings.host_root)
        self._systemctl = Systemctl(settings.systemctl)
        self._records: dict[str, TakeOver] = {}
        self._lock = asyncio.Lock()
        self._damage = ""

    async def load(self) -> None:
        """Read the journals that are on disk. Raises OSError."""
        try:
            found = await asyncio.to_thread(lambda: list(journals(self._layout.root)))
        except JournalDamaged as error:
            # Looked at several times a second, and told once.
            if str(error) != self._damage:
                _log.error("%s", error)
            self._damage = str(error)
            return
        known, self._records = self._records, {record.id: record for record in found}
        for record in found:
            # Which pipeline it is was found out here, and is not on disk before the next step.
            before = known.get(record.id)
            if before is not None and not record.pipeline_id and before.attempt == record.attempt:
                self._records[record.id] = msgspec.structs.replace(record, pipeline_id=before.pipeline_id)

    def of(self, pipeline: str) -> TakeOver | None:
        """The take-over that a pipeline is the subject of, by its id."""
        return next((each for each in self._records.values() if each.pipeline_id == pipeline), None)

    def adjusted(self, spec: BundlePipeline) -> BundlePipeline:
        """What a bundle says about a pipeline, as far as somebody on this machine has not said otherwise."""
        record = self._matching(spec)
        if record is None or spec.state != DesiredState.RUN:
            return spec
        old = record.unit or f"process {record.pid}"
        if record.step in _BACK:
            why = f"it was handed back to {old} on this node"
            return msgspec.structs.replace(spec, state=DesiredState.STOP, reason=why)
        if record.step in _OVER:
            why = f"taking over {old} did not work: {record.message}"
            return msgspec.structs.replace(spec, state=DesiredState.HOLD, reason=why)
        # What was refused once is tried again because somebody asked for it again.
        return msgspec.structs.replace(spec, attempt=spec.attempt + _ATTEMPTS * (record.attempt - 1))

    def _matching(self, spec: BundlePipeline) -> TakeOver | None:
        known = self.of(spec.id)
        if known is not None:
            return known
        named = {spec.id, spec.name}
        for record in self._records.values():
            if not record.pipeline_id and record.pipeline in named:
                matched = msgspec.structs.replace(record, pipeline_id=spec.id)
                self._records[record.id] = matched
                return matched
        return None

    def account(self, pipeline: str) -> tuple[Account | None, tuple[int, ...]] | None:
        """The old Vector's user and groups, which the engine has too; None when it is not taken over.

        No account is the agent's own: root.
        """
        record = self.of(pipeline)
        if record is None or record.step in _BACK or not self._users:
            return None
        return (Account(record.uid, record.gid), record.groups) if record.uid else (None, ())

    def environment(self, pipeline: str) -> dict[str, str]:
        """What of the old Vector's environment the node's policy passes on."""
        record = self.of(pipeline)
        if record is None:
            return {}
        allowed = set(self._policy.environment)
        return {
            name: value
            for name, value in record.environment.items()
            if name in allowed and not name.startswith(("VECTORFLOW_", "VECTOR_"))
        }

    async def linked(self, spec: BundlePipeline) -> None:
        """Have the pipeline's data folder be the old Vector's. Raises CannotTakeOver, OSError."""
        async with self._lock:
            # Somebody may have asked a moment ago.
            await self.load()
        record = self._matching(spec)
        if record is None or record.step in _BACK:
            return
        if not self._users and record.uid != os.geteuid():
            raise CannotTakeOver(
                "the old Vector runs as another user than this agent; run the agent as root with users for engines"
            )
        if record.uid == 0 and self._users and not self._policy.adopt_root:
            raise CannotTakeOver(
                "the old Vector runs as root, and the node's policy does not allow that (adopt_root)"
            )
        await asyncio.to_thread(self._link, spec.id, Path(record.data_dir))

    def _link(self, pipeline: str, data_dir: Path) -> None:
        link = self._layout.pipeline(pipeline).data
        folder(link.parent)
        if link.is_symlink():
            if Path(os.readlink(link)) == data_dir:
                return
            link.unlink()
        elif link.is_dir():
            if any(link.iterdir()):
                raise CannotTakeOver("the pipeline has run on this node before and has data of its own here")
            link.rmdir()
        if not data_dir.is_dir():
            raise CannotTakeOver(f"the old Vector's data folder {data_dir} is not there")
        if os.statvfs(data_dir).f_flag & os.ST_RDONLY:
            raise CannotTakeOver(
                f"the old Vector's data folder {data_dir} is read-only for the agent's service, "
                "which needs it in ReadWritePaths="
            )
        link.symlink_to(data_dir)

    async def swap(self, spec: BundlePipeline, configuration: Path) -> None:
        """All is checked: end the old Vector and keep it from starting. Raises CannotTakeOver, OSError."""
        async with self._lock:
            record = self._matching(spec)
            if record is None or record.step == Step.TAKEN:
                return
            if record.step not in {Step.WAITING, *_MIDWAY}:
                raise CannotTakeOver(
                    f"{record.unit or 'the old Vector'} has its place on this node ({record.step})"
                )
            if not self._layout.pipeline(spec.id).data.is_symlink():
                raise CannotTakeOver(
                    "it was asked for while the engine was being prepared; once more", transient=True
                )
            if record.step == Step.WAITING and not record.accept_missing:
                lost = await asyncio.to_thread(_lost, record, configuration)
                if lost:
                    raise CannotTakeOver(
                        "the old Vector keeps a position or a buffer for "
                        + ", ".join(lost)
                        + ", which the pipeline does not have: events would be lost or read again. Keep the names, "
                        "or take over with --accept-missing"
                    )
            if record.step != Step.STOPPED:
                began = record.stop_began or now_ms()
                record = await self._step(record, Step.STOPPING, stop_began=began)
            old = self._old(record)
            try:
                # In this order: one that cannot be kept from starting is not stopped.
                await asyncio.to_thread(old.block)
                await asyncio.to_thread(old.stop)
            except OldFailed as error:
                raise CannotTakeOver(str(error)) from error
            await self._step(record, Step.STOPPED)

    async def taken(self, spec: BundlePipeline) -> None:
        """The engine was found healthy in the old Vector's place. Raises OSError."""
        async with self._lock:
            record = self.of(spec.id)
            if record is not None and record.step in _MIDWAY:
                pause = max(0, now_ms() - record.stop_began)
                await self._step(record, Step.TAKEN, pause_ms=pause, revision=spec.revision, message="")
                _log.warning("%s was taken over with a pause of %d ms", record.id, pause)

    async def failed(self, pipeline: str, message: str, *, transient: bool) -> None:
        """The engine did not come up: have the old Vector back if it was stopped. Raises OSError."""
        async with self._lock:
            record = self.of(pipeline)
            if record is None:
                return
            if record.step in _MIDWAY:
                await self._roll_back(record, message)
            elif record.step == Step.WAITING and not transient:
                await self._step(record, Step.REFUSED, message=message)

    async def _roll_back(self, record: TakeOver, message: str) -> None:
        old = self._old(record)
        try:
            await asyncio.to_thread(old.give_back)
        except OldFailed as error:
            message = f"{message}; and {error}"
        await self._step(record, Step.ROLLED_BACK, message=message)

    def _old(self, record: TakeOver) -> Old:
        return Old(record, self._layout.root, self._root, self._systemctl)

    async def _step(self, record: TakeOver, step: str, **changes: Any) -> TakeOver:
        record = msgspec.structs.replace(record, step=step, at=now_ms(), **changes)
        await asyncio.to_thread(journal_write, self._layout.root, record)
        self._records[record.id] = record
        _log.warning("taking over %s: %s %s", record.id, step, record.message)
        return record

    async def loop(
        self,
        runners: Mapping[str, HasState],
        link: HasBundle,
        apply: Callable[[Bundle], Awaitable[None]],
    ) -> None:
        """Notice what somebody asks for, finish what was begun, and have the present bundle applied anew."""
        seen = self._asked()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._lock:
                await self.load()
            if (asked := self._asked()) != seen:
                seen = asked
                if link.bundle is not None:
                    await apply(link.bundle)
            for state in [runner.state for runner in runners.values()]:
                about = self.of(state.pipeline)
                if about is not None:
                    await self._look_after(about, state)

    def _asked(self) -> dict[str, tuple[str, int]]:
        return {name: (record.step, record.attempt) for name, record in self._records.items()}

    async def _look_after(self, record: TakeOver, state: State) -> None:
        if record.step == Step.WAITING and state.live is not None:
            await self.failed(state.pipeline, "the pipeline runs on this node already", transient=False)
        elif record.step in _MIDWAY and state.live is not None and state.applied is not None:
            # An agent that was killed had found it healthy, and could not write that down any more.
            await self.taken(state.applied)
        elif record.step in _MIDWAY and now_ms() - record.at > _STALE_SECONDS * 1000:
            if state.phase not in {Phase.PREPARING, Phase.STARTING}:
                await self.failed(state.pipeline, "the new engine was not started in time", transient=False)
        elif (
            record.step == Step.RETURNING
            and state.live is None
            and state.phase in {Phase.IDLE, Phase.BACKOFF}
        ):
            await self._return(record)

    async def _return(self, record: TakeOver) -> None:
        async with self._lock:
            message = ""
            old = self._old(record)
            try:
                await asyncio.to_thread(old.give_back)
            except OldFailed as error:
                message = str(error)
            link = self._layout.pipeline(record.pipeline_id).data
            if link.is_symlink():
                link.unlink()
            await self._step(record, Step.RETURNED, message=message)


def _lost(record: TakeOver, configuration: Path) -> list[str]:
    return orphans(Path(record.data_dir), document(configuration.read_text(encoding="utf-8")))


def orphans(data_dir: Path, config: dict[str, Any]) -> list[str]:
    """Components that the old Vector keeps something for in its data folder, and that the pipeline does not have."""
    sources, sinks = config.get("sources") or {}, config.get("sinks") or {}
    kept = {path.parent.name for path in data_dir.glob("*/checkpoints.json")} - set(sources)
    buffers = data_dir / "buffer" / "v2"
    if buffers.is_dir():
        kept |= {path.name for path in buffers.iterdir() if path.is_dir() and any(path.iterdir())} - set(
            sinks
        )
    return sorted(kept)


def now_ms() -> int:
    """The time as the journals have it: epoch milliseconds."""
    return time.time_ns() // 1_000_000
