"""Reading YAML with positions and limits, without ever building what a hostile file asks for."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from vectorflow_topology.findings import Finding, FindingsError, Path, error
from vectorflow_topology.text.core import ScalarRefused, scalar

MAX_DEPTH = 64
"""How deep collections may nest."""

MAX_VALUES = 200_000
"""How many values a text may hold, aliases counted with all they stand for."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Positions = dict[Path, tuple[int, int]]


class Refused(FindingsError):
    """The text cannot be read; the findings say where and why."""


class Read(msgspec.Struct, frozen=True):
    """What a text says: its value, and where each value begins (line and column from 1).

    `keys` tells the same of keys, in YAML and JSON.
    """

    value: Any
    positions: Positions
    keys: Positions = {}


def read_yaml(text: str) -> Read:
    """Read one YAML document. Raises `Refused` for anything that Vector would not read alike."""
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        line, column = place_of(text, odd.start())
        message = f"The character U+{ord(odd.group()):04X} may not stand in YAML; write it as an escape."
        raise Refused([error("import.character", message, line=line, column=column)])
    reader = _Reader()
    loader = yaml.CSafeLoader(text)
    try:
        while True:
            event = loader.get_event()
            if event is None or isinstance(event, yaml.StreamEndEvent):
                break
            reader.take(event)
    except yaml.MarkedYAMLError as problem:
        raise Refused([_syntax(problem, text)]) from None
    finally:
        loader.dispose()
    return Read(reader.value, reader.positions, reader.keys)


class _Frame:
    """A collection being read."""

    __slots__ = ("anchor", "is_map", "key", "merges", "merging", "path", "size", "value")

    def __init__(self, value: Any, path: Path, anchor: str | None) -> None:
        self.value = value
        self.is_map = isinstance(value, dict)
        self.path = path
        self.anchor = anchor
        self.key: str | None = None
        self.merging = False
        self.merges: list[Any] = []
        self.size = 1


class _Reader:
    """Turns parser events into values. Merge keys are applied when their mapping ends."""

    def __init__(self) -> None:
        self.value: Any = None
        self.positions: Positions = {}
        self.keys: Positions = {}
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._open(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._open(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise _refused(event, "import.documents", "The text holds more than one YAML document.")

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        top = self._stack[-1] if self._stack else None
        if event.tag is not None and event.tag != "!":
            raise _refused(
                event, "import.tag", f"The tag {event.tag[:60]} is not something that Vector reads."
            )
        if top is not None and top.is_map and top.key is None:
            self._key(event, text, top)
            return
        value: Any = text
        if event.implicit[0]:
            try:
                value = scalar(text)
            except ScalarRefused as problem:
                raise _refused(event, "import.number", str(problem)) from None
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._place(event, value, 1)

    def _key(self, event: Any, text: str, top: _Frame) -> None:
        if event.implicit[0]:
            if text == "<<":
                top.key = "<<"
                top.merging = True
                return
            if text and not text[0].isalpha() and not isinstance(_lenient(text), str):
                raise _refused(event, "import.key", f"The key {text[:60]} is not text; put it in quotes.")
            if text in ("null", "true", "false", "~", ""):
                raise _refused(
                    event, "import.key", f"The key {text or 'that is empty'} is not text; put it in quotes."
                )
        if text in top.value:
            raise _refused(event, "import.duplicate-key", f"The key {text[:60]} stands here a second time.")
        top.key = text
        mark = event.start_mark
        self.keys[(*top.path, text)] = (mark.line + 1, mark.column + 1)

    def _open(self, event: Any, value: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _refused(event, "import.too-deep", f"Values may nest at most {MAX_DEPTH} deep.")
        if event.tag is not None and event.tag != "!":
            raise _refused(
                event, "import.tag", f"The tag {event.tag[:60]} is not something that Vector reads."
            )
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_map and top.key is None:
            raise _refused(event, "import.key", "A list or mapping cannot be a key.")
        path = self._path(top)
        self._count(event, 1)
        self.positions[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        frame = _Frame(value, path, event.anchor)
        self._stack.append(frame)

    def _close(self) -> None:
        frame = self._stack.pop()
        for merged in frame.merges:
            for key, value in merged.items():
                frame.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, frame.size)
        self._attach(frame.value, frame.size)

    def _alias(self, event: Any) -> None:
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_map and top.key is None:
            raise _refused(event, "import.key", "An alias cannot be a key.")
        if event.anchor not in self._anchors:
            raise _refused(event, "import.alias", f"Nothing is named &{event.anchor[:60]} before this point.")
        value, size = self._anchors[event.anchor]
        self._count(event, size)
        self._place(event, value, size, counted=True)

    def _place(self, event: Any, value: Any, size: int, *, counted: bool = False) -> None:
        if not counted:
            self._count(event, size)
        top = self._stack[-1] if self._stack else None
        self.positions[self._path(top)] = (event.start_mark.line + 1, event.start_mark.column + 1)
        self._attach(value, size)

    def _attach(self, value: Any, size: int) -> None:
        if not self._stack:
            self.value = value
            return
        top = self._stack[-1]
        top.size += size
        if not top.is_map:
            top.value.append(value)
        elif top.merging:
            if not _is_merge(value):
                where = self.positions.get((*top.path, "<<"), (None, None))
                message = "Only mappings can be merged with <<."
                raise Refused([error("import.merge", message, line=where[0], column=where[1])])
            top.merges.extend(value if isinstance(value, list) else [value])
        else:
            top.value[top.key] = value
        top.key = None
        top.merging = False

    def _path(self, top: _Frame | None) -> Path:
        if top is None:
            return ()
        return (*top.path, top.key if top.is_map and top.key is not None else len(top.value))

    def _count(self, event: Any, size: int) -> None:
        self._values += size
        if self._values > MAX_VALUES:
            raise _refused(event, "import.too-large", f"The text stands for more than {MAX_VALUES} values.")


def _is_merge(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and all(isinstance(each, dict) for each in value)
    )


def _lenient(text: str) -> Any:
    try:
        return scalar(text)
    except ScalarRefused:
        return 0


def _refused(event: Any, rule: str, message: str) -> Refused:
    mark = event.start_mark
    return Refused([error(rule, message, line=mark.line + 1, column=mark.column + 1)])


def _syntax(problem: yaml.MarkedYAMLError, text: str) -> Finding:
    mark = problem.problem_mark or problem.context_mark
    words = str(problem.problem or problem.context or "it cannot be read")
    if "nesting depth" in words:  # the parser's own limit comes first where it has one
        return error("import.too-deep", f"Values may nest at most {MAX_DEPTH} deep.")
    if mark is None:
        return error("import.syntax", f"This is not YAML: {words}.")
    line, column = mark.line + 1, mark.column + 1
    lines = text.splitlines()
    if line > len(lines):  # what is missing at the end is missing after the last character
        line, column = max(len(lines), 1), len(lines[-1]) + 1 if lines else 1
    elif lines[mark.line][mark.column : mark.column + 1] == "\t":
        words = "a tab stands where only spaces may; indent with spaces"
    return error("import.syntax", f"This is not YAML: {words}.", line=line, column=column)


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset into a text."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1
