"""A document as YAML that a person edits, and back: what is typed changes the graph, and the graph what is read.

The text is Vector's own configuration, with everything a node never sees left as the document has it:
variables and secrets by name, switched-off components marked by a comment, all comments in their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.compiler.compile import input_text
from vectorflow_topology.compiler.types import SECTIONS
from vectorflow_topology.document import Component, Document, Edge, Group, Position, Remark, kept_groups
from vectorflow_topology.findings import Finding, error, has_errors, ordered
from vectorflow_topology.importer.build import Builder
from vectorflow_topology.importer.layout import COLUMN, ROW, auto_layout
from vectorflow_topology.text.parse import decoded, parse_text, placed
from vectorflow_topology.text.reader import Read, Refused
from vectorflow_topology.text.remarks import read_remarks, write_remarks
from vectorflow_topology.text.writer import Inline, write_yaml

DISABLED = "vectorflow:disabled"
"""The comment that stands behind the id of a component that is switched off."""


class Edited(msgspec.Struct, frozen=True):
    """What a text came to: no document where it cannot be read as one, and the findings that say why."""

    document: Document | None
    findings: tuple[Finding, ...]


def editable_text(document: Document) -> str:
    """Return the document as a person edits it. Two components of one id show the later one only."""
    config: dict[str, Any] = dict(document.globals)
    if document.enrichment_tables:
        config["enrichment_tables"] = document.enrichment_tables
    remarks = dict(document.comments)
    for kind, section in SECTIONS.items():
        written = {each.id: _body(each, document) for each in document.components if each.kind == kind}
        if written:
            config[section] = written
    for component in document.components:
        key = f"{SECTIONS[component.kind]}/{component.id}"
        other = remarks.get(key, Remark())
        inline = other.inline if component.enabled else f"{DISABLED} {other.inline}".rstrip()
        if component.comment or inline:
            remarks[key] = Remark(before=component.comment or other.before, inline=inline, after=other.after)
    if document.tests:
        config["tests"] = list(document.tests)
    return write_remarks(write_yaml(config), remarks) if config else _only_comments(remarks)


def edited_document(text: str, before: Document) -> Edited:
    """Return what `before` becomes when its text is this one. Never raises for what the text holds.

    Layout, groups and variables stay; a text with an error gives no document, so that the graph keeps its last
    good state while somebody types.
    """
    try:
        read = placed(parse_text(text, "yaml"), decoded(text))
    except Refused as refused:
        return Edited(None, refused.findings)
    if read.value is None:  # nothing but comments, perhaps
        read = Read({}, {})
    if not isinstance(read.value, dict):
        message = "The text holds no configuration: sources, transforms and sinks are expected at its root."
        return Edited(None, (error("import.empty", message, line=1, column=1),))
    builder = Builder(read, catalogue(), remarks=read_remarks(decoded(text), read))
    made = builder.document()
    # What is worth a note on the way in is known already, or the check says it.
    findings = tuple(ordered(each for each in builder.findings if each.severity != "note"))
    if has_errors(findings):
        return Edited(None, findings)
    return Edited(_merged(before, made), findings)


def _body(component: Component, document: Document) -> dict[str, Any]:
    body: dict[str, Any] = {"type": component.type}
    if component.kind != "source":
        inputs = [
            input_text(each.source, each.port) for each in document.edges if each.target == component.id
        ]
        body["inputs"] = Inline(inputs)
    options = {key: value for key, value in component.options.items() if key not in ("type", "inputs")}
    return body | options


def _only_comments(remarks: Mapping[str, Remark]) -> str:
    root = remarks.get("", Remark())
    lines = [*root.before.splitlines(), *root.after.splitlines()]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _merged(before: Document, made: Document) -> Document:
    comments = dict(made.comments)
    components = _in_order(before, tuple(_switched(each, comments) for each in made.components))
    edges = _edges(before, made)
    renamed = _renamed(before, components)
    return msgspec.structs.replace(
        made,
        components=components,
        edges=edges,
        layout=_layout(before, components, edges, renamed),
        variables=before.variables,
        selector=before.selector,
        groups=_groups(before, components, renamed),
        comments=comments,
    )


def _switched(component: Component, comments: dict[str, Remark]) -> Component:
    """A component as its comment switches it; the comment itself is taken out."""
    key = f"{SECTIONS[component.kind]}/{component.id}"
    remark = comments.get(key)
    if remark is None or not remark.inline.startswith(DISABLED):
        return component
    left = msgspec.structs.replace(remark, inline=remark.inline.removeprefix(DISABLED).strip())
    if left == Remark():
        del comments[key]
    else:
        comments[key] = left
    return msgspec.structs.replace(component, enabled=False)


def _in_order(before: Document, components: tuple[Component, ...]) -> tuple[Component, ...]:
    """Components keep the order they had, so that an edit of one of them changes nothing else."""
    places = {each.id: index for index, each in enumerate(before.components)}
    return tuple(sorted(components, key=lambda each: places.get(each.id, len(places))))


def _edges(before: Document, made: Document) -> tuple[Edge, ...]:
    def by_target(edges: tuple[Edge, ...]) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in edges:
            found.setdefault(edge.target, []).append(edge)
        return found

    return before.edges if by_target(before.edges) == by_target(made.edges) else made.edges


def _renamed(before: Document, components: tuple[Component, ...]) -> dict[str, str]:
    """The new id by the old one where exactly one component went and one of its type came."""
    names, known = {each.id for each in components}, {each.id for each in before.components}
    gone = [each for each in before.components if each.id not in names]
    new = [each for each in components if each.id not in known]
    if len(gone) == 1 and len(new) == 1 and (gone[0].kind, gone[0].type) == (new[0].kind, new[0].type):
        return {gone[0].id: new[0].id}
    return {}


def _groups(
    before: Document, components: tuple[Component, ...], renamed: Mapping[str, str]
) -> dict[str, Group]:
    moved = {
        name: msgspec.structs.replace(group, members=tuple(renamed.get(each, each) for each in group.members))
        for name, group in before.groups.items()
    }
    return kept_groups(moved, {each.id for each in components})


def _layout(
    before: Document,
    components: tuple[Component, ...],
    edges: tuple[Edge, ...],
    renamed: Mapping[str, str],
) -> dict[str, Position]:
    """Known components stay where they are, a renamed one too; a new one stands behind what feeds it."""
    known = {each.id for each in before.components}
    new = [each for each in components if each.id not in known]
    kept = {each.id: before.layout[each.id] for each in components if each.id in before.layout}
    moved = {now: before.layout[was] for was, now in renamed.items() if was in before.layout}
    if moved:
        return kept | moved
    if new and not kept:
        return auto_layout(components, edges)
    for each in new:
        feeder = next(
            (kept[edge.source] for edge in edges if edge.target == each.id and edge.source in kept), None
        )
        kept[each.id] = _free_place(kept, feeder)
    return kept


def _free_place(taken: Mapping[str, Position], feeder: Position | None) -> Position:
    if feeder is None:
        return Position(0.0, max(place.y for place in taken.values()) + ROW)
    x, y = feeder.x + COLUMN, feeder.y
    column = [place.y for place in taken.values() if abs(place.x - x) < COLUMN / 2]
    while any(abs(other - y) < ROW * 0.8 for other in column):
        y += ROW
    return Position(x, y)
