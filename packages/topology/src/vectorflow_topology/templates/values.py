"""Parameters as somebody gave them, judged and brought into one form."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vectorflow_topology.findings import Finding, error
from vectorflow_topology.templates.types import FIELD, SECRET_NAME, Parameter, Template

MOST_TEXT = 2_000
MOST_LISTED = 200

_FIELD = re.compile(FIELD)
_SECRET = re.compile(SECRET_NAME)


def settled(template: Template, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Return every parameter's value, and findings for those that cannot be used, at `parameters.<name>`."""
    return settled_parameters(template.parameters, given)


def settled_parameters(
    parameters: Sequence[Parameter], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the value of each of these parameters, and findings, as `settled` does."""
    known = {each.name for each in parameters}
    findings = [
        _wrong(name, f"The template has no parameter {name[:80]!r}.") for name in given if name not in known
    ]
    values: dict[str, Any] = {}
    for parameter in parameters:
        value = given.get(parameter.name, parameter.default)
        if value is None or value in ("", []):
            if parameter.default in ("", []) and value is not None:
                values[parameter.name] = value
            else:
                findings.append(_wrong(parameter.name, f"{parameter.title} is needed."))
            continue
        problem = next(_problems(parameter, value), None)
        if problem is not None:
            findings.append(_wrong(parameter.name, f"{parameter.title}: {problem}"))
        else:
            values[parameter.name] = _normal(parameter, value)
    return values, findings


def _problems(parameter: Parameter, value: Any) -> Iterator[str]:
    kind = parameter.type
    if kind in ("texts", "fields"):
        if not isinstance(value, list | tuple) or len(value) > MOST_LISTED:
            yield f"give a list of at most {MOST_LISTED}."
            return
        for each in value:
            yield from _text_problems("field" if kind == "fields" else "text", each)
    elif kind == "number":
        yield from _number_problems(parameter, value)
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield "say yes or no."
    elif kind == "choice":
        if value not in parameter.choices:
            yield f"choose one of {', '.join(parameter.choices)}."
    else:
        yield from _text_problems(kind, value)


def _number_problems(parameter: Parameter, value: Any) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield "give a number."
        return
    if parameter.minimum is not None and value < parameter.minimum:
        yield f"give at least {parameter.minimum:g}."
    if parameter.maximum is not None and value > parameter.maximum:
        yield f"give at most {parameter.maximum:g}."


def _text_problems(kind: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield "give text."
    elif len(value) > MOST_TEXT:
        yield f"give at most {MOST_TEXT} characters."
    elif any(not each.isprintable() and each not in "\n\t" for each in value):
        yield "leave out control characters."
    elif kind == "field" and not _FIELD.fullmatch(value):
        yield f"{value[:80]!r} is not a field; write it like .user.email."
    elif kind == "secret" and not _SECRET.fullmatch(value):
        yield f"{value[:80]!r} is not the name of a secret."


def _normal(parameter: Parameter, value: Any) -> Any:
    if parameter.type == "field":
        return f".{value.lstrip('.')}"
    if parameter.type == "fields":
        return [f".{each.lstrip('.')}" for each in value]
    return list(value) if parameter.type == "texts" else value


def _wrong(name: str, message: str) -> Finding:
    return error("template.parameter", message, path=("parameters", name))
