"""The catalogue's answers for the components of one document, each worked out once."""

from __future__ import annotations

from collections.abc import Mapping

from vectorflow_topology.catalogue import Catalogue, ComponentSpec, Port
from vectorflow_topology.document import Component

Inputs = Mapping[str, tuple[tuple[str, str], ...]]
"""For each component that has inputs: the (component id, port) pairs that feed it."""


class Outputs:
    """Remembers ports and types by component id; of several with one id, the last counts."""

    def __init__(self, components: list[Component], known: Catalogue) -> None:
        self.components: dict[str, Component] = {component.id: component for component in components}
        self._known = known
        self._ports: dict[str, dict[str, Port]] = {}
        self._accepted: dict[str, frozenset[str]] = {}

    def spec(self, name: str) -> ComponentSpec | None:
        """Return the catalogue's entry, None for unknown types and components."""
        component = self.components.get(name)
        return self._known.spec(component) if component is not None else None

    def ports(self, name: str) -> dict[str, Port]:
        """Return the outputs of a component by their names."""
        if name not in self._ports:
            component = self.components.get(name)
            found = self._known.ports(component) if component is not None else []
            self._ports[name] = {port.name: port for port in found}
        return self._ports[name]

    def accepted(self, name: str) -> frozenset[str]:
        """Return the types of events that a component takes."""
        if name not in self._accepted:
            component = self.components.get(name)
            self._accepted[name] = (
                frozenset(self._known.inputs(component)) if component is not None else frozenset()
            )
        return self._accepted[name]


def fed_by(inputs: Inputs) -> dict[str, list[str]]:
    """Turn inputs round: for each component, those that it feeds, each once."""
    fed: dict[str, dict[str, None]] = {}
    for name, pairs in inputs.items():
        for source, _ in pairs:
            fed.setdefault(source, {})[name] = None
    return {name: list(targets) for name, targets in fed.items()}
