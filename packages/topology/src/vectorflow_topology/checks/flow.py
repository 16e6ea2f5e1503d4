"""Which types of events really arrive, followed through transforms that leave the type as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vectorflow_topology.checks.outputs import Inputs, Outputs, fed_by
from vectorflow_topology.document import Component
from vectorflow_topology.findings import Finding, note, warning

Types = frozenset[str]

_MAKES_ANYTHING = frozenset(("lua",))
"""Transforms whose program may turn one type into another."""

_NEVER_WAITS = frozenset(("blackhole", "console"))
_MOST_NAMED = 5


def flow_findings(outputs: Outputs, inputs: Inputs) -> Iterator[Finding]:
    """Warn of components that nothing can reach, although each connection alone would do.

    Vector lets them pass: it compares neighbours only, and drops what does not fit without a word.
    """
    arriving = _Arriving(outputs, inputs)
    for name, pairs in inputs.items():
        accepted = outputs.accepted(name)
        if not pairs or not _neighbours_meet(outputs, pairs, accepted):
            continue
        arrives = arriving.at(name)
        if arrives is not None and not arrives & accepted:
            what = " and ".join(f"{kind}s" for kind in sorted(arrives)) or "nothing"
            takes = " and ".join(f"{kind}s" for kind in sorted(accepted))
            message = f"{name} takes {takes}, but only {what} can arrive there. It will never see an event."
            yield warning("flow.nothing-arrives", message, name, ("inputs",))


def fate_findings(outputs: Outputs, inputs: Inputs) -> Iterator[Finding]:
    """Note sources whose events go to several sinks of which any one, when it stands still, stops all."""
    feeders = {name: {source for source, _ in pairs} for name, pairs in inputs.items()}
    reached: dict[str, list[str]] = {
        name: [name] for name, component in outputs.components.items() if _blocks(component)
    }
    waiting = list(reached)
    while waiting:  # against the flow; each component learns of a few sinks and then no more
        name = waiting.pop()
        for source in feeders.get(name, ()):
            known = reached.setdefault(source, [])
            new = [sink for sink in reached[name] if sink not in known][: _MOST_NAMED + 1 - len(known)]
            if new:
                known.extend(new)
                waiting.append(source)
    for name, component in outputs.components.items():
        sinks = sorted(reached.get(name, ()))
        if component.kind == "source" and len(sinks) > 1:
            shown = ", ".join(sinks[:_MOST_NAMED]) + (" and others" if len(sinks) > _MOST_NAMED else "")
            message = (
                f"If one of {shown} stands still, {name} waits and the others get nothing either. "
                "Where losing events is better than that, set buffer.when_full to drop_newest."
            )
            yield note("reliability.shared-fate", message, name)


class _Arriving:
    """Works out what arrives at each component, once; what turns in a circle adds nothing."""

    def __init__(self, outputs: Outputs, inputs: Inputs) -> None:
        self._outputs = outputs
        self._inputs = inputs
        self._done: dict[str, Types | None] = dict.fromkeys(inputs, frozenset())
        fed = fed_by(inputs)
        waiting = list(inputs)
        while waiting:  # until nothing changes: each round carries types one component further
            name = waiting.pop()
            arrives = self._from_feeders(name)
            if arrives != self._done[name]:
                self._done[name] = arrives
                waiting.extend(fed.get(name, ()))

    def at(self, name: str) -> Types | None:
        """Return the types that can arrive, None where an unknown component is among the feeders."""
        return self._done[name]

    def _from_feeders(self, name: str) -> Types | None:
        found: Types = frozenset()
        for source, port in self._inputs[name]:
            leaving = self._leaving(source, port)
            if leaving is None:
                return None
            found |= leaving
        return found

    def _leaving(self, name: str, port_name: str) -> Types | None:
        spec = self._outputs.spec(name)
        if spec is None:
            return None
        port = self._outputs.ports(name).get(port_name)
        stated: Types = frozenset(port.types) if port is not None else frozenset()
        keeps = spec.input_types == spec.output_types and spec.type not in _MAKES_ANYTHING
        if spec.kind != "transform" or not keeps:
            return stated
        arrived = self._done.get(name, frozenset())
        return None if arrived is None else stated & arrived


def _neighbours_meet(outputs: Outputs, pairs: tuple[tuple[str, str], ...], accepted: Types) -> bool:
    """Whether each connection alone would do; where it would not, another check says so."""
    ports = [outputs.ports(source).get(name) for source, name in pairs]
    return all(port is not None and accepted & frozenset(port.types) for port in ports)


def _blocks(component: Component) -> bool:
    """Whether a full buffer of this sink makes its inputs wait. Some sinks never wait for anybody."""
    if component.kind != "sink" or component.type in _NEVER_WAITS:
        return False
    buffer = component.options.get("buffer")
    return not (isinstance(buffer, Mapping) and buffer.get("when_full") == "drop_newest")
