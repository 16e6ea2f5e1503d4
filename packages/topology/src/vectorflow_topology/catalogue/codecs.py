"""Outputs and event types as they follow from a component's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vectorflow_topology.catalogue.types import ComponentSpec, EventType, Port
from vectorflow_topology.document import DEFAULT_PORT, Component

EVERY: tuple[EventType, ...] = ("log", "metric", "trace")
UNMATCHED = "_unmatched"

Options = Mapping[str, Any]


def port_types(spec: ComponentSpec | None, component: Component, codecs: Mapping[str, Any]) -> list[Port]:
    """Return the outputs of a component; see `Catalogue.ports`."""
    if component.kind == "sink":
        return []
    if spec is None:
        return [Port(DEFAULT_PORT, EVERY)]
    rule = _RULES.get(spec.ports)
    if rule is not None:
        return rule(component.options, spec.output_types)
    return [Port(DEFAULT_PORT, _narrowed(spec, component.options, spec.output_types, codecs))]


def input_types(
    spec: ComponentSpec | None, component: Component, codecs: Mapping[str, Any]
) -> tuple[EventType, ...]:
    """Return the event types that a component takes; see `Catalogue.inputs`."""
    if component.kind == "source":
        return ()
    if spec is None:
        return EVERY
    return _narrowed(spec, component.options, spec.input_types, codecs)


def _narrowed(
    spec: ComponentSpec, options: Options, types: tuple[EventType, ...], codecs: Mapping[str, Any]
) -> tuple[EventType, ...]:
    if spec.codec is None:
        return types
    table = codecs[spec.codec]
    chosen = _mapping(options.get(spec.codec)).get("codec", table.get("default"))
    by_codec = table["types"].get(chosen) if isinstance(chosen, str) else None
    if by_codec is None:
        return types
    if spec.codec == "decoding":
        return tuple(by_codec)
    return tuple(kind for kind in types if kind in by_codec)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _route(options: Options, types: tuple[EventType, ...]) -> list[Port]:
    names = [name for name in _mapping(options.get("route")) if isinstance(name, str)]
    if options.get("reroute_unmatched", True) is not False:
        names.append(UNMATCHED)
    return [Port(name, types) for name in dict.fromkeys(names)]


def _exclusive_route(options: Options, types: tuple[EventType, ...]) -> list[Port]:
    routes = options.get("routes")
    entries = routes if isinstance(routes, list | tuple) else []
    names = [name for entry in entries if isinstance(name := _mapping(entry).get("name"), str)]
    return [Port(name, types) for name in dict.fromkeys([*names, UNMATCHED])]


def _remap(options: Options, types: tuple[EventType, ...]) -> list[Port]:
    ports = [Port(DEFAULT_PORT, types)]
    if options.get("reroute_dropped") is True:
        ports.append(Port("dropped", types))
    return ports


_SIGNALS: dict[str, EventType] = {"logs": "log", "metrics": "metric", "traces": "trace"}


def _opentelemetry(options: Options, types: tuple[EventType, ...]) -> list[Port]:
    return [Port(name, (kind,)) for name, kind in _SIGNALS.items() if kind in types]


def _datadog_agent(options: Options, types: tuple[EventType, ...]) -> list[Port]:
    if options.get("multiple_outputs") is not True:
        return [Port(DEFAULT_PORT, types)]
    return [
        Port(name, (kind,)) for name, kind in _SIGNALS.items() if options.get(f"disable_{name}") is not True
    ]


_RULES: dict[str, Callable[[Options, tuple[EventType, ...]], list[Port]]] = {
    "route": _route,
    "exclusive_route": _exclusive_route,
    "remap": _remap,
    "opentelemetry": _opentelemetry,
    "datadog_agent": _datadog_agent,
}
