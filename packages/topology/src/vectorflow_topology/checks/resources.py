"""Addresses, socket paths and descriptors that two components want for themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from vectorflow_topology.catalogue import Resource, catalogue
from vectorflow_topology.compiler.compile import render
from vectorflow_topology.compiler.types import Target
from vectorflow_topology.document import Component, Document
from vectorflow_topology.findings import Finding, error

_ANY = frozenset(("", "0.0.0.0", "::", "*"))  # noqa: S104 - addresses compared, not listened on


def clashes(components: Iterable[tuple[str, Component]]) -> Iterator[Finding]:
    """Find resources wanted twice among (pipeline name, component) pairs that share a node.

    The finding is about the later component. Give an empty name within one pipeline.
    """
    known = catalogue()
    taken: dict[tuple[str, int], list[tuple[Resource, str, Component]]] = {}
    for pipeline, component in components:
        for resource in known.resources(component):
            if _is_free(resource):
                continue
            others = taken.setdefault((resource.protocol, resource.port), [])
            rival = next((other for other in others if _collide(resource, other[0])), None)
            if rival is not None:
                of = f" of {rival[1]}" if rival[1] else ""
                message = (
                    f"{component.id} and {rival[2].id}{of} both want {_named(resource)}. Change one of them."
                )
                yield error("resource.clash", message, component.id)
            others.append((resource, pipeline, component))


def document_resources(document: Document, target: Target) -> list[tuple[str, Resource]]:
    """Return what a document's enabled components take for themselves, by component id, variables in place."""
    rendered, _ = render(document, target)
    known = catalogue()
    return [
        (component.id, resource)
        for component in document.components
        if component.id in rendered.options
        for resource in known.resources(
            msgspec.structs.replace(component, options=rendered.options[component.id])
        )
        if not _is_free(resource)
    ]


def neighbour_clashes(
    mine: Iterable[tuple[str, Resource]], others: Iterable[tuple[str, str, Resource]]
) -> Iterator[Finding]:
    """Find what a document's components want and components of other pipelines on the same node have.

    `others` are (pipeline name, component id, resource).
    """
    taken = list(others)
    for component, resource in mine:
        for pipeline, rival, held in taken:
            if (resource.protocol, resource.port) == (held.protocol, held.port) and _collide(resource, held):
                message = (
                    f"{component} and {rival} of the pipeline {pipeline}, which runs on the same nodes, both want "
                    f"{_named(resource)}. Change one of them."
                )
                yield error("resource.clash", message, component)


def _is_free(resource: Resource) -> bool:
    return resource.protocol in ("tcp", "udp") and resource.port == 0


def _collide(one: Resource, other: Resource) -> bool:
    if one.protocol in ("unix", "fd"):
        return one.host == other.host
    return one.host == other.host or one.host in _ANY or other.host in _ANY


def _named(resource: Resource) -> str:
    if resource.protocol == "unix":
        return f"the socket {resource.host}"
    if resource.protocol == "fd":
        return f"the file descriptor {resource.port}"
    return f"the {resource.protocol.upper()} port {resource.port}"
