"""What somebody on this machine asks for: a take-over of what was observed, and the way back."""

import os
import pwd
from pathlib import Path

import msgspec
import yaml

from vectorflow_agent.adopt.inventory import observe
from vectorflow_agent.adopt.journal import file_of, journal_write, journals
from vectorflow_agent.adopt.old import Old, OldFailed
from vectorflow_agent.adopt.systemctl import Systemctl
from vectorflow_agent.adopt.taking import now_ms
from vectorflow_agent.adopt.types import Seen, Step, TakeOver
from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.adoption import applied_read, find_instances
from vectorflow_agent.shell.disk import Layout, sha256_hex
from vectorflow_agent.shell.ending import end, end_made_sure
from vectorflow_agent.shell.loopback import Loopback

_OPEN = frozenset({Step.REFUSED, Step.ROLLED_BACK, Step.RETURNED})


class NotAsked(Exception):
    """What was asked for is not possible now; the message says why and what to do."""


def seen_here(settings: Settings) -> list[Seen]:
    """Every Vector on this machine that is not the agent's."""
    layout = Layout(settings.state)
    own = [str(layout.pipelines), str(settings.state), str(settings.engines)]
    return observe(Path(settings.host_root), Systemctl(settings.systemctl), own)


def journal_of(settings: Settings, name: str) -> TakeOver:
    """The take-over of a unit or process. Raises NotAsked."""
    found = {record.id: record for record in journals(settings.state)}
    if name not in found:
        known = ", ".join(found) or "none"
        raise NotAsked(f"there is no take-over of {name}; known are: {known}")
    return found[name]


def take_over_ask(
    settings: Settings,
    policy: Policy,
    name: str,
    pipeline: str,
    *,
    accept_missing: bool,
    stop_seconds: float,
) -> TakeOver:
    """Put down that a Vector is to be taken over by a pipeline. Raises NotAsked, OSError."""
    before = {record.id: record for record in journals(settings.state)}
    known = before.get(name)
    if known is not None and known.step not in _OPEN:
        raise NotAsked(
            f"{name} is being taken over already ({known.step}): see vectorflow-agent adopt status"
        )
    if any(
        each.pipeline == pipeline and each.id != name and each.step not in _OPEN for each in before.values()
    ):
        raise NotAsked(f"the pipeline {pipeline} takes over another Vector already")
    vectors = {each.found.id: each for each in seen_here(settings)}
    if name not in vectors:
        raise NotAsked(f"there is no Vector {name} here; found were: {', '.join(vectors) or 'none'}")
    seen = vectors[name]
    blocking = [each.message for each in seen.found.remarks if each.blocks]
    if blocking:
        raise NotAsked(f"{name} cannot be taken over: {'; '.join(blocking)}")
    record = _record(seen, policy, pipeline, Systemctl(settings.systemctl))
    record = msgspec.structs.replace(
        record,
        accept_missing=accept_missing,
        stop_seconds=stop_seconds,
        attempt=known.attempt + 1 if known else 1,
    )
    journal_write(settings.state, record)
    return record


def _record(seen: Seen, policy: Policy, pipeline: str, systemctl: Systemctl) -> TakeOver:
    found = seen.found
    kept = [file.path for file in found.files]
    if found.unit is not None:
        kept += [*found.unit.files, *found.unit.environment_files]
    return TakeOver(
        id=found.id,
        pipeline=pipeline,
        step=Step.WAITING,
        at=now_ms(),
        unit=found.unit.name if found.unit else "",
        arguments=_words(found.pid) if found.unit is None else (),
        folder=found.folder,
        process_environment=seen.environment if found.unit is None else {},
        pid=found.pid,
        started=found.started,
        was_active=systemctl.active(found.unit.name) if found.unit else True,
        uid=found.uid,
        gid=found.gid,
        groups=tuple(_groups(found.uid, found.gid)),
        data_dir=str(Path(found.data_dir).resolve()),
        environment={name: seen.environment[name] for name in policy.environment if name in seen.environment},
        files={path: digest for path in kept if (digest := _digest(Path(path)))},
    )


