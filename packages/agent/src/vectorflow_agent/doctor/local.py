"""What can be seen on this machine alone: settings, policy, folders, keys, engines, what was last verified."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.core.policy import Policy
from vectorflow_agent.doctor.catalogue import finding
from vectorflow_agent.doctor.types import Fact, Finding
from vectorflow_agent.settings import (
    DEFAULT_POLICY,
    Settings,
    SettingsInvalid,
    enrolment_token,
    policy_load,
    settings_check,
)
from vectorflow_agent.shell.disk import Layout, lock_held, read_optional
from vectorflow_agent.shell.engines import EngineMissing, engine_find, engine_path
from vectorflow_agent.shell.identity import enrolment_read
from vectorflow_agent.shell.sealing_keys import key_files, protection_find
from vectorflow_agent.shell.secrets import memory_backed, runtime_place
from vectorflow_agent.shell.upkeep import Status
from vectorflow_agent.shell.users import obstacle, users_wanted
from vectorflow_wire import tokens
from vectorflow_wire.messages import EngineKind, PipelineState

Said = Iterator[Fact | Finding]

_LOW_BYTES: Final = 500 * 1024 * 1024
_FULL_BYTES: Final = 10 * 1024 * 1024
_HANGS_SECONDS: Final = 30.0
_WAITING_SECONDS: Final = 300.0
_MIB: Final = 1024 * 1024
_SECRET_FILES: Final = (
    "node.json",
    "identity.key",
    "desired.json",
)
_SEVERE: Final = {
    PipelineState.CRASH_LOOP: "pipeline.crash-loop",
    PipelineState.REFUSED: "pipeline.refused",
    PipelineState.BACKOFF: "pipeline.waiting",
    PipelineState.STARTING: "pipeline.waiting",
}


def look_at_settings(settings: Settings) -> Said:
    """Whether the agent could start with these settings."""
    try:
        settings_check(settings)
    except SettingsInvalid as error:
        yield finding("settings.invalid", str(error))
    else:
        yield Fact("settings", f"gateway {settings.url}")


def look_at_enrolment(settings: Settings) -> Said:
    """Whether this machine is a node, or can become one."""
    try:
        enrolment = enrolment_read(Layout(settings.state))
    except (OSError, ValueError):
        # Told about as damage or as closed.
        return
    if enrolment is not None:
        yield Fact("node", f"enrolled as {enrolment.name or 'unnamed'} ({enrolment.node_id})")
        return
    try:
        token = enrolment_token(settings)
        if not token:
            yield finding("settings.not-enrolled", "not enrolled, and no enrolment token is set")
        else:
            tokens.parse(token, prefixes={tokens.ENROLMENT})
            yield Fact("node", "ready to enrol")
    except (SettingsInvalid, tokens.TokenInvalid) as error:
        yield finding("settings.not-enrolled", str(error))


def look_at_policy(settings: Settings) -> Said:
    """The node's own policy, and what it forbids."""
    try:
        policy = policy_load(settings)
    except SettingsInvalid as error:
        yield finding("policy.invalid", str(error))
        return
    path = Path(settings.policy) if settings.policy else DEFAULT_POLICY
    yield Fact("policy", f"{path}" if path.exists() else "no policy file: the defaults count")
    yield Fact("policy", "; ".join(_forbidden(policy)))


def _forbidden(policy: Policy) -> Iterator[str]:
    if policy.deny_components:
        yield "forbids components " + ", ".join(policy.deny_components)
    if policy.allow_components is not None:
        yield "allows only components " + (", ".join(policy.allow_components) or "none")
    if policy.file_roots is not None:
        yield "files only in " + (", ".join(policy.file_roots) or "no folder")
    if policy.destinations is not None:
        yield "sinks only to " + (", ".join(policy.destinations) or "no host")
    yield f"taps {'allowed' if policy.tap else 'forbidden'}, updates {'allowed' if policy.updates else 'forbidden'}"


def look_at_state(settings: Settings) -> Said:
    """The state folder: there, closed to others, whole, with space."""
    root = settings.state
    try:
        mode = root.stat().st_mode
        names = {path.name for path in root.iterdir()}
    except FileNotFoundError:
        yield finding("state.missing", f"{root} is not there")
        return
    except OSError as error:
        yield finding("state.closed", f"{root}: {error.strerror}")
        return
    yield Fact("state", f"{root}, {shutil.disk_usage(root).free // _MIB} MiB free")
    yield from _space(root)
    if mode & 0o077:
        yield finding("state.loose", f"others can read {root}: run chmod 700 {root}")
    for name in sorted(names & {*_SECRET_FILES, *(path.name for path in key_files(root))}):
        if (root / name).stat().st_mode & 0o077:
            yield finding("state.loose", f"others can read {root / name}: run chmod 600 {root / name}")
    yield from _damage(Layout(root))


