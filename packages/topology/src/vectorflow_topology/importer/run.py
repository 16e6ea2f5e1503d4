"""The importer itself: text in, documents and findings out."""

from __future__ import annotations

from typing import NamedTuple

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.document import MAX_COMPONENTS, Document
from vectorflow_topology.findings import Finding, error, ordered
from vectorflow_topology.importer.build import Builder
from vectorflow_topology.importer.split import split
from vectorflow_topology.text.parse import Format, parse_text
from vectorflow_topology.text.reader import Refused


class Named(NamedTuple):
    """A document with a name to begin with: the id of its first component."""

    name: str
    document: Document


class Imported(NamedTuple):
    """What came of an import: no documents when the text could not be read, and the findings."""

    documents: list[Named]
    findings: list[Finding]


def import_text(text: str | bytes, format: Format = "auto") -> Imported:  # noqa: A002 - the word of the public API
    """Turn a Vector configuration into documents. Never raises for what the text holds."""
    try:
        read = parse_text(text, format)
    except Refused as refused:
        return Imported([], list(refused.findings))
    if not isinstance(read.value, dict):
        message = "The text holds no configuration: sources, transforms and sinks are expected at its root."
        return Imported([], [error("import.empty", message, line=1, column=1)])
    builder = Builder(read, catalogue())
    document = builder.document()
    findings = ordered(builder.findings)
    if not document.components:
        findings.append(
            error("import.empty", "The text holds no sources, transforms or sinks.", line=1, column=1)
        )
    if len(document.components) > MAX_COMPONENTS:
        message = (
            f"The text holds {len(document.components)} components; at most {MAX_COMPONENTS} can be imported."
        )
        return Imported([], [error("import.too-large", message)])
    return Imported([Named(name, part) for name, part in split(document)], findings)
