"""The graph: circles, missing inputs, outputs that do not exist or that nobody reads, types of events."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from vectorflow_topology.catalogue import Catalogue
from vectorflow_topology.document import DEFAULT_PORT, Component, Document
from vectorflow_topology.findings import Finding, error, note, warning

Inputs = Mapping[str, tuple[tuple[str, str], ...]]


def graph_findings(
    document: Document, components: list[Component], inputs: Inputs, known: Catalogue
) -> Iterator[Finding]:
    """Judge how enabled components hang together."""
    yield from _ends(document, components)
    yield from _duplicates(document)
    by_id = {component.id: component for component in components}
    for component in components:
        if component.kind != "source":
            yield from _inputs(component, inputs[component.id], by_id, known)
    yield from _circles(inputs)
    yield from _unread(components, inputs, known)


def _ends(document: Document, components: list[Component]) -> Iterator[Finding]:
    if not document.components:
        yield error("pipeline.empty", "The pipeline is empty. Add a source and a sink.")
        return
    kinds = {component.kind for component in components}
    if "source" not in kinds:
        yield error(
            "pipeline.no-source", "The pipeline has no enabled source, so nothing would come in. Add one."
        )
    if "sink" not in kinds:
        yield error("pipeline.no-sink", "The pipeline has no enabled sink, so nothing would go out. Add one.")


def _duplicates(document: Document) -> Iterator[Finding]:
    for edge, count in Counter(document.edges).items():
        if count > 1:
            message = f"{edge.target} is connected {count} times to the same output of {edge.source}; once is enough."
            fix = {"action": "remove_edge", "source": edge.source, "port": edge.port, "target": edge.target}
            yield warning("edge.duplicate", message, edge.target, fix=fix)


def _inputs(
    component: Component,
    inputs: tuple[tuple[str, str], ...],
    by_id: Mapping[str, Component],
    known: Catalogue,
) -> Iterator[Finding]:
    if not inputs:
        yield error(
            "component.no-input", f"{component.id} has no input. Connect something to it.", component.id
        )
    accepted = known.inputs(component)
    for source_id, port_name in inputs:
        source = by_id.get(source_id)
        if source is None:
            continue
        ports = {port.name: port for port in known.ports(source)}
        port = ports.get(port_name)
        if port is None:
            if known.spec(source) is not None:
                yield _unknown_port(source, port_name, component, list(ports))
            continue
        missed = [kind for kind in port.types if kind not in accepted]
        if accepted and port.types and len(missed) == len(port.types):
            message = f"{component.id} takes {_listed(accepted)}, but {_output(source_id, port_name)} sends {_listed(port.types)} only."
            yield error("edge.types-disjoint", message, component.id, ("inputs",))
        elif missed:
            message = (
                f"{component.id} takes {_listed(accepted)} only; {_listed(missed)} that "
                f"{_output(source_id, port_name)} may send are dropped without a word."
            )
            yield note("edge.types-partial", message, component.id, ("inputs",))


def _unknown_port(source: Component, port: str, target: Component, ports: list[str]) -> Finding:
    named = [name if name != DEFAULT_PORT else "the default output" for name in ports]
    wanted = "a default output" if port == DEFAULT_PORT else f"an output {port}"
    has = f"It has {', '.join(named)}." if named else "It has none."
    close = difflib.get_close_matches(port, ports, 1) or (ports if len(ports) == 1 else [])
    fix = (
        {"action": "set_port", "source": source.id, "port": port, "target": target.id, "value": close[0]}
        if close
        else None
    )
    message = f"{source.id} has not {wanted}, which {target.id} is connected to. {has}"
    return error("port.unknown", message, target.id, ("inputs",), fix=fix)


def _circles(inputs: Inputs) -> Iterator[Finding]:
    """Find circles by taking away, again and again, what is fed by nothing that is left."""
    feeders = {name: {source for source, _ in pairs if source in inputs} for name, pairs in inputs.items()}
    ready = [name for name, sources in feeders.items() if not sources]
    fed: dict[str, list[str]] = {}
    for name, sources in feeders.items():
        for source in sources:
            fed.setdefault(source, []).append(name)
    while ready:
        done = ready.pop()
        feeders.pop(done)
        for name in fed.get(done, ()):
            feeders[name].discard(done)
            if not feeders[name]:
                ready.append(name)
    while feeders:
        circle = _one_circle(feeders)
        message = f"Events would go round in a circle: {' → '.join([*circle, circle[0]])}. Remove one of these connections."
        yield error("graph.cycle", message, circle[0], ("inputs",))
        feeders = {name: sources - set(circle) for name, sources in feeders.items() if name not in circle}
        feeders = _still_turning(feeders)


def _one_circle(feeders: Mapping[str, set[str]]) -> list[str]:
    """Walk against the flow until a component comes up again; what lies between is a circle."""
    name = min(feeders)
    seen: dict[str, int] = {}
    while name not in seen:
        seen[name] = len(seen)
        name = min(feeders[name] & feeders.keys())
    circle = [each for each, position in seen.items() if position >= seen[name]][::-1]
    first = circle.index(min(circle))
    return circle[first:] + circle[:first]


def _still_turning(feeders: dict[str, set[str]]) -> dict[str, set[str]]:
    while True:
        loose = {name for name, sources in feeders.items() if not sources & feeders.keys()}
        if not loose:
            return feeders
        feeders = {name: sources - loose for name, sources in feeders.items() if name not in loose}


def _unread(components: list[Component], inputs: Inputs, known: Catalogue) -> Iterator[Finding]:
    read = {pair for pairs in inputs.values() for pair in pairs}
    for component in components:
        for port in known.ports(component):
            if (component.id, port.name) not in read:
                message = f"Nothing reads {_output(component.id, port.name)}; what leaves there is lost."
                yield note("port.unread", message, component.id, fix={"action": "connect", "port": port.name})


def _output(component_id: str, port: str) -> str:
    return component_id if port == DEFAULT_PORT else f"{component_id}.{port}"


def _listed(types: Sequence[str]) -> str:
    return " and ".join(f"{kind}s" for kind in types)