def _space(root: Path) -> Said:
    free = shutil.disk_usage(root).free
    if free < _FULL_BYTES:
        yield finding("disk.full", f"{root}: {free // 1024} KiB are left")
    elif free < _LOW_BYTES:
        yield finding("disk.low", f"{root}: {free // _MIB} MiB are left")


def _damage(layout: Layout) -> Said:
    try:
        enrolment_read(layout)
        stored = read_optional(layout.status)
        if stored is not None:
            msgspec.json.decode(stored, type=Status)
    except ValueError as error:
        text = str(error)
        yield finding("state.damaged", text if "damaged" in text else f"{layout.status} is damaged")
    except OSError as error:
        yield finding("state.closed", f"{error.filename}: {error.strerror}")


def look_at_spool(settings: Settings) -> Said:
    """Reports on their way, and those nobody could read."""
    folder = Layout(settings.state).spool
    waiting = sorted(folder.glob("*.json"))
    size = sum(path.stat().st_size for path in waiting)
    yield Fact("spool", f"{len(waiting)} reports waiting, {size} bytes")
    if waiting and (age := time.time() - waiting[0].stat().st_mtime) > _WAITING_SECONDS:
        yield finding("spool.waiting", f"{len(waiting)} reports, the oldest for {age / 60:.0f} minutes")
    if refused := list(folder.glob("*.rejected")):
        yield finding("spool.refused", f"{len(refused)} reports in {folder}")


def look_at_secrets(settings: Settings) -> Said:
    """Where opened secrets lie, and how the key to them is protected."""
    place = runtime_place(settings)
    existing = next(path for path in (place, *place.parents) if path.exists())
    if memory_backed(existing):
        yield Fact("secrets", f"{place}, in memory")
    else:
        yield finding("secrets.on-disk", f"{place} is on a disk")
    protection = protection_find(settings.key_protection)
    yield Fact("keys", protection.words)
    key = Layout(settings.state).root / "sealing.key"
    try:
        stored = read_optional(key)
        opened = protection.open(stored) if stored else None
    except OSError as error:
        yield finding("keys.unreadable", f"{key}: {error.strerror or error}")
        return
    if stored and opened == stored:
        yield finding("keys.plain", f"{key} lies on disk as it is")


def look_at_users(settings: Settings) -> Said:
    """Whom engines run as."""
    if not users_wanted(settings):
        yield Fact("users", "engines run as the agent's own user")
        yield finding("users.shared", "only an agent that is root can give each engine its own user")
        return
    try:
        kind, program = engine_path(settings)
    except EngineMissing:
        return
    blocked = obstacle(Path(program))
    if blocked is None:
        yield Fact("users", f"each pipeline's engine runs as a user of its own, ids {settings.engine_uids}")
    elif kind == EngineKind.EMBEDDED:
        yield Fact(
            "users", f"the embedded engine runs as the agent's own user: {blocked} is closed to others"
        )
    else:
        yield finding("users.blocked", f"{program}: {blocked} is closed to engines' users")


def look_at_engine(settings: Settings) -> Said:
    """The engine's program."""
    try:
        engine = asyncio.run(engine_find(settings))
    except EngineMissing as error:
        yield finding("engine.missing", str(error))
        return
    yield Fact("engine", f"{engine.facts.kind} {engine.facts.version} at {engine.binary}")
    yield Fact("engine", engine.facts.digest)
    if engine.embedded:
        yield finding("engine.embedded", engine.binary)


def look_at_agent(settings: Settings) -> Said:
    """The running agent, and what it says of itself and of its pipelines."""
    layout = Layout(settings.state)
    try:
        running = lock_held(layout.lock)
    except OSError:
        # Told about as a folder that is closed.
        return
    yield Fact("agent", f"{__version__}, {'running' if running else 'not running'}")
    status = _status(layout)
    if not running:
        if settings.state.exists():
            yield finding("agent.stopped", f"no agent holds {layout.lock}")
        return
    if status is None:
        return
    age = time.time() - status.at / 1000
    if age > _HANGS_SECONDS:
        yield finding("agent.hangs", f"its status is {age:.0f} s old")
        return
    for problem in status.problems:
        yield finding("agent.problem", problem)
    if status.heartbeat is None:
        return
    for each in status.heartbeat.pipelines:
        text = (
            f"{each.id} {each.state} revision {each.number}, {each.restarts} restarts {each.message}".strip()
        )
        yield Fact("pipeline", text)
        if kind := _SEVERE.get(each.state):
            yield finding(kind, text)


def _status(layout: Layout) -> Status | None:
    try:
        stored = read_optional(layout.status)
        return msgspec.json.decode(stored, type=Status) if stored else None
    except (OSError, msgspec.MsgspecError):
        return None
