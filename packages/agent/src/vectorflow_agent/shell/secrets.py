"""Opened secrets in a memory-backed folder, in the form Vector's `directory` backend reads.

Values are written JSON-escaped without the outer quotes, because Vector puts them into the text of
the configuration before parsing it. They stand in no environment, argument, log or report.
"""

import logging
import os
import re
import stat
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import yaml

from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import folder, remove_tree, sha256_hex, write_atomic

BACKEND: Final = "vectorflow"
_log = logging.getLogger(__name__)
_REFERENCE = re.compile(r"SECRET\[([\w-]+)\.([\w.\-/]+)\]")
_FILE_END: Final = ".file"
# Stands for what is fetched elsewhere: outside of a double-quoted string it would change the document.
_UNKNOWN_VALUE: Final = 'a"b\\c: d\n- e'
_NAME = re.compile(r"[\w][\w.-]*", re.ASCII)
_ON_DISK: Final = "runtime"
_MEMORY: Final = ("/dev/shm", "/run")  # noqa: S108  the name below is checked to be ours


class SecretsUnusable(Exception):
    """The secrets do not fit the configuration; the message names them, never a value."""


def runtime_folder(settings: Settings) -> Path:
    """The folder for opened secrets: ours alone, in memory if the machine has such a place."""
    if settings.runtime_dir:
        chosen = folder(Path(settings.runtime_dir))
        if not memory_backed(chosen):
            _log.warning("%s is on a disk: opened secrets are written to it", chosen)
        return chosen
    for path in memory_places(settings):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        if _ours_alone(path):
            return path
    _log.warning(
        "no memory-backed folder was found: opened secrets are written to the state folder on disk; "
        "set VECTORFLOW_AGENT_RUNTIME_DIR to a memory-backed one"
    )
    return folder(settings.state / _ON_DISK)


def runtime_place(settings: Settings) -> Path:
    """Where `runtime_folder` would be, without making it."""
    if settings.runtime_dir:
        return Path(settings.runtime_dir)
    for path in memory_places(settings):
        if _ours_alone(path) or (not os.path.lexists(path) and os.access(path.parent, os.W_OK)):
            return path
    return settings.state / _ON_DISK


def leftovers_remove(settings: Settings, runtime: Path) -> None:
    """Remove opened secrets that lie where an earlier agent had them, and this one has not."""
    for path in (*memory_places(settings), settings.state / _ON_DISK):
        ours = path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.getuid()
        if ours and path.resolve() != runtime.resolve():
            _log.warning("%s is no longer where opened secrets lie: it is removed", path)
            remove_tree(path)


def memory_places(settings: Settings) -> list[Path]:
    """Where opened secrets may lie, unless the settings name a folder."""
    name = _runtime_name(settings)
    return [Path(parent) / name for parent in _MEMORY if memory_backed(Path(parent))]


def _ours_alone(path: Path) -> bool:
    """Whether nobody else may read or write there. Users of engines may pass through to what they know by name."""
    try:
        found = path.lstat()
    except OSError:
        return False
    # Anyone may make names in /dev/shm: only a real folder of our own is used.
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o066


def _runtime_name(settings: Settings) -> str:
    return f"vectorflow-agent-{os.getuid()}-{sha256_hex(str(settings.state.resolve()).encode())[:12]}"


def memory_backed(path: Path) -> bool:
    """Whether what is written there stays in memory. Where this cannot be told (no Linux) it is taken on trust."""
    mounts = [
        (Path(each.mountpoint), each.fstype)
        for each in psutil.disk_partitions(all=True)
        if path.resolve().is_relative_to(each.mountpoint)
    ]
    longest = max(mounts, key=lambda mount: len(mount[0].parts), default=None)
    return longest is None or sys.platform != "linux" or longest[1] in {"tmpfs", "ramfs"}


def escaped(value: str) -> str:
    """A value as it stands inside a double-quoted scalar."""
    return msgspec.json.encode(value).decode()[1:-1]


def secrets_write(
    path: Path, values: Mapping[str, str], *, files: Collection[str] = (), group: int | None = None
) -> None:
    """Write one file a secret, readable by us and the group; files of other secrets are removed.

    Of those in `files` the value lies in a file of its own, and the engine is given its path.
    """
    for name in values:
        if not _NAME.fullmatch(name) or name.endswith(_FILE_END):
            raise SecretsUnusable(f"the secret name {name!r} cannot be a file name")
    folder(path, group)
    kept = {*values, *(name + _FILE_END for name in files)}
    for stale in path.iterdir():
        if stale.name not in kept:
            stale.unlink(missing_ok=True)
    for name in files:
        write_atomic(path / (name + _FILE_END), values[name].encode(), group=group, sync=False)
    for name, value in put_in_place(path, values, files).items():
        # Not synced: it is memory, and it is written again at every start.
        write_atomic(path / name, escaped(value).encode(), group=group, sync=False)


def put_in_place(path: Path, values: Mapping[str, str], files: Collection[str]) -> dict[str, str]:
    """What the engine puts into the configuration: values, and for those in `files` the paths."""
    return {
        name: str(path / (name + _FILE_END)) if name in files else value for name, value in values.items()
    }


def secrets_remove(path: Path) -> None:
    """Remove opened secrets that no engine needs any more."""
    remove_tree(path)


def resolved_check(text: str, values: Mapping[str, str], stores: Collection[str] = ()) -> None:
    """Check that putting the secrets into the document changes nothing but the strings they stand in.

    Raises SecretsUnusable. The engine's own validation does not resolve secrets, so a value that
    would break or bend the document must be found here. What the engine fetches from `stores` cannot
    be known; only where it stands is checked.
    """
    for backend, name in _REFERENCE.findall(text):
        if backend in stores:
            continue
        if backend != BACKEND:
            raise SecretsUnusable(f"the configuration uses the unknown secret backend {backend!r}")
        if name not in values:
            raise SecretsUnusable(f"the configuration uses the secret {name!r}, which was not delivered")
        if not values[name]:
            raise SecretsUnusable(f"the secret {name!r} is empty")
    try:
        expected = _filled(document(text), values)
        if document(resolved(text, values)) == expected:
            return
    except SecretsUnusable:
        pass
    raise SecretsUnusable(
        "a secret stands outside a double-quoted string, where its value could change the configuration"
    )


def resolved(text: str, values: Mapping[str, str]) -> str:
    """The document with the secrets in it, as the engine reads it."""
    return _REFERENCE.sub(lambda match: escaped(_value(match, values)), text)


def filled(text: str, values: Mapping[str, str]) -> str:
    """One text of the parsed document with the secrets in it; what an outside store holds stays as it is written."""
    return _REFERENCE.sub(lambda match: values[match[2]] if match[1] == BACKEND else match[0], text)


def document(text: str) -> Any:
    """Parse YAML. Raises SecretsUnusable without quoting the text."""
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        raise SecretsUnusable("the configuration is not valid YAML") from None


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _value(match, values), value)
    if isinstance(value, dict):
        return {_key(key): _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    return values[match.group(2)] if match.group(1) == BACKEND else _UNKNOWN_VALUE


def _key(key: Any) -> Any:
    if isinstance(key, str) and _REFERENCE.search(key):
        raise SecretsUnusable("a secret stands in the name of an option")
    return key
