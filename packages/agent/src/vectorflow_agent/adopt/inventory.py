"""Finding the Vectors of this machine. Nothing is changed, no process is disturbed, nothing is asked of them."""

import os
import pwd
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import psutil

from vectorflow_agent.adopt import configuration
from vectorflow_agent.adopt.systemctl import Systemctl
from vectorflow_agent.adopt.types import Remark, Seen, UnitFound, VectorFound
from vectorflow_agent.adopt.units import Unit, command, environment, units
from vectorflow_agent.shell.processes import identify

_T = TypeVar("_T")
PROGRAM: Final = "vector"
_OTHER_COMMANDS: Final = frozenset(
    {
        "validate",
        "test",
        "tap",
        "top",
        "vrl",
        "generate",
        "graph",
        "list",
        "convert-config",
        "generate-schema",
    }
)
_VERSION_SECONDS: Final = 10.0
_UNIT_OF: Final = re.compile(r"/([^/]+\.service)(?:/|$)")


class Running:
    """A process that runs Vector."""

    def __init__(self, process: psutil.Process) -> None:
        self.pid = process.pid
        words = process.cmdline()
        start = 0 if Path(words[0]).name == PROGRAM else 1
        self.words = words
        self.arguments = words[start + 1 :]
        self.program = words[start]
        identity = identify(process.pid)
        self.started = identity.started if identity else ""
        self.uid, self.gid = process.uids().effective, process.gids().effective
        self.folder = _optional(process.cwd, "/")
        self.environment: dict[str, str] = _optional(process.environ, {})
        self.unit = _unit_of(process.pid)


def observe(root: Path, systemctl: Systemctl, own: Sequence[str]) -> list[Seen]:
    """Every Vector on this machine but the agent's own engines, whose arguments hold one of `own`."""
    running = list(_running(own))
    found = []
    for unit in units(root, PROGRAM):
        variables, files, missing = environment(unit, root)
        words = command(unit, variables)
        process = _of_unit(unit, words, running, systemctl)
        if process is not None:
            running.remove(process)
        about = UnitFound(
            name=unit.name,
            files=tuple(map(str, unit.files)),
            environment_files=tuple(files),
            enabled=systemctl.enabled(unit.name),
        )
        remarks = [
            Remark("adopt.environment-file", f"the environment file {name} is not there", blocks=True)
            for name in missing
        ]
        how = _Started(
            id=unit.name,
            arguments=words[1:],
            variables=variables,
            about=about,
            unit=unit,
            process=process,
            remarks=tuple(remarks),
        )
        found.append(_seen(root, how))
    for process in running:
        how = _Started(
            id=f"pid-{process.pid}",
            arguments=process.arguments,
            variables=process.environment,
            process=process,
        )
        found.append(_seen(root, how))
    return found


def _running(own: Sequence[str]) -> Iterator[Running]:
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if not _is_vector(words) or any(part in word for word in words for part in own):
                continue
            if process.status() != psutil.STATUS_ZOMBIE:
                yield Running(process)
        except psutil.Error:
            continue


def _is_vector(words: Sequence[str]) -> bool:
    if not words:
        return False
    # A script is run by its interpreter, which then is the first word.
    scripted = len(words) > 1 and Path(words[0]).name.startswith(("python", "sh", "bash"))
    start = 1 if scripted else 0
    if Path(words[start]).name != PROGRAM:
        return False
    first = next((word for word in words[start + 1 :] if not word.startswith("-")), "")
    return first not in _OTHER_COMMANDS


def _of_unit(
    unit: Unit, words: Sequence[str], running: Sequence[Running], systemctl: Systemctl
) -> Running | None:
    pid = systemctl.main_pid(unit.name)
    for process in running:
        if process.unit == unit.name or (pid and process.pid == pid):
            return process
    if systemctl.there:
        return None
    same = [each for each in running if not each.unit and list(each.arguments) == list(words[1:])]
    return same[0] if len(same) == 1 else None


