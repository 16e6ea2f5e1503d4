"""Finding again what an earlier agent left: what was applied, and which engines still run."""

import asyncio
import contextlib
import os
import time
from collections.abc import Collection, Mapping

import msgspec

from vectorflow_agent.core.counters import CounterBook
from vectorflow_agent.core.types import Phase, State, spec_key
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import (
    Layout,
    PipelineLayout,
    read_known,
)
from vectorflow_agent.shell.ending import end_made_sure
from vectorflow_agent.shell.instances import Found, Instance, numbers
from vectorflow_agent.shell.processes import Process, ProcessId, find_by_argument, identify
from vectorflow_agent.shell.users import UsersExhausted
from vectorflow_wire.bundles import BundlePipeline, DesiredState
from vectorflow_wire.messages import Report


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What was last found healthy, with its sealed secrets, and which instance runs it.

    `telling` are the reports about it, written here together with it: an agent that is killed before they
    are in the spool finds them here.
    """

    spec: BundlePipeline | None = None
    live: int | None = None
    stopped: bool = False
    telling: tuple[Report, ...] = ()


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


async def instances_found(
    context: Context, pipeline: str, held: Mapping[int, Found]
) -> tuple[Applied, Instances, CounterBook | None]:
    """Find what an earlier agent left of a pipeline, and make sure of its engines: their ports, whether they were told to end.

    One that is `held` already stays the process that it is, since more is known of it than is on disk.
    """
    layout, uids = context.layout.pipeline(pipeline), {os.geteuid()}
    with contextlib.suppress(UsersExhausted):  # then nothing of it runs, and its preparation says why
        account = (await asyncio.to_thread(context.confiner.of, pipeline)).account
        uids |= {account.uid} if account is not None else set()
    applied, instances, book = await asyncio.to_thread(find_instances, layout, uids)
    alive = tuple(_as_held(found, held.get(found.record.instance)) for found in instances.alive)
    for found in alive:
        context.ports.keep(found.record.api_port, found.record.metrics_port)
    await asyncio.gather(*(end_made_sure(layout, context.loopback, found) for found in alive))
    return applied, msgspec.structs.replace(instances, alive=alive), book


def _as_held(found: Found, held: Found | None) -> Found:
    if held is None or held.process.identity != found.process.identity:
        return found
    return msgspec.structs.replace(found, process=held.process)


def find_instances(
    layout: PipelineLayout, uids: Collection[int]
) -> tuple[Applied, Instances, CounterBook | None]:
    """Read what is on disk about a pipeline and look which processes are still there.

    `uids` are the users that its engine may run as.
    """
    applied = applied_read(layout)
    book = read_known(layout.counters, CounterBook, set_aside=False)
    alive = []
    found = numbers(layout)
    for number in found:
        record = read_known(layout.instance(number) / "engine.json", Instance, set_aside=False)
        identity = _identity(layout, record, uids) if record is not None else None
        if record is not None and identity is not None:
            record = msgspec.structs.replace(record, pid=identity.pid, started=identity.started)
            alive.append(Found(record, Process(identity, ends_at=record.ends_at)))
    return applied, Instances(tuple(alive), max(found, default=0)), book


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


def _identity(layout: PipelineLayout, record: Instance, uids: Collection[int]) -> ProcessId | None:
    if record.pid == 0:
        # The agent died between starting the process and writing its id down.
        return find_by_argument(str(layout.instance(record.instance)) + "/", uids)
    identity = ProcessId(record.pid, record.started)
    return identity if identify(record.pid) == identity else None
