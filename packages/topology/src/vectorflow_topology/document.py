"""The editable pipeline as frozen structs, and its JSON form."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Literal

import msgspec

from vectorflow_topology.findings import Finding, FindingsError, Path, error

DEFAULT_PORT = "_default"
"""The name of the output that needs no name."""

FORMAT = 1
"""The version of the document format that this package writes."""

MAX_DEPTH = 64
"""How deep options, globals and tests may nest."""

MAX_COMPONENTS = 5_000
"""How many components one document may hold."""

ID_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}\Z")
RESERVED_PREFIX = "vf_"

Kind = Literal["source", "transform", "sink"]

_AT = re.compile(r" - at `(?:key in )?\$(.*)`\Z")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


class DocumentInvalid(FindingsError):
    """What was handed over is not a document; the findings say where and why."""


class Component(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source, transform or sink. `options` never holds `type` or `inputs`."""

    id: str
    kind: Kind
    type: str
    options: dict[str, Any] = {}
    enabled: bool = True
    comment: str = ""


class Edge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way for events from one output (`port`) of `source` into `target`."""

    source: str
    target: str
    port: str = DEFAULT_PORT


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a component stands on the canvas, in pixels."""

    x: float
    y: float


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Components that the canvas frames together under a name. Ids that no component has are passed over."""

    members: tuple[str, ...] = ()
    collapsed: bool = False


class Variable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typed value that options refer to as `VAR[name]`."""

    type: Literal["string", "number", "boolean"]
    value: str | int | float | bool


class Remark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Comments at one value, without their marks: lines before it, on its own line, lines after it."""

    before: str = ""
    inline: str = ""
    after: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline being edited: components, edges, layout, globals, tables, tests and variables.

    `comments` are those of the text it came from, by the path in Vector's configuration with slashes
    (`sinks/out/encoding`; `~1` stands for a slash in a name, `~0` for a tilde). What stands right above
    a component is the component's own `comment` instead.

    `groups`, by name, belong to the layout: they say how the canvas shows the graph, and no part of what runs.

    `selector` says by assigned labels which nodes the pipeline is meant for, as `region in (eu, us), !canary`;
    empty means all. It is where a first deployment goes, and no part of what runs.
    """

    format: int = FORMAT
    components: tuple[Component, ...] = ()
    edges: tuple[Edge, ...] = ()
    layout: dict[str, Position] = {}
    globals: dict[str, Any] = {}
    enrichment_tables: dict[str, Any] = {}
    tests: tuple[Any, ...] = ()
    variables: dict[str, Variable] = {}
    comments: dict[str, Remark] = {}
    selector: str = ""
    groups: dict[str, Group] = {}

    def component(self, component_id: str) -> Component | None:
        """Return the first component with that id, or None."""
        return next((c for c in self.components if c.id == component_id), None)


def kept_groups(groups: Mapping[str, Group], ids: Container[str]) -> dict[str, Group]:
    """Return the groups without members that are gone, and without those that nobody is left of."""
    left = {
        name: msgspec.structs.replace(group, members=tuple(each for each in group.members if each in ids))
        for name, group in groups.items()
    }
    return {name: group for name, group in left.items() if group.members}


def pointer(path: Path) -> str:
    """Return a path as the key that `Document.comments` uses."""
    return "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path)


def document_from_json(obj: object) -> Document:
    """Read a document from decoded JSON (or from JSON bytes or text).

    Only the shape is checked here, so that an unfinished draft can be stored; `checks.check` judges
    the contents. Raises `DocumentInvalid` with findings whose path leads into the JSON.
    """
    if isinstance(obj, bytes | bytearray | str):
        obj = _decode(obj)
    findings = list(_shape_findings(obj))
    if findings:
        raise DocumentInvalid(findings)
    try:
        document = msgspec.convert(obj, Document)
    except msgspec.ValidationError as problem:
        raise DocumentInvalid([_from_validation(problem)]) from None
    if document.format != FORMAT:
        message = f"This is document format {document.format}; only format {FORMAT} can be read here."
        raise DocumentInvalid([error("document.format", message, path=("format",))])
    if len(document.components) > MAX_COMPONENTS:
        message = (
            f"A document holds at most {MAX_COMPONENTS} components; this has {len(document.components)}."
        )
        raise DocumentInvalid([error("document.too-large", message, path=("components",))])
    return document


def document_to_json(document: Document) -> dict[str, Any]:
    """Return the document as plain JSON values, with every field present but comments, selector and groups when there are none."""
    built: dict[str, Any] = msgspec.to_builtins(document)
    for later in ("comments", "selector", "groups"):  # documents from before there were any keep their hash
        if not built[later]:
            del built[later]
    return built


def _decode(raw: bytes | bytearray | str) -> object:
    try:
        decoded: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise DocumentInvalid([error("document.json", f"This is not JSON: {problem}.")]) from None
    return decoded


def _from_validation(problem: msgspec.ValidationError) -> Finding:
    text = str(problem)
    at = _AT.search(text)
    path: Path = ()
    if at:
        text = text[: at.start()]
        path = tuple(name or int(index or 0) for name, index in _STEP.findall(at.group(1)))
    where = f" at {'.'.join(map(str, path))}" if path else ""
    return error("document.shape", f"{text.replace('`', '')}{where}.", path=path)


def _shape_findings(obj: object) -> Iterator[Finding]:
    """Walk without recursion: what is too deep, or no JSON, must not reach code that recurses."""
    stack: list[tuple[object, Path]] = [(obj, ())]
    while stack:
        value, path = stack.pop()
        if len(path) > MAX_DEPTH:
            yield error("document.too-deep", f"Values may nest at most {MAX_DEPTH} deep.", path=path[:4])
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str) or not _is_text(key):
                    yield error("document.key", f"The key {key!r} is not text.", path=path)
                else:
                    stack.append((inner, (*path, key)))
        elif isinstance(value, list | tuple):
            stack.extend((inner, (*path, index)) for index, inner in enumerate(value))
        elif isinstance(value, str):
            if not _is_text(value):
                yield error(
                    "document.text", "The text holds a lone surrogate, which is no character.", path=path
                )
        elif isinstance(value, float) and not math.isfinite(value):
            yield error("document.number", "NaN and infinity cannot be written in JSON.", path=path)
        elif value is not None and not isinstance(value, bool | int | float):
            yield error("document.value", f"A {type(value).__name__} is not a JSON value.", path=path)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
