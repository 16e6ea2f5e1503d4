"""Where a secret goes: the hosts that the component which uses it names. Pure, from resolved options."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from vectorflow_topology.catalogue.sensitive import texts
from vectorflow_topology.compiler.references import BACKEND
from vectorflow_topology.compiler.types import Rendered
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Path

# What leads a component to its other side; `http` and `https` are those of a proxy.
_LEADS = re.compile(
    r"(^|_)(ur[il]s?|endpoints?|address|hosts?|servers?|bootstrap_servers|brokers?|site|region|domain"
    r"|connection_string|queue_url|proxy|http|https|account|database)\Z"
)
_MOST_DESTINATION = 1_000
_MOST_PATH = 300
_USED = re.compile(rf"SECRET\[(?:{BACKEND}\.)?([A-Za-z0-9_.-]+)\]")


class SecretUse(msgspec.Struct, frozen=True, order=True):
    """One place where a component uses a secret.

    `secret` is its name as the compiler writes it (`var.<name>` for a sensitive variable). `path` is the
    option with dots. `destination` names the hosts of the component, sorted, with scheme and port where
    they are written, by commas; empty when the component names none.
    """

    secret: str
    component: str
    component_type: str
    path: str
    destination: str


def secret_uses(document: Document, rendered: Rendered) -> tuple[SecretUse, ...]:
    """Return every use of a secret by an enabled component, in order."""
    found = set()
    types = {component.id: component for component in document.components}
    outside = {f"{backend}." for backend in rendered.stores}
    for component_id, options in rendered.options.items():
        places = list(texts(options))
        destination = ""
        for path, text in places:
            names = _USED.findall(text) if "SECRET[" in text else ()
            for name in names:
                destination = destination or destination_of(options)
                component = types[component_id]
                kind = f"{component.kind}:{component.type}"
                if not any(name.startswith(each) for each in outside):
                    found.add(
                        SecretUse(name, component_id, kind, _bounded(_dotted(path), _MOST_PATH), destination)
                    )
    return tuple(sorted(found))


def destination_of(options: Mapping[str, Any]) -> str:
    """Return the hosts that options name."""
    return _bounded(",".join(sorted(set(_hosts(options)))), _MOST_DESTINATION)


def hosts_of(destination: str) -> list[str]:
    """Return the bare host names of a destination."""
    bare = [each.rpartition("://")[2] for each in destination.split(",") if each]
    return [_host(each) for each in bare]


def _host(place: str) -> str:
    try:
        return urlsplit(f"//{place}").hostname or place
    except ValueError:  # brackets that hold no address
        return place


def _hosts(options: Mapping[str, Any]) -> Iterator[str]:
    for path, text in texts(options):
        last = next((step for step in reversed(path) if isinstance(step, str)), "")
        if not _LEADS.search(last) or not text.strip():
            continue
        for part in text.split(","):
            yield _place(part.strip())


def _place(text: str) -> str:
    """Return scheme, host and port alone: a path or a user's name says nothing about who gets the secret."""
    scheme, mark, rest = text.rpartition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}{mark}{authority}".lower()[:300]


def _bounded(text: str, most: int) -> str:
    """Return a text that is not longer than it may be, and still unlike any other."""
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: most - len(digest) - 1]}…{digest}"


def _dotted(path: Path) -> str:
    return ".".join("[]" if isinstance(step, int) else step for step in path)
