"""The graph: circles, missing inputs, outputs that do not exist or that nobody reads, types of events."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from vectorflow_topology.checks.outputs import Inputs, Outputs
from vectorflow_topology.document import DEFAULT_PORT, Component, Document
from vectorflow_topology.findings import Finding, error, note, warning

MOST_CIRCLES = 20
"""How many circles are named; the rest shows once these are gone."""


def graph_findings(document: Document, outputs: Outputs, inputs: Inputs) -> Iterator[Finding]:
    """Judge how enabled components hang together."""
    yield from _ends(document, outputs)
    yield from _duplicates(document)
    for component in outputs.components.values():
        if component.kind != "source":
            yield from _inputs(component, inputs.get(component.id, ()), outputs)
    yield from _circles(inputs)
    yield from _unread(outputs, inputs)


def _ends(document: Document, outputs: Outputs) -> Iterator[Finding]:
    if not document.components:
        yield error("pipeline.empty", "The pipeline is empty. Add a source and a sink.")
        return
    kinds = {component.kind for component in outputs.components.values()}
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


def _inputs(component: Component, inputs: tuple[tuple[str, str], ...], outputs: Outputs) -> Iterator[Finding]:
    if not inputs:
        yield error(
            "component.no-input", f"{component.id} has no input. Connect something to it.", component.id
        )
    accepted = sorted(outputs.accepted(component.id))
    for source_id, port_name in inputs:
        ports = outputs.ports(source_id)
        port = ports.get(port_name)
        if port is None:
            if outputs.spec(source_id) is not None:
                yield _unknown_port(outputs.components[source_id], port_name, component, list(ports))
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
    """Find circles among what is left when everything that is fed by nothing has been taken away."""
    feeders = {name: {source for source, _ in pairs if source in inputs} for name, pairs in inputs.items()}
    _peel(feeders)
    for _ in range(MOST_CIRCLES):
        if not feeders:
            return
        circle = _one_circle(feeders)
        message = f"Events would go round in a circle: {_way(circle)}. Remove one of these connections."
        yield error("graph.cycle", message, circle[0], ("inputs",))
        for name in circle:
            del feeders[name]
        gone = set(circle)
        for sources in feeders.values():
            sources.difference_update(gone)
        _peel(feeders)


def _peel(feeders: dict[str, set[str]]) -> None:
    """Take away what is fed by nothing, then what only that fed, and so on."""
    fed: dict[str, list[str]] = {}
    for name, sources in feeders.items():
        for source in sources:
            fed.setdefault(source, []).append(name)
    ready = [name for name, sources in feeders.items() if not sources]
    while ready:
        done = ready.pop()
        del feeders[done]
        for name in fed.get(done, ()):
            feeders[name].discard(done)
            if not feeders[name]:
                ready.append(name)


def _one_circle(feeders: Mapping[str, set[str]]) -> list[str]:
    """Walk against the flow until a component comes up again; what lies between is a circle."""
    name = min(feeders)
    seen: dict[str, int] = {}
    while name not in seen:
        seen[name] = len(seen)
        name = min(feeders[name])
    circle = [each for each, position in seen.items() if position >= seen[name]][::-1]
    first = circle.index(min(circle))
    return circle[first:] + circle[:first]


def _way(circle: list[str]) -> str:
    shown = circle if len(circle) <= 12 else [*circle[:11], "…"]
    return " → ".join([*shown, circle[0]])


def _unread(outputs: Outputs, inputs: Inputs) -> Iterator[Finding]:
    read = {pair for pairs in inputs.values() for pair in pairs}
    for name in outputs.components:
        for port in outputs.ports(name):
            if (name, port) not in read:
                message = f"Nothing reads {_output(name, port)}; what leaves there is lost."
                yield note("port.unread", message, name, fix={"action": "connect", "port": port})


def _output(component_id: str, port: str) -> str:
    return component_id if port == DEFAULT_PORT else f"{component_id}.{port}"


def _listed(types: Sequence[str]) -> str:
    return " and ".join(f"{kind}s" for kind in types)
