"""Which outputs feed which component once disabled components are taken out."""

from __future__ import annotations

from collections import Counter

from vectorflow_topology.catalogue import Catalogue
from vectorflow_topology.document import DEFAULT_PORT, ID_PATTERN, RESERVED_PREFIX, Component, Document, Edge
from vectorflow_topology.findings import Finding, error

Input = tuple[str, str]


def id_findings(document: Document) -> list[Finding]:
    """Judge the ids of a document's components."""
    findings = []
    counts = Counter(component.id for component in document.components)
    for name, count in counts.items():
        if not ID_PATTERN.match(name) or name == DEFAULT_PORT:
            message = (
                f"The id {name!r} cannot be used. Begin with a letter or underscore, go on with letters, "
                "digits, underscores and hyphens, 128 characters at most."
            )
            findings.append(error("component.id-invalid", message, name))
        elif name.startswith(RESERVED_PREFIX):
            message = f"The id {name} begins with {RESERVED_PREFIX}, which is kept for the agent. Rename the component."
            findings.append(error("component.id-reserved", message, name))
        if count > 1:
            message = (
                f"{count} components have the id {name}. Ids are unique over sources, transforms and sinks."
            )
            findings.append(error("component.id-duplicate", message, name))
    return findings


class Wiring:
    """Answers, for one document, what feeds each enabled component; collects findings on the way."""

    def __init__(self, document: Document, catalogue: Catalogue) -> None:
        self.findings: list[Finding] = []
        self._catalogue = catalogue
        self._components = {component.id: component for component in document.components}
        self._edges: dict[str, list[Edge]] = {}
        self._bridges: dict[str, bool] = {}
        self._reported: set[str] = set()
        for edge in document.edges:
            if self._is_sound(edge):
                self._edges.setdefault(edge.target, []).append(edge)

    def inputs(self, component: Component) -> tuple[Input, ...]:
        """Return the (component id, port) pairs that feed a component, in edge order, each once."""
        found: dict[Input, None] = {}
        seen = {component.id}
        waiting = list(reversed(self._edges.get(component.id, ())))
        while waiting:  # not by recursion: a long row of disabled components is no reason to fail
            edge = waiting.pop()
            source = self._components[edge.source]
            if source.enabled:
                found[(edge.source, edge.port)] = None
            elif source.kind == "transform" and source.id not in seen:
                if edge.port == DEFAULT_PORT and self._is_bridge(source):
                    seen.add(source.id)
                    waiting.extend(reversed(self._edges.get(source.id, ())))
                elif source.id not in self._reported:
                    self._reported.add(source.id)
                    self.findings.append(_not_bridged(source, edge))
        return tuple(found)

    def _is_sound(self, edge: Edge) -> bool:
        for end, what in ((edge.source, "comes from"), (edge.target, "leads to")):
            if end not in self._components:
                at = edge.target if end == edge.source else edge.source
                shown = at if at in self._components else None
                message = (
                    f"A connection {what} {end!r}, which is not a component of this pipeline. Remove it."
                )
                self.findings.append(error("edge.unknown-component", message, shown, fix=_removal(edge)))
                return False
        if self._components[edge.target].kind == "source":
            message = (
                f"{edge.target} is a source and takes no input. Remove the connection from {edge.source}."
            )
            self.findings.append(error("edge.into-source", message, edge.target, fix=_removal(edge)))
            return False
        if self._components[edge.source].kind == "sink":
            message = f"{edge.source} is a sink and has no output. Remove the connection to {edge.target}."
            self.findings.append(error("edge.out-of-sink", message, edge.source, fix=_removal(edge)))
            return False
        if any(character in edge.port for character in "*?[]"):
            message = f"The output {edge.port} of {edge.source} holds a character that Vector takes for a wildcard. Rename it."
            self.findings.append(error("port.wildcard", message, edge.source))
            return False
        return True

    def _is_bridge(self, component: Component) -> bool:
        """A disabled transform lets events pass when they could have passed it unchanged."""
        known = self._bridges.get(component.id)
        if known is None:
            ports = self._catalogue.ports(component)
            known = (
                self._catalogue.spec(component) is not None
                and [port.name for port in ports] == [DEFAULT_PORT]
                and set(ports[0].types) == set(self._catalogue.inputs(component))
            )
            self._bridges[component.id] = known
        return known


def _not_bridged(component: Component, edge: Edge) -> Finding:
    message = (
        f"{component.id} is disabled, and a {component.type} cannot be skipped: {edge.target} would get other events "
        "than it expects. Enable it, or connect its neighbours directly."
    )
    return error(
        "component.not-bridged", message, component.id, fix={"action": "enable", "component": component.id}
    )


def _removal(edge: Edge) -> dict[str, str]:
    return {"action": "remove_edge", "source": edge.source, "port": edge.port, "target": edge.target}
