"""Writing values as YAML that any reader of YAML 1.1 or 1.2 understands alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from vectorflow_topology.text.core import BASED, FLOAT, INTEGER

_UNSAFE_IN_BLOCK = re.compile(
    "[\r\x85\u2028\u2029\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]|[ \t]\n|[ \t]\\Z|\\A[ \t\n]|\n\n\\Z"
)


class DoubleQuoted(str):
    """Text that must stand between double quotes, because something is put in its place later."""

    __slots__ = ()


class Inline(list[Any]):
    """A list that is written on one line."""


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, data: str) -> yaml.Node:
    style = None
    if "\n" in data:
        style = '"' if _UNSAFE_IN_BLOCK.search(data) else "|"
    elif not data.isprintable():
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _quoted(dumper: _Dumper, data: DoubleQuoted) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(data), style='"')


def _inline(dumper: _Dumper, data: Inline) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", list(data), flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(DoubleQuoted, _quoted)
_Dumper.add_representer(Inline, _inline)
# PyYAML follows YAML 1.1; texts that only 1.2 takes for numbers must be quoted too.
for _pattern in (INTEGER, BASED, FLOAT):
    _Dumper.add_implicit_resolver("tag:vectorflow,number", _pattern, list("-+.0123456789"))


def write_yaml(value: Mapping[str, Any]) -> str:
    """Return `value` as YAML, keys in their given order, lines never folded, ending with a newline."""
    written: str = yaml.dump(
        dict(value),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1_000_000_000,
    )
    return written
