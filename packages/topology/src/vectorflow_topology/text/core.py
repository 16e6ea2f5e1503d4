"""How plain YAML scalars become values under the YAML 1.2 core schema, which Vector's reader follows."""

from __future__ import annotations

import re

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {
    text: value for value in (True, False) for text in (f"{value}", f"{value}".lower(), f"{value}".upper())
}
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
INTEGER = re.compile(r"[-+]?[0-9]+\Z")
BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")

LARGEST = 2**63 - 1
SMALLEST = -(2**63)


class ScalarRefused(ValueError):
    """A number that Vector cannot read."""


def scalar(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar. Raises `ScalarRefused` for NaN, infinity and integers beyond 64 bits."""
    first = text[:1]
    if first.isalpha() or first in ("/", "_", "*", "{", "%", "$", "("):
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        return None if text in _NULL else text
    if text in _NULL:
        return None
    if INTEGER.match(text):
        return _bounded(text, 10)
    if BASED.match(text):
        return _bounded(text[2:], 8 if text[1] == "o" else 16)
    if FLOAT.match(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ScalarRefused(f"The number {text[:40]} is too large.")
        return value
    if _SPECIAL.match(text):
        raise ScalarRefused("NaN and infinity are not numbers that Vector reads.")
    return text


def _bounded(digits: str, base: int) -> int:
    if len(digits) > 70:
        raise ScalarRefused("The number does not fit into 64 bits.")
    value = int(digits, base)
    if not SMALLEST <= value <= LARGEST:
        raise ScalarRefused(f"The number {value} does not fit into 64 bits.")
    return value
