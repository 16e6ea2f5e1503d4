"""Where a document refers to secrets. A draft need not compile, so this reads it as it stands."""

import re
from collections.abc import Iterator

import msgspec

from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding, error

_REFERENCE = re.compile(r"SECRET\[([A-Za-z0-9_-]{1,64})\]")


def secret_names(document: Document) -> frozenset[str]:
    """Return the names of all secrets that a document refers to, also in components that are switched off."""
    return frozenset(name for name, _ in _references(document))


def missing_secret_findings(document: Document, missing: list[str]) -> list[Finding]:
    """Return a finding for each component that refers to a secret which does not exist."""
    return [
        error(
            "secret.unknown",
            f"There is no secret {name} in this environment. Make it, or refer to another one.",
            component,
            fix={"action": "create_secret", "name": name},
        )
        for name, component in dict.fromkeys(_references(document))
        if name in missing
    ]


def _references(document: Document) -> Iterator[tuple[str, str | None]]:
    for component in document.components:
        for name in _REFERENCE.findall(_text(component.options)):
            yield name, component.id
    around = (document.globals, document.enrichment_tables, document.variables)
    for name in _REFERENCE.findall(_text(around)):
        yield name, None


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
