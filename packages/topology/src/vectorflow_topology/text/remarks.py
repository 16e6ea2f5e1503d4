"""Comments of a configuration by the value they stand at, and writing them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from vectorflow_topology.document import Remark, pointer
from vectorflow_topology.findings import Path
from vectorflow_topology.text.reader import Read, Refused, read_yaml
from vectorflow_topology.text.toml_lines import toml_lines

MAX_REMARKS = 2_000
"""How many values may have comments."""


class _Comment(NamedTuple):
    line: int
    column: int
    text: str
    alone: bool


class _Place(NamedTuple):
    line: int
    column: int
    path: Path


def read_remarks(text: str, read: Read) -> dict[Path, Remark]:
    """Return the comments of a text that was read, without their marks.

    A comment on lines of its own belongs to what comes next, or, indented deeper than that or at the
    end, to what stands before it; one at the end of a line to the first value named on that line.
    """
    if "#" not in text:
        return {}
    if read.keys:
        comments, places = list(_yaml_comments(text)), _yaml_places(read)
    else:
        comments, places = _toml(text)
    return _placed(comments, places) if comments else {}


def write_remarks(text: str, remarks: Mapping[str, Remark]) -> str:
    """Return a YAML text with comments at the values they belong to, by `pointer`; none for missing values."""
    read = read_yaml(text)
    lines = text.splitlines()
    places = {place.path: place for place in _yaml_places(read)}
    paths = {pointer(path): path for path in places}
    last = _last_lines(places, len(lines))
    before: dict[int, list[str]] = {}
    after: dict[int, list[str]] = {}
    for key, remark in remarks.items():
        path = paths.get(key, ())
        place = places.get(path)
        if place is None and key:
            continue
        line, column = (place.line, place.column) if place else (1, 1)
        indent = " " * (column - 1)
        before.setdefault(line, []).extend(_marked(remark.before, indent))
        after.setdefault(last.get(path, len(lines)), []).extend(_marked(remark.after, indent))
        if remark.inline and place is not None:
            lines[line - 1] += f"  # {remark.inline}"
    written: list[str] = []
    for number, content in enumerate(lines, 1):
        written += [*before.get(number, ()), content, *after.get(number, ())]
    made = "\n".join(written) + "\n"
    return made if _means_the_same(made, read) else text


def _means_the_same(made: str, read: Read) -> bool:
    try:
        return bool(read_yaml(made).value == read.value)
    except Refused:
        return False


def _marked(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}".rstrip() for line in text.splitlines()] if text else []


def _yaml_places(read: Read) -> list[_Place]:
    """Where keys and list items begin, in the order of the text."""
    places = [_Place(line, column, path) for path, (line, column) in read.keys.items()]
    places += [
        _Place(line, column, path)
        for path, (line, column) in read.positions.items()
        if path and isinstance(path[-1], int)
    ]
    return sorted(places, key=lambda each: (each.line, each.column, len(each.path)))


def _last_lines(first: Mapping[Path, _Place], lines: int) -> dict[Path, int]:
    """The last line of each value: the one before the next value that is not within it."""
    ordered = sorted(first.values(), key=lambda each: (each.line, each.column, len(each.path)))
    last: dict[Path, int] = {}
    open_paths: list[Path] = []
    for place in ordered:
        while open_paths and place.path[: len(open_paths[-1])] != open_paths[-1]:
            last[open_paths.pop()] = max(place.line - 1, 1)
        open_paths.append(place.path)
    return last | dict.fromkeys(open_paths, lines)


def _yaml_comments(text: str) -> Iterator[_Comment]:
    """What the scanner skips between tokens; only there a hash begins a comment."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    end = end_line = 0
    for token in yaml.scan(text, Loader=yaml.CSafeLoader):
        mark = token.start_mark
        if mark.index > end:
            yield from _in_gap(text, end, mark.index, end_line, starts)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            header = text[mark.index : starts[mark.line + 1] - 1]
            if " #" in header:
                at = mark.index + header.index(" #") + 1
                yield _Comment(
                    mark.line + 1, at - starts[mark.line] + 1, header[header.index(" #") + 2 :].strip(), False
                )
        if token.end_mark.index >= end:
            end, end_line = token.end_mark.index, token.end_mark.line
    yield from _in_gap(text, end, len(text), end_line, starts)


def _in_gap(text: str, start: int, end: int, line: int, starts: list[int]) -> Iterator[_Comment]:
    gap = text[start:end]
    if "#" not in gap:
        return
    at = start
    for offset, part in enumerate(gap.split("\n")):
        if "#" in part:
            begins = at + part.index("#")
            alone = not text[starts[line + offset] : begins].strip()
            yield _Comment(
                line + offset + 1,
                begins - starts[line + offset] + 1,
                part[part.index("#") + 1 :].strip(),
                alone,
            )
        at += len(part) + 1


def _toml(text: str) -> tuple[list[_Comment], list[_Place]]:
    comments: list[_Comment] = []
    places: list[_Place] = []
    for each in toml_lines(text):
        if each.path is not None:
            places.append(_Place(each.line, 1, each.path))
        if each.comment:
            said = each.comment.lstrip("#").strip()
            comments.append(_Comment(each.line, 1, said, each.path is None))
    return comments, places


def _placed(comments: list[_Comment], places: list[_Place]) -> dict[Path, Remark]:
    before: dict[Path, list[str]] = {}
    inline: dict[Path, list[str]] = {}
    after: dict[Path, list[str]] = {}
    on_line: dict[int, Path] = {}
    for place in places:
        on_line.setdefault(place.line, place.path)
    at = 0
    for comment in comments:
        while at < len(places) and places[at].line < comment.line:
            at += 1
        following = places[at] if at < len(places) else None
        if not comment.alone:
            earlier = on_line.get(comment.line) or (places[at - 1].path if at else ())
            inline.setdefault(earlier, []).append(comment.text)
        elif following is not None and following.column >= comment.column:
            before.setdefault(following.path, []).append(comment.text)
        else:
            after.setdefault(_preceding(places, at, comment), []).append(comment.text)
    paths = dict.fromkeys((*before, *inline, *after))
    return {
        path: Remark(
            before="\n".join(before.get(path, ())),
            inline=" ".join(inline.get(path, ())),
            after="\n".join(after.get(path, ())),
        )
        for path in list(paths)[:MAX_REMARKS]
    }


def _preceding(places: list[_Place], at: int, comment: _Comment) -> Path:
    """The last value before a comment that begins no further right than it."""
    for place in reversed(places[max(at - 200, 0) : at]):
        if place.column <= comment.column:
            return place.path
    return ()
