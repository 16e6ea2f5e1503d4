"""The addresses, socket paths and descriptors that a component takes for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vectorflow_topology.catalogue.conditions import holds
from vectorflow_topology.catalogue.types import ComponentSpec, OptionSpec, Resource, ResourceSpec
from vectorflow_topology.document import Component


def resources_of(spec: ComponentSpec | None, component: Component) -> list[Resource]:
    """Return what a component takes for itself; see `Catalogue.resources`."""
    found = []
    for resource in spec.resources if spec else ():
        if spec and holds(resource.when, component.options, spec.options):
            taken = _resource(resource, spec, component.options)
            if taken is not None:
                found.append(taken)
    return found


def _resource(resource: ResourceSpec, spec: ComponentSpec, options: Mapping[str, Any]) -> Resource | None:
    if resource.option is None:
        return Resource(resource.protocol, "", resource.port or 0)
    value = _value(resource.option.split("."), spec.options, options)
    if resource.protocol == "fd":
        return Resource("fd", "", value) if isinstance(value, int) else None
    if not isinstance(value, str) or not value:
        return None
    if resource.protocol == "unix":
        return Resource("unix", value, 0)
    host, port = split_address(value)
    return Resource(resource.protocol, host, port) if port is not None else None


def _value(steps: list[str], specs: Mapping[str, OptionSpec], options: Any) -> Any:
    value: Any = options
    found: OptionSpec | None = None
    for step in steps:
        found = specs.get(step)
        specs = (found.options or {}) if found else {}
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if value is not None else (found.default if found else None)


def split_address(address: str) -> tuple[str, int | None]:
    """Split `host:port`, with or without brackets around an IPv6 host; the port is None if there is none.

    Vector also takes `systemd` and `systemd#N`, which name no port.
    """
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        return address, None
    return host.removeprefix("[").removesuffix("]"), int(port)
