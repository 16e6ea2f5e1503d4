"""Finding again what an earlier agent left: what was applied, and which engines still run."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.core.counters import CounterBook
from vectorflow_agent.core.types import Phase, State, spec_key
from vectorflow_agent.shell.client import Loopback
from vectorflow_agent.shell.disk import (
    Layout,
    PipelineLayout,
    read_known,
    read_optional,
    remove_tree,
    write_atomic,
)
from vectorflow_agent.shell.prepare import Instance
from vectorflow_agent.shell.processes import Process, ProcessId, find_by_argument, identify
from vectorflow_wire.bundles import BundlePipeline, DesiredState
from vectorflow_wire.messages import Report

_log = logging.getLogger(__name__)
_KEPT_LOGS: Final = 3
_END_TRIES: Final = 6
_END_ASK_SECONDS: Final = 0.2


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What was last found healthy, with its sealed secrets, and which instance runs it.

    `telling` are the reports about it, written here together with it: an agent that is killed before they
    are in the spool finds them here.
    """

    spec: BundlePipeline | None = None
    live: int | None = None
    stopped: bool = False
    telling: tuple[Report, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """A running engine and what is written down about it."""

    record: Instance
    process: Process


class Instances(msgspec.Struct, frozen=True):
    """The engines of a pipeline that run, and the highest number any had."""

    alive: tuple[Found, ...]
    highest: int


def applied_read(layout: PipelineLayout) -> Applied:
    """What is applied; nothing when it was never written or is damaged."""
    return read_known(layout.applied, Applied, set_aside=False) or Applied()


def untold(layout: Layout) -> list[Report]:
    """Reports that stand with what is applied; the spool knows which of them it has had."""
    folders = [path for path in layout.pipelines.glob("*") if path.is_dir()]
    return [report for path in folders for report in applied_read(PipelineLayout(path)).telling]


def find_instances(
    layout: PipelineLayout, uids: Collection[int]
) -> tuple[Applied, Instances, CounterBook | None]:
    """Read what is on disk about a pipeline and look which processes are still there.

    `uids` are the users that its engine may run as.
    """
    applied = applied_read(layout)
    book = read_known(layout.counters, CounterBook, set_aside=False)
    alive = []
    numbers = _numbers(layout)
    for number in numbers:
        record = read_known(layout.instance(number) / "engine.json", Instance, set_aside=False)
        identity = _identity(layout, record, uids) if record is not None else None
        if record is not None and identity is not None:
            record = msgspec.structs.replace(record, pid=identity.pid, started=identity.started)
            alive.append(Found(record, Process(identity, ends_at=record.ends_at)))
    return applied, Instances(tuple(alive), max(numbers, default=0)), book


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


def state_found(
    pipeline: str, applied: Applied, instances: Instances, wanted: BundlePipeline | None
) -> State:
    """What an agent begins with, after another that may have been killed in the midst of a hand-over."""
    live = _live_instance(applied, instances)
    # With nothing else running, what was just being started is not ended only to be started again.
    begun = _begun(applied, wanted, instances) if live is None else None
    instance = begun.instance if begun else None
    return State(
        pipeline=pipeline,
        applied=applied.spec,
        live=live,
        cut_off=live if _reload_cut_off(applied, instances, live) else None,
        phase=Phase.STARTING if begun else Phase.IDLE,
        candidate=begun.spec if begun else None,
        instance=instance,
        taken_up=instance,
        stopped=applied.stopped,
        next_instance=instances.highest + 1,
        healthy_at=time.monotonic() if live is not None else None,
    )


def _live_instance(applied: Applied, instances: Instances) -> int | None:
    """The engine that runs what is applied: the one written down, or one that was just being started again.

    The latter was started by an agent that was killed before it had found it healthy.
    """
    if any(found.record.instance == applied.live for found in instances.alive):
        return applied.live
    if applied.spec is None:
        return None
    key = spec_key(applied.spec)
    again = [found.record.instance for found in instances.alive if spec_key(found.record.spec) == key]
    return max(again, default=None)


def _reload_cut_off(applied: Applied, instances: Instances, live: int | None) -> bool:
    """Whether the agent before was giving the live engine another specification than the one applied."""
    if applied.spec is None:
        return False
    key, running = spec_key(applied.spec), [found.record for found in instances.alive]
    return any(record.instance == live and spec_key(record.spec) != key for record in running)


def _begun(applied: Applied, wanted: BundlePipeline | None, instances: Instances) -> Instance | None:
    """The engine that the agent before was starting, or had found healthy without being able to write that down.

    It is the one of the wanted specification, or the newest where only that can tell what ran here: it is proven,
    and goes on until something else is healthy. An order to stop, or to run again what is applied, ends it.
    """
    records = [found.record for found in instances.alive]
    if wanted is not None and wanted.state == DesiredState.STOP:
        return None
    if wanted is not None and wanted.state == DesiredState.RUN:
        key = spec_key(wanted)
        begun = [record for record in records if spec_key(record.spec) == key]
        if begun or (applied.spec is not None and spec_key(applied.spec) == key):
            records = begun
    return max(records, key=lambda record: record.instance, default=None)


def tidy(layout: PipelineLayout, instances: set[int], specs: Sequence[BundlePipeline]) -> None:
    """Remove folders of engines long gone and files that no specification needs; keep the last logs."""
    revisions = {spec.revision for spec in specs}
    files = {reference.sha256 for spec in specs for reference in spec.files}
    gone = [number for number in _numbers(layout) if number not in instances]
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
    for number in set(_numbers(layout)) - instances:
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


def _identity(layout: PipelineLayout, record: Instance, uids: Collection[int]) -> ProcessId | None:
    if record.pid == 0:
        # The agent died between starting the process and writing its id down.
        return find_by_argument(str(layout.instance(record.instance)) + "/", uids)
    identity = ProcessId(record.pid, record.started)
    return identity if identify(record.pid) == identity else None


def _numbers(layout: PipelineLayout) -> list[int]:
    if not layout.instances.is_dir():
        return []
    return sorted(int(path.name) for path in layout.instances.iterdir() if path.name.isdigit())
