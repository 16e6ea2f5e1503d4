"""From a template and values to a document. Values enter programs as literals, never as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_topology.document import Component, Document, Variable
from vectorflow_topology.findings import FindingsError
from vectorflow_topology.importer import import_text
from vectorflow_topology.templates.literals import vrl_literal
from vectorflow_topology.templates.types import Fixture, Parameter, Template
from vectorflow_topology.templates.values import settled

_VARIABLE_TYPES = {"number": "number", "boolean": "boolean"}


class TemplateRefused(FindingsError):
    """The parameters cannot be used; the findings say which and why."""


def render_template(template: Template, given: Mapping[str, Any]) -> Document:
    """Return the document that a template makes with these parameters. Raises `TemplateRefused`.

    Those of its fixtures that hold for the given parameters become the document's unit tests.
    """
    values, findings = settled(template, given)
    if findings:
        raise TemplateRefused(findings)
    filler = _Filler(template, values)
    config = {section: filler.fill(body) for section, body in template.pipeline.items()}
    imported = import_text(json.dumps(config), "json")
    if len(imported.documents) != 1:
        raise TemplateRefused(imported.findings)
    document = imported.documents[0].document
    tests = tuple(
        each.test for each in template.fixtures if _holds(template, each, values, filler.in_programs)
    )
    return msgspec.structs.replace(
        document,
        components=tuple(_noted(each, template.notes) for each in document.components),
        variables=filler.variables,
        tests=tests,
    )


def example_values(template: Template, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return parameters to look at a template with: its examples, and what is given besides."""
    return {**template.examples, **(more or {})}


class _Filler:
    """Puts values where a template has places for them."""

    def __init__(self, template: Template, values: Mapping[str, Any]) -> None:
        self._parameters = {each.name: each for each in template.parameters}
        self._values = values
        self.variables: dict[str, Variable] = {}
        self.in_programs: set[str] = set()

    def fill(self, value: Any) -> Any:
        """Return a part of the pipeline with its places filled."""
        if isinstance(value, Mapping):
            if value.keys() == {"parameter"}:
                return self._option(self._parameters[value["parameter"]])
            if value.keys() == {"join"}:
                return "".join(str(self.fill(each)) for each in value["join"])
            if value.keys() == {"vrl", "with"}:
                return self._program(value["vrl"], value["with"])
            return {key: self.fill(inner) for key, inner in value.items()}
        return [self.fill(each) for each in value] if isinstance(value, list) else value

    def _option(self, parameter: Parameter) -> Any:
        value = self._values[parameter.name]
        if parameter.type == "secret":
            return f"SECRET[{value}]"
        if not parameter.variable:
            return value
        kind: Any = _VARIABLE_TYPES.get(parameter.type, "string")
        self.variables[parameter.name] = Variable(type=kind, value=value)
        return f"VAR[{parameter.name}]"

    def _program(self, body: str, names: list[str]) -> str:
        self.in_programs.update(names)
        settings = [f"{name} = {vrl_literal(self._in_program(name))}" for name in names]
        return "\n".join(["# Settings", *settings, "", body])

    def _in_program(self, name: str) -> Any:
        """A field is a path there, as `get` and `set` take it."""
        value = self._values[name]
        kind = self._parameters[name].type
        if kind == "field":
            return _steps(value)
        return [_steps(each) for each in value] if kind == "fields" else value


def _steps(field: str) -> list[str]:
    return field.lstrip(".").split(".")


def _holds(template: Template, fixture: Fixture, values: Mapping[str, Any], in_programs: set[str]) -> bool:
    """Say whether a fixture's parameters are those given, as far as programs see them."""
    those, findings = settled(template, example_values(template, fixture.parameters))
    return not findings and all(those[name] == values[name] for name in in_programs)


def _noted(component: Component, notes: Mapping[str, str]) -> Component:
    note = notes.get(component.id)
    return msgspec.structs.replace(component, comment=note) if note else component
