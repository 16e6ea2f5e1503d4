"""Where values stand in a file, also in TOML, and where a line of a program within a value stands."""

import re
from collections.abc import Iterator

from vectorflow.entry.files.given import File
from vectorflow_topology.findings import Path

Place = tuple[int, int]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?\Z")
_KEY = re.compile(
    r"""(\s*)((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)\s*=\s*"""
)
_STEP = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'""")
_FENCE = re.compile(r"\"\"\"|'''")
_ESCAPES = {"x": 4, "u": 6, "U": 10}


class Places:
    """The places of one file's values; line and column count from 1."""

    def __init__(self, file: File) -> None:
        text = file.raw.decode(errors="replace").removeprefix("\ufeff")
        self._lines = text.split("\n")
        self._positions = dict(file.positions)
        # Only TOML comes without positions, and only there three quotes are a sign of their own.
        self._is_toml = not self._positions and isinstance(file.value, dict)
        if self._is_toml:
            for path, place in _toml_places(self._lines):
                self._positions.setdefault(path, place)

    def nearest(self, path: Path, least: int = 1) -> Place | None:
        """Where a value stands, or the nearest one around it with a path of at least so many steps."""
        found = self._positions
        return next(
            (found[path[:end]] for end in range(len(path), least - 1, -1) if path[:end] in found), None
        )

    def in_program(self, path: Path, line: int, column: int) -> Place | None:
        """Where a place of the program that stands at `path` stands in the file; its beginning if unknown."""
        start = self._positions.get(path)
        if start is None:
            return self.nearest(path)
        row, offset = start[0] - 1, start[1] - 1
        if row >= len(self._lines):
            return start
        begins = self._lines[row][offset:]
        if begins.startswith("|"):
            indent = self._indent(row + 1)
            return start[0] + line, indent + column
        if self._is_toml and begins.startswith(("'''", '"""')):
            if begins[3:].strip("\r"):
                return start[0] + line - 1, column + (offset + 3 if line == 1 else 0)
            return start[0] + line, column
        if begins.startswith('"'):
            return start[0], offset + 2 + _escaped_offset(begins[1:], line, column)
        if line > 1 or begins.startswith((">", "*", "&")):
            return start
        if begins.startswith("'"):
            return start[0], offset + 1 + column + (0 if self._is_toml else _doubled(begins[1:], column))
        return start[0], offset + column

    def _indent(self, row: int) -> int:
        first = next((each for each in self._lines[row:] if each.strip()), "")
        return len(first) - len(first.lstrip(" "))


def _escaped_offset(text: str, line: int, column: int) -> int:
    """How far into a double-quoted text its decoded place stands."""
    offset, row, inside = 0, 1, 1
    while offset < len(text) and (row, inside) < (line, column):
        if text[offset] == '"':
            break
        newline = text.startswith("\\n", offset)
        offset += _ESCAPES.get(text[offset + 1 : offset + 2], 2) if text[offset] == "\\" else 1
        row, inside = (row + 1, 1) if newline else (row, inside + 1)
    return offset


def _doubled(text: str, column: int) -> int:
    """How many quotes before a decoded column are written twice, as YAML wants them."""
    inside = offset = 0
    while inside < column - 1 and offset < len(text):
        offset += 2 if text.startswith("''", offset) else 1
        inside += 1
    return offset - inside


def _toml_places(lines: list[str]) -> Iterator[tuple[Path, Place]]:
    """Tables and keys that begin a line; the parser has accepted the text, so the rest may be coarse."""
    table: Path = ()
    counts: dict[Path, int] = {}
    fence = ""
    for number, line in enumerate(lines, 1):
        if fence:
            fence = "" if fence in line else fence
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _steps(header.group(2))
            if header.group(1) == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, (number, line.index("[") + 1)
            continue
        key = _KEY.match(line)
        if key is not None:
            yield (*table, *_steps(key.group(2))), (number, key.end() + 1)
        opened = _FENCE.findall(line)
        if len(opened) % 2:
            fence = opened[-1]


def _steps(dotted: str) -> Path:
    return tuple(step.strip("\"'") for step in _STEP.findall(dotted))
