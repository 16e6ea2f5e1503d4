"""The node's own policy, which outranks the control plane, and the check of a configuration against it."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from vectorflow_agent.core.exposition import OWN_PREFIX
from vectorflow_wire.bundles import StoreRef

_KINDS: Final = ("sources", "transforms", "sinks")
_TABLES: Final = "enrichment_tables"
_NODE_LOCAL: Final = ("data_dir", "api", "secret", "provider")
_FILE_KEYS: Final = frozenset({"include", "path", "base_dir", "working_directory", "directory"})
_HTTP_PATH_TYPES: Final = frozenset({"http_server", "http", "prometheus_remote_write", "websocket_server"})
_FILE_OPTION = re.compile(r"_file$|^files?$")
_LISTENING_SINKS: Final = frozenset({"prometheus_exporter", "websocket_server"})
_DESTINATION_KEYS: Final = frozenset({"uri", "endpoint", "endpoints", "address", "url", "host", "hosts"})
_PLACEHOLDER = re.compile(r"[*?\[{%]")


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of each engine; None leaves the system's own.

    `memory_bytes`, `processes` and `cpus` (2.5 is two and a half) are those of a control group where
    the agent has one to give. Elsewhere memory is the address space of the process and `processes`
    counts all of the engine's user; `cpus` is not limited then.
    """

    memory_bytes: int | None = None
    open_files: int | None = None
    processes: int | None = None
    cpus: float | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may run on this node, whoever asks. None means no restriction.

    `file_roots` are folders that options naming files must stay inside. `destinations` are patterns
    for the hosts that sinks may name. `environment` lists variables passed on to engines. `groups`
    are the system's groups that engines belong to, for logs that only a group may read;
    `low_ports` lets them listen below port 1024. Both count where engines have users of their own.
    `tap_redact` are names of fields that taps replace besides the usual ones, `tap_keep` kinds of texts that
    they let pass (see `event_redaction.KINDS`).
    `release_keys` are whose index of releases is believed, base64 each; empty: those built into the agent.
    Without `logs` no log line leaves the node.
    `secret_stores` are the types of stores that engines may ask for secrets with the node's own identity.
    `adopt_root` lets a Vector that ran as root go on as root when it is taken over.
    """

    deny_components: tuple[str, ...] = ("exec",)
    allow_components: tuple[str, ...] | None = None
    file_roots: tuple[str, ...] | None = None
    destinations: tuple[str, ...] | None = None
    environment: tuple[str, ...] = ()
    secret_stores: tuple[str, ...] = ()
    adopt_root: bool = False
    tap: bool = True
    logs: bool = True
    tap_redact: tuple[str, ...] = ()
    tap_keep: tuple[str, ...] = ()
    updates: bool = True
    release_keys: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    low_ports: bool = False
    limits: Limits = Limits()


def violations(policy: Policy, config: dict[str, Any], held: Collection[str] = ()) -> list[str]:
    """What in a compiled configuration this node does not allow, each in one sentence.

    `held` are the texts that stand for files which the agent itself writes, such as private keys.
    """
    found = []
    for kind, component, options in _components(config):
        where = f"{kind[:-1]} {component!r}"
        found += [f"{where}: {problem}" for problem in _type_problems(policy, options)]
        found += [f"{where}: {problem}" for problem in _file_problems(policy, options, held)]
        if kind == "sinks" and options.get("type") not in _LISTENING_SINKS:
            found += [f"{where}: {problem}" for problem in _destination_problems(policy, options)]
    return found


def store_violations(policy: Policy, stores: Iterable[StoreRef]) -> list[str]:
    """Which secret stores this node does not let its engines ask, each in one sentence."""
    return [
        f"the engine may not ask stores of type {store.type!r} on this node (secret_stores)"
        for store in stores
        if store.type not in policy.secret_stores
    ]


def reserved(config: dict[str, Any]) -> list[str]:
    """What in a compiled configuration belongs to the agent, each in one sentence."""
    found = [
        f"{key!r} is set by the agent and must not be in a pipeline" for key in _NODE_LOCAL if key in config
    ]
    found += [
        f"component id {component!r} is reserved for the agent"
        for _, component, _ in _components(config)
        if component.startswith(OWN_PREFIX)
    ]
    return found


def _components(config: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind in (*_KINDS, _TABLES):
        section = config.get(kind)
        if isinstance(section, dict):
            for component, options in section.items():
                if isinstance(options, dict):
                    yield kind, str(component), options


def _type_problems(policy: Policy, options: dict[str, Any]) -> Iterator[str]:
    kind = str(options.get("type", ""))
    if kind in policy.deny_components:
        yield f"components of type {kind!r} are not allowed on this node"
    elif policy.allow_components is not None and kind not in policy.allow_components:
        yield f"components of type {kind!r} are not on this node's list"


def _file_problems(policy: Policy, options: dict[str, Any], held: Collection[str]) -> Iterator[str]:
    if policy.file_roots is None:
        return
    skip = {"path"} if options.get("type") in _HTTP_PATH_TYPES else set()
    for key, value in _strings(options):
        if key in skip or not (key in _FILE_KEYS or _FILE_OPTION.search(key)):
            continue
        if value not in held and not value.startswith("files/") and not _inside(value, policy.file_roots):
            yield f"{key} {value!r} is outside the folders this node allows"


def _inside(path: str, roots: tuple[str, ...]) -> bool:
    if ".." in path.split("/"):
        return False
    # What stands before the first placeholder is all that is certain about a template or a glob.
    fixed = _PLACEHOLDER.split(path, maxsplit=1)[0]
    certain = fixed if fixed == path else fixed.rpartition("/")[0] + "/"
    folder = posixpath.normpath(certain) if certain else ""
    return any(
        folder == root or folder.startswith(root.rstrip("/") + "/") for root in map(posixpath.normpath, roots)
    )


def _destination_problems(policy: Policy, options: dict[str, Any]) -> Iterator[str]:
    if policy.destinations is None:
        return
    for key, value in _strings(options):
        if key not in _DESTINATION_KEYS:
            continue
        host = urlsplit(value if "://" in value else f"//{value}").hostname or ""
        if not any(fnmatchcase(host, pattern) for pattern in policy.destinations):
            yield f"{key} names the host {host!r}, which this node does not allow"


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
