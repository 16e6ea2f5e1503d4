"""Whether a value is of a type that the catalogue names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vectorflow_topology.catalogue import OptionSpec


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


_FITS: dict[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list | tuple),
    "object": _is_mapping,
    "map": _is_mapping,
    "condition": lambda value: isinstance(value, str | Mapping),
    "vrl": _is_text,
    "any": lambda _: True,
}

_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of options",
    "map": "a mapping",
    "condition": "a condition",
    "vrl": "a program",
    "any": "any value",
}


def type_fits(spec: OptionSpec, value: Any) -> bool:
    """Say whether a value has the type of an option, or another that is read as well."""
    if spec.type == "union":
        return any(type_fits(each, value) for each in spec.any_of or ())
    return _FITS[spec.type](value) or any(_FITS[other](value) for other in spec.also)


def named_type(spec: OptionSpec) -> str:
    """Return the type of an option in words."""
    if spec.type == "union":
        return " or ".join(dict.fromkeys(named_type(each) for each in spec.any_of or ()))
    return " or ".join(_NAMES[kind] for kind in (spec.type, *spec.also))