def _unit_of(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    names = _UNIT_OF.findall(text)
    return names[-1] if names and not names[-1].startswith("user@") else ""


class _Started(msgspec.Struct, frozen=True, kw_only=True):
    """How one Vector is started, from its unit or from its process."""

    id: str
    arguments: Sequence[str]
    variables: Mapping[str, str]
    about: UnitFound | None = None
    unit: Unit | None = None
    process: Running | None = None
    remarks: tuple[Remark, ...] = ()


def _seen(root: Path, how: _Started) -> Seen:
    process, unit = how.process, how.unit
    folder = Path(process.folder if process else (unit.last("WorkingDirectory") if unit else "") or "/")
    told = configuration.told(how.arguments, how.variables)
    read = configuration.read(told, folder=folder, root=root, environment=how.variables)
    user, uid, gid = _user(process, unit)
    version = _version(process)
    found = VectorFound(
        id=how.id,
        unit=how.about,
        pid=process.pid if process else 0,
        started=process.started if process else "",
        user=user,
        uid=uid,
        gid=gid,
        arguments=tuple(how.arguments),
        folder=str(folder),
        version=version,
        files=read.files,
        directory=told.directories[0] if told.directories else "",
        data_dir=str(read.config.get("data_dir", configuration.DEFAULT_DATA_DIR)),
        interpolates=_interpolates(version, how.arguments, how.variables),
        environment=tuple(sorted(how.variables)),
        addresses=configuration.addresses(read.config),
        components=configuration.components(read.config),
        remarks=(*how.remarks, *_remarks(read, told, user, uid, process)),
    )
    return Seen(found=found, environment=dict(how.variables), texts=read.texts, config=read.config)


def _remarks(
    read: configuration.Read, told: configuration.Told, user: str, uid: int, process: Running | None
) -> Iterator[Remark]:
    for file in read.files:
        if file.problem:
            yield Remark("adopt.configuration", f"{file.path}: {file.problem}", blocks=True)
    if not read.files:
        yield Remark("adopt.configuration", "no configuration file was found", blocks=True)
    if (told.files and told.directories) or len(told.directories) > 1:
        yield Remark(
            "adopt.configuration-mixed",
            "files and directories, or several directories, are merged here; check the import against what runs",
        )
    if uid < 0:
        yield Remark("adopt.user", f"the user {user!r} does not exist on this machine", blocks=True)
    if uid == 0:
        yield Remark(
            "adopt.root", "it runs as root; the node's policy must allow that with `adopt_root: true`"
        )
    if process is None:
        yield Remark("adopt.not-running", "it does not run at the moment")


def _user(process: Running | None, unit: Unit | None) -> tuple[str, int, int]:
    if process is not None:
        try:
            return pwd.getpwuid(process.uid).pw_name, process.uid, process.gid
        except KeyError:
            return str(process.uid), process.uid, process.gid
    name = (unit.last("User") if unit else "") or "root"
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return name, -1, -1
    return entry.pw_name, entry.pw_uid, entry.pw_gid


def _version(process: Running | None) -> str:
    """Asked of the program only when nobody but root or we ourselves could have put it there."""
    if process is None:
        return ""
    program = Path(process.program)
    try:
        status = program.stat()
        if not program.is_absolute() or status.st_uid not in {0, os.geteuid()} or status.st_mode & 0o022:
            return ""
        done = subprocess.run(
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=False,
            env={"PATH": os.environ.get("PATH", "")},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = done.stdout.decode("utf-8", "replace").split()
    return words[1][:40] if done.returncode == 0 and len(words) > 1 else ""


def _interpolates(version: str, arguments: Sequence[str], variables: Mapping[str, str]) -> bool:
    if "--dangerously-allow-env-var-interpolation" in arguments:
        return True
    if variables.get("VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION", "").lower() == "true":
        return True
    off = variables.get("VECTOR_DISABLE_ENV_VAR_INTERPOLATION", "").lower() == "true"
    parts = version.split(".")
    old = len(parts) > 1 and parts[0] == "0" and parts[1].isdigit() and int(parts[1]) < 57
    return old and not off


def _optional(call: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return call()
    except psutil.Error:
        return otherwise
