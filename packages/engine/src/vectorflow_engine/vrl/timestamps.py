"""Timestamps on their way through VRL, which this binding takes and gives only as text.

An event keeps a timestamp as `Timestamp`: RFC 3339 text that remembers what it is. Before a program
runs, top-level timestamps that it names are parsed in VRL; afterwards, VRL's own way of printing one
becomes `Timestamp` again. Best effort: nested timestamps enter VRL as text.
"""

import datetime
import re
from typing import Any

_PRINTED = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) UTC\Z")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Timestamp(str):
    """An instant as RFC 3339 text in UTC (``2026-01-01T00:00:00.123456Z``)."""

    __slots__ = ()


def now() -> Timestamp:
    """This instant, to the microsecond."""
    text = datetime.datetime.now(datetime.UTC).isoformat()
    return Timestamp(text[:-6] + "Z")


def prologue(keys: tuple[str, ...]) -> str:
    """VRL on one line (so that positions keep their line) that types these top-level fields."""
    return "".join(f'.{key} = parse_timestamp(.{key}, "%+") ?? .{key}; ' for key in keys)


def typed_keys(event: dict[str, Any], program: str) -> tuple[str, ...]:
    """Top-level fields of ``event`` that hold a timestamp and that ``program`` names."""
    return tuple(
        key
        for key, value in event.items()
        if type(value) is Timestamp and key in program and _PLAIN_KEY.match(key)
    )


def restore(before: Any, after: Any) -> Any:
    """``after`` with printed timestamps typed again, and those that only passed through as well."""
    if type(after) is not dict:
        return _restore_value(after)
    for key, value in after.items():
        kind = type(value)
        if kind is str:
            if value[-4:] == " UTC":
                after[key] = _restore_value(value)
        elif kind is dict or kind is list:
            _restore_value(value)
    for key, value in before.items():
        if type(value) is Timestamp and after.get(key) == value:
            after[key] = value
    return after


def _restore_value(value: Any) -> Any:
    if type(value) is str:
        hit = _PRINTED.match(value) if value[-4:] == " UTC" else None
        return Timestamp(f"{hit[1]}T{hit[2]}Z") if hit else value
    if type(value) is dict:
        for key, inner in value.items():
            if type(inner) in (str, dict, list):
                value[key] = _restore_value(inner)
    elif type(value) is list:
        for index, inner in enumerate(value):
            if type(inner) in (str, dict, list):
                value[index] = _restore_value(inner)
    return value
