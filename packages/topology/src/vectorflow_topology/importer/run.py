"""The importer itself: text in, documents and findings out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.compiler.types import Target
from vectorflow_topology.document import MAX_COMPONENTS, Document, Position, kept_groups
from vectorflow_topology.findings import Finding, error, has_errors, note, ordered
from vectorflow_topology.importer.build import Builder
from vectorflow_topology.importer.environment import Environment
from vectorflow_topology.importer.files import gather
from vectorflow_topology.importer.layout import ROW
from vectorflow_topology.importer.split import split
from vectorflow_topology.text.parse import Format, decoded, parse_text, placed
from vectorflow_topology.text.reader import Read, Refused
from vectorflow_topology.text.remarks import MAX_REMARKS, read_remarks


class Named(NamedTuple):
    """A document with a name to begin with: the id of its first component."""

    name: str
    document: Document


class Imported(NamedTuple):
    """What came of an import: no documents when the text could not be read, and the findings."""

    documents: list[Named]
    findings: list[Finding]


def import_text(
    text: str | bytes,
    format: Format = "auto",
    *,
    written_for: Target | None = None,
) -> Imported:
    """Turn a Vector configuration into documents. Never raises for what the text holds.

    When it was `written_for` a Vector that interpolates the environment, `$$` becomes `$` and
    references become variables and secrets, with findings that tell which need a value. Otherwise
    every dollar stays as it is, and references are pointed out.
    """
    try:
        read = placed(parse_text(text, format), decoded(text))
    except Refused as refused:
        return Imported([], list(refused.findings))
    if not isinstance(read.value, dict):
        message = "The text holds no configuration: sources, transforms and sinks are expected at its root."
        return Imported([], [error("import.empty", message, line=1, column=1)])
    remarks = read_remarks(decoded(text), read)
    builder = Builder(read, catalogue(), remarks=remarks, environment=_environment(written_for))
    document = builder.document()
    if len(remarks) == MAX_REMARKS:
        message = f"Comments were kept at {MAX_REMARKS} values; the others were left out."
        builder.findings.append(note("import.comments", message))
    return _imported(document, builder.findings)


def import_files(
    files: Mapping[str, str | bytes], *, directory: bool = False, written_for: Target | None = None
) -> Imported:
    """Turn several files into documents, by relative path: as given to `--config`, or to `--config-dir`.

    Files of one `--config-dir` (`directory`) merge: root files deeply, files of `sources`, `transforms`,
    `sinks`, `tests` and `enrichment_tables` as one component each, called like the file.
    """
    gathered = gather(files, directory=directory)
    read = Read(gathered.config, gathered.positions)
    environment = _environment(written_for)
    builder = Builder(
        read,
        catalogue(),
        origins=gathered.origins,
        environment=environment,
        remarks=gathered.remarks,
    )
    document = builder.document()
    return _imported(document, [*gathered.findings, *builder.findings])


def reimport(old: Document, new: Document) -> Document:
    """Return `new` with the layout, groups and comments of `old` where ids are the same, and its variables.

    Components that are new keep the place that the import gave them, moved out of the way.
    """
    comments = {component.id: component.comment for component in old.components}
    components = tuple(
        msgspec.structs.replace(each, comment=each.comment or comments.get(each.id, ""))
        for each in new.components
    )
    kept = {each.id: old.layout[each.id] for each in components if each.id in old.layout}
    below = max((place.y for place in kept.values()), default=-ROW) + ROW
    layout = {
        name: kept.get(name) or Position(place.x, place.y + (below if kept else 0.0))
        for name, place in new.layout.items()
    }
    return msgspec.structs.replace(
        new,
        components=components,
        layout=layout,
        variables={**old.variables, **new.variables},
        selector=old.selector,
        groups=kept_groups(old.groups, {each.id for each in components}),
    )


def _environment(written_for: Target | None) -> Environment | None:
    return Environment() if written_for is not None and written_for.interpolates else None


def _imported(document: Document, found: list[Finding]) -> Imported:
    findings = ordered(found)
    if not document.components and not has_errors(findings):
        findings.append(
            error("import.empty", "The text holds no sources, transforms or sinks.", line=1, column=1)
        )
    if len(document.components) > MAX_COMPONENTS:
        message = (
            f"The text holds {len(document.components)} components; at most {MAX_COMPONENTS} can be imported."
        )
        return Imported([], [error("import.too-large", message)])
    return Imported([Named(name, part) for name, part in split(document)], findings)
