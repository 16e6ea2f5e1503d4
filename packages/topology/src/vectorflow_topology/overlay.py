"""What an environment changes about a pipeline: applied to the document before it is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_topology.document import Component, Document, Variable
from vectorflow_topology.findings import Finding, Path, error


class Setting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One option that an environment sets; with `remove` it takes the option away instead."""

    component: str
    path: tuple[str | int, ...]
    value: Any = None
    remove: bool = False


class Overlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences of one environment: options by component and path, what is enabled, variables."""

    options: tuple[Setting, ...] = ()
    enabled: dict[str, bool] = {}
    variables: dict[str, Variable] = {}


def apply_overlay(document: Document, overlay: Overlay) -> tuple[Document, list[Finding]]:
    """Return the document as the environment wants it, and what of the overlay found no place.

    Mappings on the way to an option are made where they are missing; a list must be long enough, and
    an index one past its end appends. Whatever finds no place is an error and leaves the rest as it is.
    """
    findings: list[Finding] = []
    components = {component.id: component for component in document.components}
    for name, enabled in overlay.enabled.items():
        if name in components:
            components[name] = msgspec.structs.replace(components[name], enabled=enabled)
        else:
            findings.append(_unknown(name, ("enabled", name)))
    for index, setting in enumerate(overlay.options):
        component = components.get(setting.component)
        if component is None:
            findings.append(_unknown(setting.component, ("options", index)))
            continue
        try:
            components[setting.component] = _set(component, setting)
        except LookupError:
            message = (
                f"The overlay sets {'.'.join(map(str, setting.path)) or 'an empty path'} of {component.id}, "
                "which has no such place. Correct the path."
            )
            findings.append(error("overlay.path", message, component.id, setting.path))
    changed = msgspec.structs.replace(
        document,
        components=tuple(components[each.id] for each in document.components),
        variables={**document.variables, **overlay.variables},
    )
    return changed, findings


def _set(component: Component, setting: Setting) -> Component:
    if not setting.path:
        raise LookupError
    options = _placed(component.options, setting.path, setting)
    return msgspec.structs.replace(component, options=options)


def _placed(value: Any, path: Path, setting: Setting) -> Any:
    """Return a copy of `value` with the setting at `path`. Raises LookupError when there is no way."""
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping) and isinstance(step, str):
        if rest:
            inner = {} if value.get(step) is None else value[step]
            return {**value, step: _placed(inner, rest, setting)}
        if setting.remove:
            return {key: inner for key, inner in value.items() if key != step}
        return {**value, step: setting.value}
    if not isinstance(value, list | tuple) or not isinstance(step, int) or not 0 <= step <= len(value):
        raise LookupError(step)
    items = list(value)
    if not rest:
        items[step : step + 1] = [] if setting.remove else [setting.value]
    elif step == len(items):
        raise LookupError(step)
    else:
        items[step] = _placed(items[step], rest, setting)
    return items


def _unknown(name: str, path: Path) -> Finding:
    message = f"The overlay names {name}, which is not a component of this pipeline. Correct or remove it."
    return error("overlay.unknown-component", message, path=("overlay", *path))
