"""Who feeds whom: inputs with their patterns resolved to ports, and every rule about them."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.model import ComponentConfig, EngineConfig

DEFAULT_PORT = "_default"


class Port(NamedTuple):
    """A named output of a component."""

    component: str
    name: str

    def __str__(self) -> str:
        return self.component if self.name == DEFAULT_PORT else f"{self.component}.{self.name}"


class Shape(NamedTuple):
    """What the graph must know of a component's type: its outputs and the event types on both sides."""

    ports: tuple[str, ...]
    accepts: frozenset[str]
    gives: frozenset[str] | None  # None: what comes in


class Graph(NamedTuple):
    """Edges by their consumer, and what was odd but allowed."""

    inputs: dict[str, tuple[Port, ...]]
    warnings: list[str]

    def consumers(self, port: Port) -> list[str]:
        """The components fed by ``port``."""
        return [name for name, ports in self.inputs.items() if port in ports]


def resolve(config: EngineConfig, shape_of: Callable[[ComponentConfig], Shape]) -> Graph:
    """Resolve every input; raises `ConfigError` with all complaints."""
    problems = [f"no {kind}s were defined" for kind in ("source", "sink") if not config.of(kind)]
    shapes = {name: shape_of(each) for name, each in config.components.items()}
    ports = {
        str(Port(name, port)): Port(name, port) for name, shape in shapes.items() for port in shape.ports
    }
    inputs: dict[str, tuple[Port, ...]] = {}
    for component in config.components.values():
        if component.kind != "source":
            found, wrong = _inputs(component, ports, relaxed=config.globals.wildcard_matching == "relaxed")
            inputs[component.id] = found
            problems += wrong
    problems += _cycles(inputs)
    if not problems:
        problems += _types(config, inputs, shapes)
    if problems:
        raise ConfigError(*problems)
    used = {port for found in inputs.values() for port in found}
    warnings = [
        f'{config.components[port.component].kind.capitalize()} "{text}" has no consumers'
        for text, port in ports.items()
        if port not in used and (port.name == DEFAULT_PORT or not port.name.startswith("_"))
    ]
    return Graph(inputs, warnings)


def _inputs(
    component: ComponentConfig, ports: dict[str, Port], *, relaxed: bool
) -> tuple[tuple[Port, ...], list[str]]:
    found: dict[Port, None] = {}
    problems = []
    title = component.kind.capitalize()
    if not component.inputs:
        problems.append(f'{title} "{component.id}" has no inputs')
    for pattern in component.inputs:
        hits = [
            port
            for text, port in ports.items()
            if (text == pattern or fnmatchcase(text, pattern)) and port.component != component.id
        ]
        if not hits and not (relaxed and any(sign in pattern for sign in "*?[")):
            problems.append(
                f'Input "{pattern}" for {component.kind} "{component.id}" doesn\'t match any components.'
            )
        found.update(dict.fromkeys(hits))
    if len(set(component.inputs)) < len(component.inputs):
        problems.append(f'{title} "{component.id}" has a duplicate input')
    return tuple(found), problems


def _cycles(inputs: dict[str, tuple[Port, ...]]) -> list[str]:
    done: set[str] = set()
    for start in inputs:
        path: list[str] = []
        stack = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                path.pop()
                done.add(name)
            elif name in path:
                loop = [*path[path.index(name) :], name]
                return ["Cyclic dependency detected in the chain [ " + " -> ".join(reversed(loop)) + " ]"]
            elif name not in done:
                path.append(name)
                stack.append((name, True))
                stack += [(port.component, False) for port in inputs.get(name, ())]
    return []


def _types(config: EngineConfig, inputs: dict[str, tuple[Port, ...]], shapes: dict[str, Shape]) -> list[str]:
    given: dict[str, frozenset[str]] = {}

    def gives(name: str) -> frozenset[str]:
        if name not in given:
            shape = shapes[name]
            into = (gives(port.component) for port in inputs.get(name, ()))
            given[name] = shape.gives if shape.gives is not None else shape.accepts & frozenset().union(*into)
        return given[name]

    return [
        f"Data type mismatch between {port.component} ({', '.join(sorted(gives(port.component)))}) "
        f"and {name} ({', '.join(sorted(shapes[name].accepts))})"
        for name, found in inputs.items()
        for port in found
        if gives(port.component) and not gives(port.component) & shapes[name].accepts
    ]