def _words(pid: int) -> tuple[str, ...]:
    data = Path(f"/proc/{pid}/cmdline").read_bytes()
    return tuple(os.fsdecode(word) for word in data.split(b"\0")[:-1])


def _groups(uid: int, gid: int) -> list[int]:
    if uid == 0:
        return []
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return []
    # Never root's group: no engine of ours has it.
    return sorted(group for group in os.getgrouplist(name, gid) if group != 0)


def _digest(path: Path) -> str:
    try:
        return sha256_hex(path.read_bytes())
    except OSError:
        return ""


def changed_since(record: TakeOver) -> list[str]:
    """What of the old Vector's own files is not as it was when it was taken over, each in a sentence."""
    found = []
    for path, before in record.files.items():
        now = _digest(Path(path))
        if now != before:
            found.append(f"{path} {'was changed' if now else 'is gone'} since; it is used as it is now")
    return found


def pipeline_since(record: TakeOver, layout: Layout) -> str:
    """In a sentence, whether the pipeline changed since it took over; empty when it did not."""
    if not record.pipeline_id:
        return ""
    applied = applied_read(layout.pipeline(record.pipeline_id)).spec
    if applied is None or applied.revision == record.revision:
        return ""
    return f"the pipeline was changed since (it runs revision {applied.number}); the old Vector does not know of that"


def export(record: TakeOver, layout: Layout) -> str:
    """Put the present configuration next to the old one, under a name that no Vector reads. Gives its path."""
    if not record.pipeline_id:
        return ""
    applied = applied_read(layout.pipeline(record.pipeline_id)).spec
    configurations = [
        Path(path) for path in record.files if Path(path).suffix in {".yaml", ".yml", ".toml", ".json"}
    ]
    if applied is None or not configurations:
        return ""
    stored = layout.pipeline(record.pipeline_id).revision(applied.revision)
    try:
        text = stored.read_text(encoding="utf-8")
        yaml.safe_load(text)
        target = configurations[0].with_name(configurations[0].name + ".vectorflow-present")
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("# As the pipeline ran when it was handed back. Secrets are references.\n" + text)
    except (OSError, yaml.YAMLError):
        return ""
    return str(target)


def hand_back_ask(settings: Settings, name: str) -> TakeOver:
    """Put down that a Vector is to be handed back. Raises NotAsked, OSError."""
    record = journal_of(settings, name)
    if record.step not in {Step.TAKEN, Step.RETURNING, Step.STOPPING, Step.STOPPED}:
        raise NotAsked(f"{name} is not taken over ({record.step}), so there is nothing to hand back")
    exported = export(record, Layout(settings.state))
    record = msgspec.structs.replace(record, step=Step.RETURNING, at=now_ms(), exported=exported)
    journal_write(settings.state, record)
    return record


async def hand_back_alone(settings: Settings, record: TakeOver) -> TakeOver:
    """Hand back without an agent: end the engine, start the old Vector. The caller holds the state's lock."""
    layout = Layout(settings.state)
    message = ""
    if record.pipeline_id:
        uids = {os.geteuid(), record.uid}
        pipeline = layout.pipeline(record.pipeline_id)
        _, instances, _ = find_instances(pipeline, uids)
        loopback = Loopback()
        for each in instances.alive:
            await end_made_sure(pipeline, loopback, each)
            await end(pipeline, each, each.record.spec.drain_seconds)
        await loopback.close()
        link = layout.pipeline(record.pipeline_id).data
        if link.is_symlink():
            link.unlink()
    old = Old(record, settings.state, Path(settings.host_root), Systemctl(settings.systemctl))
    try:
        old.give_back()
    except OldFailed as error:
        message = str(error)
    record = msgspec.structs.replace(record, step=Step.RETURNED, at=now_ms(), message=message)
    journal_write(settings.state, record)
    return record


def forget(settings: Settings, name: str) -> None:
    """Remove a journal of what is over or has not begun. Raises NotAsked, OSError."""
    record = journal_of(settings, name)
    if record.step not in {*_OPEN, Step.WAITING}:
        raise NotAsked(f"{name} is {record.step}: hand it back first")
    file_of(settings.state, name).unlink(missing_ok=True)
