"""Which options of Vector's components name files, programs and hosts. A test compares this with the catalogue.

Where a name could be either way it counts: a policy that refuses too much is seen, one that lets through is not.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

_FREE: Final = frozenset(
    (
        "edge_attributes", "environment", "extensions", "extra_headers", "extra_params", "headers", "labels",
        "metadata", "node_attributes", "query", "resource", "route", "structured_metadata", "tags",
    )
)  # fmt: skip
"""Options whose keys are the writer's own words, and whose values go out with events."""

_FILE: Final = re.compile(r"(^|[_.])(files?|paths?|dirs?|directory|location|keytab)\Z|^(include|base)\Z")
_PATHS_IN_EVENTS: Final = frozenset({"message_id_path"})
_PATHS_IN_URLS: Final = frozenset({"http", "http_server", "loki", "prometheus_remote_write"})
_SOCKET: Final = re.compile(r"(?:[a-z0-9]+\+)?unix:(?://)?(.*)", re.IGNORECASE | re.DOTALL)
_FILES_IN_URLS: Final = frozenset(
    (
        "cacertfile", "certfile", "keyfile", "passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert",
        "tlscafile", "tlscertificatekeyfile",
    )
)  # fmt: skip

_PROGRAM: Final = frozenset({"plugin.library.paths", "sasl.kerberos.kinit.cmd", "ssl.engine.location"})
_JOURNALCTL: Final = "journalctl_path"
_NAMES_PROGRAMS: Final = frozenset({"credentials_file", "kube_config_file"})
"""Files that may name a program which is started for credentials."""

_HOST: Final = re.compile(
    r"(^|[_.])(ur[il]s?|endpoints?|address(es)?|hosts?|servers?|brokers?|broker[_.]list|site|connection_string"
    r"|account_name|storage_account)\Z"
)

ALIASES: Final = {
    ("sources", "http"): "http_server",
    ("sinks", "greptimedb"): "greptimedb_metrics",
    ("sinks", "logdna"): "mezmo",
}
"""Older names of types, and what they are called now."""

OptionPath = tuple[str, ...]


def strings(value: Any, path: OptionPath = ()) -> Iterator[tuple[OptionPath, str]]:
    """Every text among options with its path; the items of a list have the path of the list."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _FREE:
                yield from strings(inner, (*path, str(name)))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, path)


def type_names(kind: str, name: str) -> frozenset[str]:
    """All names of a type; `kind` is the section, such as `sources`."""
    now = ALIASES.get((kind, name), name)
    return frozenset({name, now} | {old for (of, old), new in ALIASES.items() if of == kind and new == now})


def files_named(component: str, path: OptionPath, text: str) -> Iterator[str]:
    """The paths of files that an option names; `component` is the type."""
    socket = _SOCKET.fullmatch(text)
    if socket is not None:
        yield socket[1]
    elif names_file(component, path):
        yield text
    elif path[-1] == "extra_args" and "/" in text:
        # Arguments of journalctl: the option may stand before the path, with or without a sign between.
        yield text[text.index("/") :]
    elif "://" in text and "?" in text:
        asked = parse_qsl(text.partition("?")[2])
        yield from (value for name, value in asked if name.lower() in _FILES_IN_URLS)


def names_file(component: str, path: OptionPath) -> bool:
    """Whether an option names a file, folder or socket."""
    if path == ("path",) and component in _PATHS_IN_URLS:
        return False
    return path[-1] not in _PATHS_IN_EVENTS and _FILE.search(path[-1]) is not None


def starts_program(path: OptionPath, text: str) -> bool:
    """Whether an option lets the engine start a program, or load code, that the configuration chooses."""
    last = path[-1]
    if last == _JOURNALCTL:
        return not text.startswith("/") or text.rpartition("/")[2] != "journalctl"
    # What the node itself wrote may name one; what came with the configuration may not.
    return last in _PROGRAM or (last in _NAMES_PROGRAMS and text.startswith(("files/", "SECRET[")))


def names_host(component: str, path: OptionPath) -> bool:
    """Whether an option of a sink names where it sends to, or what leads there."""
    if path[-1] in {"http", "https"}:
        return "proxy" in path
    return _HOST.search(path[-1]) is not None or (component == "axiom" and path == ("region",))


def url_host(text: str) -> str:
    """The host of an address, with or without a scheme; empty when there is none that is sure."""
    if "SECRET[" in re.split(r"[/?#]", text.partition("://")[2] or text, maxsplit=1)[0]:
        return ""
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:  # brackets that hold no address
        return ""
