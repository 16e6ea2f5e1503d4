"""Starting an engine until it is healthy, and giving a running one new files."""

import asyncio
import signal
import time
from typing import Final

import msgspec

from vectorflow_agent.core.exposition import configuration_errors, reloads
from vectorflow_agent.core.failures import clean_lines, exit_words, reason_of, reason_of_error
from vectorflow_agent.shell import processes
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context, PortsTaken
from vectorflow_agent.shell.disk import write_atomic
from vectorflow_agent.shell.ending import end
from vectorflow_agent.shell.engines import EngineMissing
from vectorflow_agent.shell.instances import Found, Instance, Places, node_configuration, places
from vectorflow_agent.shell.prepare import NotPrepared, blots, secret_files, secret_values
from vectorflow_agent.shell.secrets import document, secrets_remove, secrets_write
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import ReportReason

_PORT_TRIES: Final = 3
_ASK_SECONDS: Final = 0.1
_HEALTH_TRIES: Final = 4


class Unhealthy(Exception):
    """An engine did not start, or did not take new files; nothing of the new revision runs."""

    def __init__(self, reason: str, message: str, output: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.output = output


def last_lines(context: Context, record: Instance) -> tuple[str, ...]:
    """The engine's own last lines, without secrets; none where it is not known what they must not tell."""
    at = places(context, record.spec.id, record.instance)
    try:
        values = secret_values(context, record.spec)
    except NotPrepared as error:
        return (
            f"the engine's lines stay on the node, since they may hold secrets that cannot be told apart: {error}",
        )
    return clean_lines(processes.tail(at.log), blots(values))


async def start(context: Context, made: Instance, running: dict[int, Found]) -> Found:
    """Start a prepared instance and wait until it is healthy and has stayed up. Raises Unhealthy.

    The process stands in `running` as long as it runs. If one of the agent's own two ports was
    snatched in the meantime, it is tried again with others.
    """
    for _ in range(_PORT_TRIES - 1):
        try:
            return await _start_once(context, made, running)
        except Unhealthy as error:
            if error.reason != ReportReason.PORT_IN_USE or not _own_port(made, error.output):
                raise
        made = await _other_ports(context, made)
        running[made.instance] = msgspec.structs.replace(running[made.instance], record=made)
    return await _start_once(context, made, running)


async def _start_once(context: Context, made: Instance, running: dict[int, Found]) -> Found:
    at = places(context, made.spec.id, made.instance)
    found = await _spawn(context, at, made)
    running[made.instance] = found
    await prove(context, found)
    return found


async def prove(context: Context, found: Found) -> None:
    """Wait until an engine is healthy and stays up. Raises Unhealthy when it does not; it has ended then."""
    ended = asyncio.create_task(found.process.ended())
    try:
        problem = await _until_healthy(context, found, ended)
    finally:
        ended.cancel()
    if problem is None:
        return
    if found.process.alive():
        at = places(context, found.record.spec.id, found.record.instance)
        await end(at.layout, found, found.record.spec.drain_seconds)
        code = None
    else:
        code = await found.process.ended()
        problem = exit_words(code)
    lines = await asyncio.to_thread(last_lines, context, found.record)
    reason = reason_of(lines, code)
    if reason == ReportReason.EXITED and code is None:
        reason = ReportReason.NOT_HEALTHY
    raise Unhealthy(reason, problem, lines)


async def _spawn(context: Context, at: Places, made: Instance) -> Found:
    try:
        engine = await context.engine(made.spec.id)
        confinement = await asyncio.to_thread(context.confiner.of, made.spec.id)
        process = await asyncio.to_thread(
            processes.start,
            engine.run_arguments([at.configuration, at.node_configuration], made.spec.drain_seconds),
            folder=at.layout.root,
            environment=context.environment(made.spec.id),
            stdout=at.output,
            stderr=at.log,
            confinement=confinement,
        )
    except EngineMissing as error:
        raise Unhealthy(ReportReason.ENGINE_MISSING, str(error)) from error
    except OSError as error:
        raise Unhealthy(reason_of_error(error), f"the engine cannot be started: {error.strerror}") from error
    record = msgspec.structs.replace(
        made, pid=process.pid, started=process.identity.started, started_at=now_ms()
    )
    try:
        await asyncio.to_thread(write_atomic, at.record, msgspec.json.encode(record))
    except OSError as error:
        await process.stop(0)
        raise Unhealthy(
            reason_of_error(error), f"the agent cannot write its files: {error.strerror}"
        ) from error
    return Found(record, process)


async def _until_healthy(context: Context, found: Found, ended: "asyncio.Task[int | None]") -> str | None:
    """None when the engine answers its health check in time and stays up; else what went wrong."""
    settings = context.settings
    deadline = time.monotonic() + settings.start_timeout_seconds
    while not await context.loopback.healthy(found.record.api_port):
        await asyncio.wait([ended], timeout=_ASK_SECONDS)
        if ended.done() or time.monotonic() >= deadline:
            return f"the engine did not become healthy within {settings.start_timeout_seconds:g} s"
    await asyncio.wait([ended], timeout=settings.settle_seconds)
    if ended.done() or not await _still_healthy(context, found):
        return "the engine was healthy for a moment only"
    return await _component_problem(context, found, {}, deadline)


async def _still_healthy(context: Context, found: Found) -> bool:
    """Whether it answers well; on a busy machine one answer may be late, which condemns no revision."""
    for _ in range(_HEALTH_TRIES):
        if await context.loopback.healthy(found.record.api_port):
            return True
        if not found.process.alive():
            return False
        await asyncio.sleep(_ASK_SECONDS)
    return False


async def _component_problem(
    context: Context, found: Found, before: dict[str, int], deadline: float
) -> str | None:
    """What is wrong with single components of a healthy engine; None when nothing is known to be.

    `before` are the errors of configuration that the process had counted already.
    """
    record, text = found.record, await _figures(context, found, deadline)
    if text is None:
        # The agent itself has every engine export them, so one that does not tell is not as it should be.
        return (
            "the engine does not tell its figures, so its components may have counted errors of configuration"
        )
    failed = {name for name, count in configuration_errors(text).items() if count > before.get(name, 0)}
    if failed:
        names = ", ".join(sorted(name or "the engine" for name in failed))
        return f"components counted errors of configuration: {names}"
    engine = await context.engine(record.spec.id)
    if engine.embedded:
        return None
    # An API that does not say is no reason to refuse: the process lives, and its health check is good.
    up = await context.loopback.components(record.api_port, engine.facts.version)
    at = places(context, record.spec.id, record.instance)
    wanted = await asyncio.to_thread(_component_ids, at)
    if up is not None and not wanted <= up:
        return f"components did not come up: {', '.join(sorted(wanted - up))}"
    return None


def _component_ids(at: Places) -> set[str]:
    config = document(at.configuration.read_text(encoding="utf-8"))
    return {str(name) for kind in ("sources", "transforms", "sinks") for name in config.get(kind) or {}}


def _own_port(made: Instance, output: tuple[str, ...]) -> bool:
    text = "\n".join(output)
    return str(made.api_port) in text or str(made.metrics_port) in text


async def _other_ports(context: Context, made: Instance) -> Instance:
    try:
        api, metrics = context.ports.take()
    except PortsTaken as error:
        raise Unhealthy(ReportReason.PORT_IN_USE, str(error)) from error
    context.ports.give_back(made.api_port, made.metrics_port)
    made = msgspec.structs.replace(made, api_port=api, metrics_port=metrics, pid=0, started="")
    at = places(context, made.spec.id, made.instance)
    data = msgspec.json.encode(node_configuration(at, made))
    group = context.confiner.of(made.spec.id).group
    await asyncio.to_thread(write_atomic, at.node_configuration, data, group=group)
    return made


async def reload(context: Context, found: Found, made: Instance) -> Found:
    """Give a running engine the files of a prepared instance and prove that it took them.

    Raises Unhealthy after the old files are back and the engine runs them, or when the engine has ended,
    which its watcher tells too.
    """
    old = places(context, made.spec.id, found.record.instance)
    new = places(context, made.spec.id, made.instance)
    before = await _figures(context, found, time.monotonic() + context.settings.start_timeout_seconds)
    if before is None and not found.process.alive():
        raise Unhealthy(ReportReason.EXITED, "the engine ended before it was told to reload")
    if before is None:
        # Nobody could tell whether the reload was done.
        why = "the engine does not tell its figures, so it was not told to reload"
        raise Unhealthy(ReportReason.NOT_HEALTHY, why)
    try:
        group = context.confiner.of(made.spec.id).group
        values = secret_values(context, made.spec)
        old_values = secret_values(context, found.record.spec)
        before_text = await asyncio.to_thread(old.configuration.read_bytes)
        text = await asyncio.to_thread(new.configuration.read_bytes)
        record = msgspec.structs.replace(found.record, spec=made.spec)
        # First: an agent that is killed from here on leaves word that something else may run than what is applied.
        await asyncio.to_thread(write_atomic, old.record, msgspec.json.encode(record))
        await asyncio.to_thread(_secrets_placed, old, record, group)
        await asyncio.to_thread(_put, old, text, values, made.spec, group)
    except NotPrepared as error:
        raise Unhealthy(error.reason, str(error)) from error
    except OSError as error:
        raise Unhealthy(
            reason_of_error(error), f"the agent cannot write its files: {error.strerror}"
        ) from error
    found.process.signal(signal.SIGHUP)
    problem = await _until_reloaded(context, found, before)
    if problem is None:
        return Found(record, found.process)
    if not found.process.alive():
        # What was opened for it may have been put there after its end was seen.
        await asyncio.to_thread(secrets_remove, old.secrets)
        raise Unhealthy(ReportReason.EXITED, "the engine ended while it reloaded")
    lines = await asyncio.to_thread(last_lines, context, found.record)
    lines = clean_lines("\n".join(lines), blots(values))
    await asyncio.to_thread(_secrets_placed, old, found.record, group)
    await asyncio.to_thread(_put, old, before_text, old_values, found.record.spec, group)
    # It may have taken the new files after all; with the old ones in place this is harmless.
    found.process.signal(signal.SIGHUP)
    await asyncio.to_thread(write_atomic, old.record, msgspec.json.encode(found.record))
    raise Unhealthy(ReportReason.RELOAD_REFUSED, problem, lines)


async def _figures(context: Context, found: Found, deadline: float) -> str | None:
    """Return what the engine counts now; None when it does not say so until the deadline (nor at once after), or has ended."""
    tries = 0
    while found.process.alive() and (tries < _HEALTH_TRIES or time.monotonic() < deadline):
        # Empty before it has gathered them for the first time.
        if text := await context.loopback.metrics(found.record.metrics_port):
            return text
        tries += 1
        await asyncio.sleep(_ASK_SECONDS)
    return None


def _secrets_placed(at: Places, made: Instance, group: int | None) -> None:
    """Tell an engine where its secrets lie now. All else stays as it was started with: it cannot change by a reload."""
    node = msgspec.json.decode(at.node_configuration.read_bytes())
    secret = node_configuration(at, made)["secret"]
    if node["secret"] != secret:
        data = msgspec.json.encode({**node, "secret": secret})
        write_atomic(at.node_configuration, data, group=group)


def _put(at: Places, text: bytes, values: dict[str, str], spec: BundlePipeline, group: int | None) -> None:
    secrets_write(at.secrets, values, files=secret_files(spec), group=group)
    write_atomic(at.configuration, text, group=group)


async def _until_reloaded(context: Context, found: Found, before_text: str) -> str | None:
    """None when the engine counted a reload and is healthy after it; else what went wrong."""
    before = reloads(before_text)
    deadline = time.monotonic() + context.settings.start_timeout_seconds
    while time.monotonic() < deadline and found.process.alive():
        text = await context.loopback.metrics(found.record.metrics_port)
        done, failed = reloads(text) if text is not None else before
        if failed > before[1]:
            return "the engine refused to reload and kept the old configuration"
        if done > before[0]:
            await asyncio.sleep(context.settings.settle_seconds)
            if not await _still_healthy(context, found):
                return "the engine was not healthy after the reload"
            return await _component_problem(context, found, configuration_errors(before_text), deadline)
        await asyncio.sleep(_ASK_SECONDS)
    return "the engine did not say that it had reloaded"
