"""One document for every part of a configuration that hangs together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vectorflow_topology.compiler.types import SECTIONS
from vectorflow_topology.document import Component, Document, Edge, Remark
from vectorflow_topology.importer.layout import auto_layout


def split(document: Document) -> list[tuple[str, Document]]:
    """Return a (name, document) pair for each connected part, laid out, in the order of the text.

    Globals and enrichment tables go to every part; a test goes where the components stand that it names.
    """
    groups = _groups(document)
    if not groups:
        return []
    home = {name: index for index, group in enumerate(groups) for name in group}
    tests: list[list[Any]] = [[] for _ in groups]
    for test in document.tests:
        tests[next((home[name] for name in _mentioned(test) if name in home), 0)].append(test)
    components: list[list[Component]] = [[] for _ in groups]
    edges: list[list[Edge]] = [[] for _ in groups]
    for component in document.components:
        components[home[component.id]].append(component)
    for edge in document.edges:
        edges[home[edge.target]].append(edge)
    comments: list[dict[str, Remark]] = [{} for _ in groups]
    for key, remark in document.comments.items():
        comments[_home_of(key, home)][key] = remark
    parts = []
    for index, members in enumerate(components):
        part = Document(
            components=tuple(members),
            edges=tuple(edges[index]),
            layout=auto_layout(members, edges[index]),
            globals=document.globals,
            enrichment_tables=document.enrichment_tables,
            tests=tuple(tests[index]),
            variables=document.variables,
            comments=comments[index],
        )
        parts.append((members[0].id, part))
    return parts


def _home_of(key: str, home: dict[str, int]) -> int:
    section, _, rest = key.partition("/")
    return home.get(rest.partition("/")[0], 0) if section in SECTIONS.values() else 0


def _groups(document: Document) -> list[set[str]]:
    """Union-find over the edges; components in the order of the text."""
    parent = {component.id: component.id for component in document.components}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for edge in document.edges:
        if edge.source in parent and edge.target in parent:
            parent[root(edge.source)] = root(edge.target)
    groups: dict[str, set[str]] = {}
    for component in document.components:
        groups.setdefault(root(component.id), set()).add(component.id)
    return list(groups.values())


def _mentioned(test: Any) -> Iterator[str]:
    """The components that a unit test names: where it puts events in and takes them out."""
    if isinstance(test, dict):
        for key, value in test.items():
            if key in ("insert_at", "extract_from", "no_outputs_from"):
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, str):
                        yield each.partition(".")[0]
            else:
                yield from _mentioned(value)
    elif isinstance(test, list):
        for each in test:
            yield from _mentioned(each)
