"""One way to write a file: indentation, spacing and line ends, never its meaning and never its comments."""

import io
import json
from typing import Any

import tomlkit
import yaml
from ruamel.yaml import YAML
from tomlkit.items import AoT, Null, SingleKey, Table, Whitespace

from vectorflow.entry.files.given import File
from vectorflow_topology.manifest import document_from_yaml, document_to_yaml
from vectorflow_topology.text.parse import Format, parse_text
from vectorflow_topology.text.reader import Refused

_UNLIMITED = 1_000_000


class CannotFormat(Exception):
    """The file cannot be formatted without losing something, so it stays as it is."""


def formatted(file: File) -> str:
    """Return the file's text in its one form. Raises `CannotFormat`; the file was read without findings."""
    text = file.raw.decode().removeprefix("\ufeff")
    if file.value is None:
        return text
    kind = file.format if file.format != "auto" else _kind(text)
    try:
        made = _made(file, text, kind)
        is_same = _means_the_same(file, text, made, kind)
    except Exception as problem:
        raise CannotFormat(f"it could not be written anew ({_first_line(problem)})") from None
    if not is_same:
        raise CannotFormat("its meaning would change")
    if kind == "yaml" and yaml_comments(text) != yaml_comments(made):
        raise CannotFormat("a comment would be lost")
    return made


def yaml_comments(text: str) -> list[str]:
    """Return the comments of a YAML text, without what only looks like one in a value."""
    found: list[str] = []
    end = 0
    for token in yaml.scan(text, Loader=yaml.CSafeLoader):
        start = token.start_mark.index
        found.extend(_in_gap(text[end:start]))
        end = max(end, token.end_mark.index)
        if isinstance(token, yaml.ScalarToken) and text[start : start + 1] in ("|", ">"):
            found.extend(_in_gap(text[start:end].partition("\n")[0]))
    return [*found, *_in_gap(text[end:])]


def _in_gap(gap: str) -> list[str]:
    return [line[line.index("#") :].rstrip() for line in gap.splitlines() if "#" in line]


def _means_the_same(file: File, before: str, after: str, kind: Format) -> bool:
    if file.is_document and kind == "yaml":
        return document_from_yaml(before) == document_from_yaml(after)
    # Read as it will be read the next time, when a file without a known ending is guessed at again.
    return _same(file.value, parse_text(after, file.format).value)


def _first_line(problem: BaseException) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0][:200]


def _made(file: File, text: str, kind: Format) -> str:
    if kind == "json":
        return json.dumps(file.value, indent=2, ensure_ascii=False) + "\n"
    if kind == "toml":
        return _toml(text)
    if file.is_document and not yaml_comments(text):
        return document_to_yaml(document_from_yaml(text))
    return _yaml(text)


def _kind(text: str) -> Format:
    """The format of a text without a name: the first of the three that reads it."""
    kinds: tuple[Format, ...] = ("json", "toml", "yaml")
    for kind in kinds:
        try:
            parse_text(text, kind)
        except Refused:
            continue
        return kind
    return "yaml"


def _yaml(text: str) -> str:
    writer = YAML(typ="rt")
    writer.preserve_quotes = True
    writer.width = _UNLIMITED
    writer.indent(mapping=2, sequence=2, offset=0)
    target = io.StringIO()
    writer.dump(writer.load(text), target)
    return _tidy(target.getvalue())


def _toml(text: str) -> str:
    document = tomlkit.parse(text)
    _tidy_table(document)
    return _tidy(tomlkit.dumps(document).replace("\r\n", "\n"))


def _tidy_table(table: Any) -> None:
    """One space around each equals sign, no indentation; nested tables alike."""
    container = table.value if isinstance(table, Table) else table
    for index, (key, item) in enumerate(container.body):
        if isinstance(item, Whitespace | Null):
            continue
        if isinstance(item, AoT):
            for each in item.body:
                each.trivia.indent = ""
                _tidy_table(each)
            continue
        item.trivia.indent = ""
        if isinstance(item, Table):
            _tidy_table(item)
        elif isinstance(key, SingleKey):
            # The blanks before the sign belong to the key as it was written.
            container.body[index] = (SingleKey(key.key, key.t, " = ", key.as_string().strip()), item)


def _tidy(text: str) -> str:
    return text.rstrip("\n") + "\n"


def _same(one: Any, other: Any) -> bool:
    """Equal, in the same order and of the same types."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
