"""Opened secrets in a memory-backed folder, in the form Vector's `directory` backend reads.

Values are written JSON-escaped without the outer quotes, because Vector puts them into the text of
the configuration before parsing it. They stand in no environment, argument, log or report.
"""

import logging
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import folder, remove_tree, sha256_hex, write_atomic

BACKEND: Final = "vectorflow"
_log = logging.getLogger(__name__)
_REFERENCE = re.compile(r"SECRET\[([\w-]+)\.([\w.\-/]+)\]")
_NAME = re.compile(r"[\w][\w.-]*", re.ASCII)
_MEMORY: Final = ("/dev/shm", "/run")  # noqa: S108  the name below is checked to be ours


class SecretsUnusable(Exception):
    """The secrets do not fit the configuration; the message names them, never a value."""


def runtime_folder(settings: Settings) -> Path:
    """The folder for opened secrets: ours alone, in memory if the machine has such a place."""
    if settings.runtime_dir:
        return folder(Path(settings.runtime_dir))
    name = f"vectorflow-agent-{os.getuid()}-{sha256_hex(str(settings.state.resolve()).encode())[:12]}"
    for parent in _MEMORY:
        path = Path(parent) / name
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            found = path.lstat()
        except OSError:
            continue
        # Anyone may make names in /dev/shm: only a real folder of our own is used.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return path
    _log.warning(
        "no memory-backed folder was found: opened secrets are written to the state folder on disk; "
        "set VECTORFLOW_AGENT_RUNTIME_DIR to a memory-backed one"
    )
    return folder(settings.state / "runtime")


def escaped(value: str) -> str:
    """A value as it stands inside a double-quoted scalar."""
    return msgspec.json.encode(value).decode()[1:-1]


def secrets_write(path: Path, values: Mapping[str, str], group: int | None = None) -> None:
    """Write one file a secret, readable by us and the group; files of other secrets are removed."""
    for name in values:
        if not _NAME.fullmatch(name):
            raise SecretsUnusable(f"the secret name {name!r} cannot be a file name")
    folder(path, group)
    for stale in path.iterdir():
        if stale.name not in values:
            stale.unlink(missing_ok=True)
    for name, value in values.items():
        # Not synced: it is memory, and it is written again at every start.
        write_atomic(path / name, escaped(value).encode(), group=group, sync=False)


def secrets_remove(path: Path) -> None:
    """Remove opened secrets that no engine needs any more."""
    remove_tree(path)


def resolved_check(text: str, values: Mapping[str, str]) -> None:
    """Check that putting the secrets into the document changes nothing but the strings they stand in.

    Raises SecretsUnusable. The engine's own validation does not resolve secrets, so a value that
    would break or bend the document must be found here.
    """
    for backend, name in _REFERENCE.findall(text):
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
    return _REFERENCE.sub(lambda match: escaped(values[match.group(2)]), text)


def document(text: str) -> Any:
    """Parse YAML. Raises SecretsUnusable without quoting the text."""
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        raise SecretsUnusable("the configuration is not valid YAML") from None


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: values[match.group(2)], value)
    if isinstance(value, dict):
        return {_key(key): _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value


def _key(key: Any) -> Any:
    if isinstance(key, str) and _REFERENCE.search(key):
        raise SecretsUnusable("a secret stands in the name of an option")
    return key
