"""A component's options against the catalogue: names, types, choices, versions, what is missing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue import Catalogue, ComponentSpec, OptionSpec
from vectorflow_topology.catalogue.conditions import holds
from vectorflow_topology.catalogue.sensitive import secrecy_of
from vectorflow_topology.checks.values import named_type, type_fits
from vectorflow_topology.compiler.types import SECTIONS, Rendered, Target, version_key
from vectorflow_topology.document import Component
from vectorflow_topology.findings import Finding, Path, error, note, warning


def component_findings(component: Component, known: Catalogue, target: Target) -> Iterator[Finding]:
    """Judge one component; its options must be resolved already."""
    spec = known.spec(component)
    if spec is None:
        yield _unknown_type(component, known)
        return
    version = version_key(target.vector_version)
    if spec.since and version_key(spec.since) > version:
        message = f"The {spec.kind} {spec.type} exists from Vector {spec.since} on; this is for {target.vector_version}."
        yield error("component.too-new", message, component.id)
    if spec.removed and version_key(spec.removed) <= version:
        message = f"The {spec.kind} {spec.type} was removed in Vector {spec.removed}."
        yield error("component.removed", message, component.id)
    yield from _Judge(component.id, spec, target).object(component.options, spec.options, spec.one_of, ())


def root_findings(rendered: Rendered, known: Catalogue, target: Target) -> Iterator[Finding]:
    """Judge the global settings and enrichment tables; they must be resolved already."""
    root = {key: value for key, value in rendered.config.items() if key not in _SECTIONS}
    for finding in _Judge(None, _ROOT, target).object(root, known.root, (), ()):
        tables = finding.path[:1] == ("enrichment_tables",)
        yield finding if tables else msgspec.structs.replace(finding, path=("globals", *finding.path))


def _unknown_type(component: Component, known: Catalogue) -> Finding:
    types = [spec.type for spec in known.components if spec.kind == component.kind]
    close = difflib.get_close_matches(component.type, types, 1)
    other = next((spec.kind for spec in known.components if spec.type == component.type), None)
    hint = f" Did you mean {close[0]}?" if close else f" There is a {other} of that name." if other else ""
    message = f"There is no {component.kind} of the type {component.type} in the catalogue; it is kept as it is.{hint}"
    fix = {"action": "set_type", "component": component.id, "value": close[0]} if close else None
    return warning("component.unknown-type", message, component.id, fix=fix)


_SECTIONS = frozenset((*SECTIONS.values(), "tests"))
_ROOT = ComponentSpec(
    type="the configuration", kind="source", title="", help="", status="", category="", closed=True
)


class _Judge:
    """Walks the options of one component."""

    def __init__(self, component_id: str | None, spec: ComponentSpec, target: Target) -> None:
        self._id = component_id
        self._spec = spec
        self._target = target.vector_version
        self._version = version_key(target.vector_version)

    def object(
        self,
        options: Mapping[str, Any],
        specs: Mapping[str, OptionSpec],
        groups: tuple[tuple[str, ...], ...],
        path: Path,
        rest: OptionSpec | None = None,
    ) -> Iterator[Finding]:
        """Judge a mapping with named options."""
        names = {alias: name for name, spec in specs.items() for alias in spec.aliases}
        given = {names.get(key, key): key for key, value in options.items() if value is not None}
        plain = {name: options[key] for name, key in given.items()}
        for key, value in options.items():
            spec = specs.get(names.get(key, key), rest)
            if spec is None:
                if not (path == () and key in ("type", "inputs")):
                    yield self._unknown(key, specs, (*path, key))
            elif value is not None:
                yield from self._lifetime(spec, (*path, key), specs, given)
                yield from self._given(spec, value, (*path, key), holds(spec.relevant_when, plain, specs))
        for name, spec in specs.items():
            if name not in given and (spec.required or spec.required_when):
                yield from self._missing(name, spec, plain, specs, path)
        for group in groups:
            yield from self._group(group, given, path)

    def _given(self, spec: OptionSpec, value: Any, path: Path, relevant: bool | None) -> Iterator[Finding]:
        if relevant is False:
            message = f"{_dotted(path)} has no effect here; it counts only when {spec.relevant_when}."
            yield note("option.no-effect", message, self._id, path, fix=self._removal(path))
        yield from self.value(spec, value, path)

    def value(self, spec: OptionSpec, value: Any, path: Path) -> Iterator[Finding]:
        """Judge one value, with everything in it."""
        if not type_fits(spec, value):
            shown = "this" if secrecy_of(self._spec, path) else _shown(value)
            message = f"{_dotted(path)} must be {named_type(spec)}, not {shown}."
            yield error("option.wrong-type", message, self._id, path)
            return
        if isinstance(value, str):
            yield from self._text(spec, value, path)
        elif isinstance(value, Mapping):
            yield from self._mapping(spec, value, path)
        elif isinstance(value, list | tuple):
            for index, inner in enumerate(value if spec.items else ()):
                if spec.items and inner is not None:
                    yield from self.value(spec.items, inner, (*path, index))
        elif spec.type == "integer" and not spec.signed and isinstance(value, int) and value < 0:
            yield error("option.out-of-range", f"{_dotted(path)} cannot be negative.", self._id, path)

    def _mapping(self, spec: OptionSpec, value: Mapping[str, Any], path: Path) -> Iterator[Finding]:
        if spec.options is not None:
            yield from self.object(value, spec.options, spec.one_of, path, spec.values)
        elif spec.values is not None:
            for key, inner in value.items():
                yield from self.value(spec.values, inner, (*path, key))
        elif spec.type == "condition" and not isinstance(value.get("type"), str):
            yield error(
                "option.missing", f"{_dotted(path)} needs a type, such as vrl.", self._id, (*path, "type")
            )

    def _text(self, spec: OptionSpec, value: str, path: Path) -> Iterator[Finding]:
        if spec.enum and value not in spec.enum and "SECRET[" not in value:
            close = difflib.get_close_matches(value, spec.enum, 1)
            choices = ", ".join(spec.enum)
            message = f"{_dotted(path)} cannot be {_shown(value)}; choose one of {choices}."
            fix = (
                {"action": "set_option", "component": self._id, "path": list(path), "value": close[0]}
                if close
                else None
            )
            yield error("option.bad-choice", message, self._id, path, fix=fix)
        if spec.length is not None and len(value) != spec.length:
            yield error(
                "option.bad-length", f"{_dotted(path)} must be exactly one character.", self._id, path
            )
        if spec.type in ("vrl", "condition") and not value.strip():
            yield error("option.empty-program", f"{_dotted(path)} is empty; write a program.", self._id, path)

    def _missing(
        self,
        name: str,
        spec: OptionSpec,
        given: Mapping[str, Any],
        specs: Mapping[str, OptionSpec],
        path: Path,
    ) -> Iterator[Finding]:
        needed = spec.required_when if spec.required_when else spec.relevant_when
        if holds(needed, given, specs) is True and not (
            spec.since and version_key(spec.since) > self._version
        ):
            where = (*path, name)
            message = f"{_dotted(where)} is missing; {self._spec.type} needs it."
            fix = {"action": "set_option", "component": self._id, "path": list(where), "value": None}
            yield error("option.missing", message, self._id, where, fix=fix)

    def _group(self, group: tuple[str, ...], given: Mapping[str, str], path: Path) -> Iterator[Finding]:
        present = [name for name in group if name in given]
        choices = ", ".join(group)
        if not present:
            message = f"One of {choices} is missing; {self._spec.type} needs one of them."
            yield error("option.one-of-missing", message, self._id, (*path, group[0]))
        elif len(present) > 1:
            message = f"{', '.join(present)} exclude each other; keep one of them."
            yield error("option.one-of-conflict", message, self._id, (*path, given[present[1]]))

    def _lifetime(
        self, spec: OptionSpec, path: Path, specs: Mapping[str, OptionSpec], given: Mapping[str, str]
    ) -> Iterator[Finding]:
        if spec.since and version_key(spec.since) > self._version:
            message = f"{_dotted(path)} exists from Vector {spec.since} on; this is for {self._target}."
            yield error("option.too-new", message, self._id, path, fix=self._removal(path))
        elif spec.removed and version_key(spec.removed) <= self._version:
            message = f"{_dotted(path)} was removed in Vector {spec.removed}."
            yield error("option.removed", message, self._id, path, fix=self._removal(path))
        elif spec.deprecated:
            instead = f" Use {spec.replaced_by} instead." if spec.replaced_by else ""
            fix = self._succession(spec, path, specs, given)
            message = f"{_dotted(path)} is deprecated.{instead}"
            yield warning("option.deprecated", message, self._id, path, fix=fix)

    def _unknown(self, key: str, specs: Mapping[str, OptionSpec], path: Path) -> Finding:
        visible = [name for name, spec in specs.items() if not spec.hidden]
        close = difflib.get_close_matches(key, visible, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        fix = self._renaming(path, close[0]) if close else self._removal(path)
        if self._spec.closed and len(path) == 1:
            message = (
                f"{self._spec.type} has no option {key}, and Vector refuses options it does not know.{hint}"
            )
            return error("option.unknown", message, self._id, path, fix=fix)
        message = f"{_dotted(path)} is not an option in the catalogue; it is kept as it is.{hint}"
        return warning("option.unknown", message, self._id, path, fix=fix)

    def _succession(
        self, spec: OptionSpec, path: Path, specs: Mapping[str, OptionSpec], given: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """The click that puts a deprecated option's value where it belongs now; None where it would need another form.

        Where a list took the place of a single value, the value becomes the only one of the list.
        """
        to = (spec.replaced_by or "").split(".")
        successor = self._at(specs, to)
        if successor is None or to[0] in given:
            return None
        items = successor.items if successor.type == "array" else None
        as_list = items is not None and items.type == spec.type
        if not (as_list or successor.type == spec.type):
            return None
        if len(to) == 1 and not as_list:
            return self._renaming(path, to[0])
        fix = {"action": "move_option", "component": self._id, "path": list(path), "to": to}
        return fix | {"as_list": True} if as_list else fix

    def _at(self, specs: Mapping[str, OptionSpec], names: list[str]) -> OptionSpec | None:
        """The option that these names lead to, if the target knows all of them."""
        spec = specs.get(names[0])
        if spec is None or (spec.since and version_key(spec.since) > self._version):
            return None
        return self._at(spec.options or {}, names[1:]) if names[1:] else spec

    def _renaming(self, path: Path, name: str) -> dict[str, Any]:
        return {"action": "rename_option", "component": self._id, "path": list(path), "value": name}

    def _removal(self, path: Path) -> dict[str, Any]:
        return {"action": "remove_option", "component": self._id, "path": list(path)}


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _shown(value: Any) -> str:
    """Name a value without showing what may be secret."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 24 and value.replace("_", "").isalnum() else "this text"
    return "a mapping" if isinstance(value, Mapping) else "a list"
