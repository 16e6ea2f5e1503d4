"""Writing values as YAML that any reader of YAML 1.1 or 1.2 understands alike."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yaml.resolver import Resolver

from vectorflow_topology.text.core import BASED, FLOAT, INTEGER

_UNSAFE_IN_BLOCK = re.compile(
    "[\r\x85\u2028\u2029\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]|[ \t]\n|[ \t]\\Z|\\A[ \t\n]|\n\n\\Z"
)
_TEXT = "tag:yaml.org,2002:str"
_NULL = yaml.ScalarEvent(None, None, (True, False), "null")
_TRUE = yaml.ScalarEvent(None, None, (True, False), "true")
_FALSE = yaml.ScalarEvent(None, None, (True, False), "false")
_RESOLVER = Resolver()
_UNLIMITED = 1_000_000_000


class DoubleQuoted(str):
    """Text that must stand between double quotes, because something is put in its place later."""

    __slots__ = ()


class Inline(list[Any]):
    """A list that is written on one line."""


def write_yaml(value: Mapping[str, Any]) -> str:
    """Return `value` as YAML, keys in their given order, lines never folded, ending with a newline."""
    written: str = yaml.emit(_document(value), Dumper=yaml.CSafeDumper, allow_unicode=True, width=_UNLIMITED)
    return written


def _document(value: Any) -> Iterator[yaml.Event]:
    # Events go straight to the emitter: building nodes first would take three times as long.
    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=False)
    yield from _events(value)
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def _events(value: Any) -> list[yaml.Event]:
    events: list[yaml.Event] = []
    _add(events, value)
    return events


def _add(events: list[yaml.Event], value: Any) -> None:
    if isinstance(value, str):
        events.append(_text(value) if type(value) is str else _marked(value))
    elif isinstance(value, Mapping):
        events.append(yaml.MappingStartEvent(None, None, True, flow_style=False))
        for key, inner in value.items():
            events.append(_text(key))
            _add(events, inner)
        events.append(yaml.MappingEndEvent())
    elif isinstance(value, list | tuple):
        events.append(yaml.SequenceStartEvent(None, None, True, flow_style=isinstance(value, Inline)))
        for inner in value:
            _add(events, inner)
        events.append(yaml.SequenceEndEvent())
    else:
        events.append(_plain(value))


@functools.lru_cache(maxsize=4096)
def _text(text: str) -> yaml.ScalarEvent:
    style = None
    if "\n" in text:
        style = '"' if _UNSAFE_IN_BLOCK.search(text) else "|"
    elif not text.isprintable():
        style = '"'
    # PyYAML resolves as YAML 1.1 does; texts that only 1.2 takes for numbers must be quoted too.
    is_number = INTEGER.match(text) or BASED.match(text) or FLOAT.match(text)
    resolved: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    is_text = not is_number and resolved == _TEXT
    return yaml.ScalarEvent(None, None, (is_text, True), text, style=style)


def _marked(text: str) -> yaml.ScalarEvent:
    return yaml.ScalarEvent(None, None, (False, True), str(text), style='"')


def _plain(value: float | bool | None) -> yaml.ScalarEvent:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    text = repr(value)
    if isinstance(value, float) and "." not in text and "e" in text:
        text = text.replace("e", ".0e", 1)  # YAML 1.1 takes 1e5 for text
    return yaml.ScalarEvent(None, None, (True, False), text)
