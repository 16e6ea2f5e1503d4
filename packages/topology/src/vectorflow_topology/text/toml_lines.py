"""Where things stand in a TOML text, and its comments: the parser tells neither."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vectorflow_topology.findings import Path

_WORD = r"""(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(#.*)?\Z")
_KEY = re.compile(rf"(\s*)({_DOTTED})\s*=\s*")
_STEP = re.compile(_WORD)
_TOKEN = re.compile(r"""\"\"\"|'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#.*|[\[{]|[\]}]""")
_CLOSING = {'"""': re.compile(r'(?<!\\)(?:\\\\)*"""'), "'''": re.compile("'''")}


class TomlLine(NamedTuple):
    """A line that names something: the path, where its value begins, or what is only said about it.

    `column` and `line` count from 1. A line with a comment only has no path.
    """

    line: int
    column: int
    path: Path | None
    comment: str


def toml_lines(text: str) -> Iterator[TomlLine]:
    """Walk the keys, table headers and comments of a text that the parser has accepted."""
    table: Path = ()
    counts: dict[Path, int] = {}
    state = _State()
    for number, line in enumerate(text.split("\n"), 1):
        if state.is_open:
            comment = state.take(line)
            if comment:
                yield TomlLine(number, 1, None, comment)
            continue
        header, key = _HEADER.match(line), _KEY.match(line)
        if header is not None:
            table = _below(_steps(header.group(2)), counts)
            if header.group(1) == "[[":
                plain = table
                counts[plain] = counts.get(plain, -1) + 1
                table = (*plain, counts[plain])
            yield TomlLine(number, line.index("[") + 1, table, header.group(3) or "")
        elif key is not None:
            comment = state.take(line[key.end() :])
            yield TomlLine(number, key.end() + 1, (*table, *_steps(key.group(2))), comment)
        elif line.lstrip().startswith("#"):
            yield TomlLine(number, len(line) - len(line.lstrip()) + 1, None, line.strip())


class _State:
    """Whether a value goes on in the next line: a long text, or a list or mapping still open."""

    def __init__(self) -> None:
        self._fence = ""
        self._depth = 0

    @property
    def is_open(self) -> bool:
        return bool(self._fence) or self._depth > 0

    def take(self, rest: str) -> str:
        """Take in the rest of a line and return the comment at its end."""
        at = 0
        while at <= len(rest):
            if self._fence:
                end = _CLOSING[self._fence].search(rest, at)
                if end is None:
                    return ""
                self._fence, at = "", end.end()
                continue
            token = _TOKEN.search(rest, at)
            if token is None:
                return ""
            found, at = token.group(), token.end()
            if found.startswith("#"):
                return found
            if found in _CLOSING:
                self._fence = found
            elif found in "[{":
                self._depth += 1
            elif found in "]}":
                self._depth -= 1
        return ""


def _below(steps: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """A header below a list of tables goes on in the last of them."""
    path: Path = ()
    for index, step in enumerate(steps):
        path = (*path, step)
        if index < len(steps) - 1 and path in counts:
            path = (*path, counts[path])
    return path


def _steps(dotted: str) -> tuple[str, ...]:
    return tuple(step.strip("\"'") for step in _STEP.findall(dotted))
