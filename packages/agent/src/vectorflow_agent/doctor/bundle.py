"""The support bundle: what somebody who helps needs to know of this machine, and no secret of it.

The archive has the same names each time, is readable by its maker alone and is bounded in size. What
consoles print is never in it, because those are events.
"""

import contextlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import yaml

from vectorflow_agent import __version__
from vectorflow_agent.core.redaction import Redactor, looks_sensitive
from vectorflow_agent.doctor.types import Diagnosis
from vectorflow_agent.settings import Settings, SettingsInvalid, enrolment_token, policy_load
from vectorflow_agent.shell.disk import Layout
from vectorflow_agent.shell.sealing_keys import key_files
from vectorflow_agent.shell.secrets import runtime_place

MOST_BYTES: Final = 8 * 1024 * 1024
"""The most that all files of a bundle have together, before compression."""
_LOG_BYTES: Final = 256 * 1024
_FILE_BYTES: Final = 1024 * 1024
_SECRET_BYTES: Final = 64 * 1024
_JOURNAL_LINES: Final = "2000"
_JOURNAL_SECONDS: Final = 20.0


def bundle_write(path: Path, settings: Settings, diagnosis: Diagnosis) -> int:
    """Write the archive, mode 0600; a file that is there is replaced. Gives its size. Raises OSError."""
    redactor = Redactor(_secrets(settings))
    left_out: list[str] = []
    room = MOST_BYTES
    made = path.with_name(path.name + ".part")
    with open(made, "wb", opener=_private) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in _contents(settings, diagnosis, redactor):
            if len(content) > room:
                left_out.append(name)
                continue
            room -= len(content)
            _add(archive, name, content, diagnosis.at)
        _add(archive, "LEFT-OUT.txt", "\n".join(left_out).encode(), diagnosis.at)
    made.replace(path)
    return path.stat().st_size


def _contents(settings: Settings, diagnosis: Diagnosis, redactor: Redactor) -> Iterator[tuple[str, bytes]]:
    yield "doctor.json", _json(redactor.data(msgspec.to_builtins(diagnosis)))
    yield "settings.json", _json(redactor.data(msgspec.to_builtins(settings)))
    yield "policy.json", _json(redactor.data(_policy(settings)))
    yield "versions.json", _json(redactor.data(_versions()))
    yield "processes.json", _json(redactor.data(_processes(settings)))
    yield "files.json", _json(redactor.data(_files(settings)))
    yield "logs/agent.log", redactor.text(_journal()).encode()
    layout = Layout(settings.state)
    for file in _listed(layout.pipelines, "*/engines/*/engine.log"):
        name = f"{file.parents[2].name}-{file.parent.name}"
        yield f"logs/engine-{name}.log", redactor.text(_tail(file)).encode()
    for pattern in ("*/engines/*/pipeline.yaml", "*/engines/*/node.yaml"):
        for file in _listed(layout.pipelines, pattern):
            name = f"{file.parents[2].name}-{file.parent.name}-{file.name}"
            yield f"configuration/{name}", _configuration(file, redactor)


def _secrets(settings: Settings) -> Iterator[str]:
    """Every secret of this machine that the agent knows of, so that none is missed for its odd look."""
    yield settings.enrolment_token
    with contextlib.suppress(SettingsInvalid):
        yield enrolment_token(settings)
    layout = Layout(settings.state)
    for path in (layout.root / "identity.key", *key_files(layout.root)):
        yield from _lines(path)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        yield str(json.loads(layout.node.read_bytes())["node_token"])
    for path in _listed(runtime_place(settings), "*/*/*"):
        yield from _lines(path)
    for name, value in os.environ.items():
        if looks_sensitive(name):
            yield value


def _lines(path: Path) -> Iterator[str]:
    """A secret file whole and by line: logs hold lines."""
    try:
        if path.is_file() and path.stat().st_size <= _SECRET_BYTES:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            yield text
            # Values are escaped as they stand in a document; the engine prints them unescaped.
            yield text.encode("utf-8", "surrogateescape").decode("unicode_escape", "replace")
            yield from text.splitlines()
    except OSError:
        return


def _policy(settings: Settings) -> Any:
    try:
        return msgspec.to_builtins(policy_load(settings))
    except SettingsInvalid as error:
        return {"problem": str(error)}


def _versions() -> dict[str, Any]:
    return {
        "agent": __version__,
        "python": platform.python_version(),
        "program": sys.executable,
        "system": platform.platform(),
        "machine": platform.machine(),
        "user": os.geteuid(),
        "memory": psutil.virtual_memory().total,
        "cpus": os.cpu_count(),
    }


def _processes(settings: Settings) -> list[dict[str, Any]]:
    """The agent and the engines of this state folder, and no other process of the machine."""
    state = {str(settings.state), str(Layout(settings.state).pipelines)}
    found = []
    for process in psutil.process_iter(
        ["pid", "ppid", "cmdline", "username", "status", "memory_info", "create_time"]
    ):
        info = process.info
        words = info["cmdline"] or []
        if any(word.startswith(part) for word in words for part in state) or "vectorflow_agent" in words:
            memory = info["memory_info"]
            found.append({**info, "memory_info": memory.rss if memory else 0})
    return sorted(found, key=lambda each: each["pid"])


def _files(settings: Settings) -> list[dict[str, Any]]:
    """Names, sizes, owners and modes in the state folder, without any content."""
    found = []
    for path in _listed(settings.state, "**/*")[:5000]:
        try:
            status = path.lstat()
        except OSError:
            continue
        name = str(path.relative_to(settings.state))
        found.append(
            {"name": name, "bytes": status.st_size, "mode": oct(status.st_mode), "user": status.st_uid}
        )
    return found


def _journal() -> str:
    program = shutil.which("journalctl")
    if program is None:
        return "no journal on this machine; the agent's log is where its standard error goes\n"
    try:
        done = subprocess.run(
            [program, "-u", "vectorflow-agent", "-n", _JOURNAL_LINES, "--no-pager", "-o", "short-iso"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_JOURNAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the journal cannot be read: {error}\n"
    return done.stdout.decode("utf-8", "replace")[-_LOG_BYTES * 4 :]


def _configuration(path: Path, redactor: Redactor) -> bytes:
    try:
        if path.stat().st_size > _FILE_BYTES:
            return b"# left out: it is longer than 1 MiB\n"
        value = yaml.safe_load(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, yaml.YAMLError) as error:
        return f"# cannot be read: {type(error).__name__}\n".encode()
    return yaml.safe_dump(redactor.data(value), sort_keys=False).encode()


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"


def _listed(root: Path, pattern: str) -> list[Path]:
    try:
        return sorted(root.glob(pattern))
    except OSError:
        return []


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, default=str).encode() + b"\n"


def _add(archive: tarfile.TarFile, name: str, content: bytes, at: int) -> None:
    entry = tarfile.TarInfo(f"vectorflow-agent/{name}")
    entry.size, entry.mode, entry.mtime = len(content), 0o600, at // 1000
    archive.addfile(entry, io.BytesIO(content))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
