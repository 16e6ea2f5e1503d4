"""The node's own policy, which outranks the control plane, and the check of a configuration against it."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from vectorflow_agent.core.exposition import OWN_PREFIX
from vectorflow_agent.core.hosts import HostsUnknown, hosts_of, proxy_hosts
from vectorflow_agent.core.naming import files_named, starts_program, strings, type_names
from vectorflow_wire.bundles import StoreRef

_KINDS: Final = ("sources", "transforms", "sinks")
_TABLES: Final = "enrichment_tables"
_NODE_LOCAL: Final = ("data_dir", "api", "secret", "provider")
_SECRET: Final = "SECRET["  # noqa: S105  how a reference to one begins
_PLACEHOLDER = re.compile(r"[*?\[{%]")
_PLAIN_HOST = re.compile(r"[\w.:-]+", re.ASCII)


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
    for the hosts that sinks send to, by an option or because their type does, also through a proxy. `environment` lists variables passed on to engines. `groups`
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


def violations(
    policy: Policy,
    config: dict[str, Any],
    held: Collection[str] = (),
    filled: Callable[[str], str] = str,
) -> list[str]:
    """What in a compiled configuration this node does not allow, each in one sentence, without a secret's value.

    `held` are the texts that stand for files which the agent itself writes, such as private keys. `filled`
    puts secrets into a text, as the engine does; what only an outside store holds stays as it is written.
    """
    found = []
    for kind, component, options in _components(config):
        where = f"{kind[:-1]} {component!r}"
        found += [f"{where}: {problem}" for problem in _type_problems(policy, kind, options)]
        found += [f"{where}: {problem}" for problem in _program_problems(policy, options)]
        found += [f"{where}: {problem}" for problem in _file_problems(policy, options, held)]
        if kind == "sinks":
            found += [f"{where}: {problem}" for problem in _destination_problems(policy, options, filled)]
    found += [
        problem
        for named in proxy_hosts(config.get("proxy"), filled)
        for problem in _host_problems(policy, *named)
    ]
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


def _type_problems(policy: Policy, section: str, options: dict[str, Any]) -> Iterator[str]:
    kind = str(options.get("type", ""))
    names = type_names(section, kind)
    if _SECRET in kind:
        yield "its type must not stand in a secret"
    elif not names.isdisjoint(policy.deny_components):
        yield f"components of type {kind!r} are not allowed on this node"
    elif policy.allow_components is not None and names.isdisjoint(policy.allow_components):
        yield f"components of type {kind!r} are not on this node's list"


def _program_problems(policy: Policy, options: dict[str, Any]) -> Iterator[str]:
    listed = policy.allow_components is None or "exec" in policy.allow_components
    if listed and "exec" not in policy.deny_components:
        return
    for path, text in strings(options):
        if starts_program(path, text):
            yield f"{path[-1]} chooses a program, and this node lets none be started (exec)"


def _file_problems(policy: Policy, options: dict[str, Any], held: Collection[str]) -> Iterator[str]:
    if policy.file_roots is None:
        return
    for path, text in strings(options):
        for file in files_named(str(options.get("type", "")), path, text):
            if file in held or re.fullmatch(r"files/[0-9a-f]+", file):
                continue
            if _SECRET in file or not _inside(file, policy.file_roots):
                yield f"{path[-1]} {file!r} is outside the folders this node allows"


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


def _destination_problems(
    policy: Policy, options: dict[str, Any], filled: Callable[[str], str]
) -> Iterator[str]:
    if policy.destinations is None or "*" in policy.destinations:
        return
    try:
        for named in hosts_of(options, filled):
            yield from _host_problems(policy, *named)
    except HostsUnknown:
        kind = options.get("type")
        yield f"it is not known which hosts sinks of type {kind!r} send to, and this node lists destinations"


def _host_problems(policy: Policy, option: str, written: str, host: str) -> Iterator[str]:
    if policy.destinations is None or "*" in policy.destinations:
        return
    plain = _PLAIN_HOST.fullmatch(host) is not None
    if plain and any(fnmatchcase(host.lower(), pattern.lower()) for pattern in policy.destinations):
        return
    if not option:
        yield (
            f"without an option that names a host it sends to {host!r}, which this node does not allow"
            if host
            else "it names no host, and this node lists destinations"
        )
    elif _SECRET in written:
        yield f"{option} names a host with a secret, which this node does not allow"
    elif not host:
        yield f"{option} names no host that is sure, and this node lists destinations"
    else:
        yield f"{option} names the host {host!r}, which this node does not allow"
