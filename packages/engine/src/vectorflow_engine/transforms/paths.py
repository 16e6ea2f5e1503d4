"""Fields of events by their path (``a.b[0]``), for options that name one."""

import re
from collections.abc import Callable
from typing import Any

from vectorflow_engine.config.errors import ConfigError

MISSING = object()

_STEP = re.compile(r'\.?(?:([A-Za-z_@][\w@]*)|"((?:[^"\\]|\\.)*)"|\[(-?\d+)\])')
_TEMPLATE = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")


def getter(path: str) -> Callable[[Any], Any]:
    """A function that finds the field in an event, or `MISSING`; raises `ConfigError`."""
    steps = steps_of(path)
    if len(steps) == 1 and isinstance(steps[0], str):
        key = steps[0]
        return lambda event: event.get(key, MISSING)

    def find(event: Any) -> Any:
        for step in steps:
            try:
                event = event[step]
            except (KeyError, IndexError, TypeError):
                return MISSING
        return event

    return find


def steps_of(path: str) -> list[str | int]:
    """The steps of a path; raises `ConfigError`."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        hit = _STEP.match(path, position)
        if not hit:
            break
        steps.append(int(hit[3]) if hit[3] else (hit[1] or hit[2]))
        position = hit.end()
    if not steps or position < len(path):
        raise ConfigError(f"{path!r} is no valid field path")
    return steps


def fields_in(template: str) -> list[str]:
    """The paths that a template names."""
    return _TEMPLATE.findall(template)


def template(text: str) -> Callable[[Any], str | None]:
    """A function that fills ``{{ field }}`` in from an event; None when a field is missing."""
    parts = _TEMPLATE.split(text)
    finders = [getter(part) for part in parts[1::2]]
    literals = parts[0::2]
    if not finders:
        return lambda _: text

    def render(event: Any) -> str | None:
        made = literals[0]
        for find, literal in zip(finders, literals[1:], strict=True):
            value = find(event)
            if value is MISSING or value is None or isinstance(value, (dict, list)):
                return None
            made += _shown(value) + literal
        return made

    return render


def _shown(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
