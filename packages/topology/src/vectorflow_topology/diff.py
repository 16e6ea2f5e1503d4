"""What changed between two documents, by meaning or by line, without showing a credential."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from vectorflow_topology.catalogue import ComponentSpec, catalogue
from vectorflow_topology.catalogue.sensitive import is_credential
from vectorflow_topology.compiler.types import SECTIONS
from vectorflow_topology.credentials import is_literal_credential
from vectorflow_topology.document import DEFAULT_PORT, Component, Document, Edge
from vectorflow_topology.findings import Path
from vectorflow_topology.text.reader import read_yaml
from vectorflow_topology.text.writer import write_yaml

REDACTED = "[REDACTED]"
"""Stands where a credential would be shown."""

ChangeKind = Literal["added", "removed", "changed"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change, in the JSON form of the public API.

    `before` and `after` are null where there was or is nothing. For an option, `path` leads from the
    component's options to it.
    """

    kind: ChangeKind
    what: Literal["component", "edge", "option", "global"]
    component: str | None = None
    path: Path = ()
    before: Any = None
    after: Any = None


def diff_documents(old: Document | None, new: Document) -> list[Change]:
    """Return what changed by meaning: order and layout do not count, lists and programs count as one value."""
    old = old or Document()
    before = {component.id: component for component in old.components}
    after = {component.id: component for component in new.components}
    changes: list[Change] = []
    for name in [*before, *(name for name in after if name not in before)]:
        changes.extend(_component_changes(before.get(name), after.get(name)))
    changes.extend(_edge_changes(old, new))
    for section in ("globals", "enrichment_tables", "variables", "tests"):
        changes.extend(_root_changes(section, getattr(old, section), getattr(new, section)))
    if old.selector != new.selector:
        kind: ChangeKind = (
            "changed" if old.selector and new.selector else "added" if new.selector else "removed"
        )
        before_, after_ = old.selector or None, new.selector or None
        changes.append(Change(kind=kind, what="global", path=("selector",), before=before_, after=after_))
    return changes


def diff_text(old: str | bytes, new: str | bytes) -> str:
    """Return the unified diff of two compiled configurations; empty when they are the same.

    Literal credentials are replaced in both before they are compared, so a change of such a value
    alone does not show. Raises `text.reader.Refused` when one of them is not YAML.
    """
    lines = difflib.unified_diff(_lines(old), _lines(new), "before", "after")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def redacted(document: Document) -> Document:
    """Return the document with every literal credential replaced, so that it can be shown."""
    known = catalogue()
    components = tuple(
        msgspec.structs.replace(each, options=_redacted(known.spec(each), each.options, ()))
        for each in document.components
    )
    variables = {
        name: msgspec.structs.replace(each, value=_redacted(None, each.value, ("variables", name)))
        for name, each in document.variables.items()
    }
    return msgspec.structs.replace(
        document,
        components=components,
        globals=_redacted(None, document.globals, ("globals",)),
        enrichment_tables=_redacted(None, document.enrichment_tables, ("enrichment_tables",)),
        tests=tuple(_redacted(None, test, ("tests",)) for test in document.tests),
        variables=variables,
    )


def _lines(raw: str | bytes) -> list[str]:
    text = raw if isinstance(raw, str) else raw.decode()
    config = read_yaml(text).value or {}
    shown = {key: _shown_section(key, value) for key, value in config.items()}
    if shown != config:
        text = write_yaml(shown)
    return text.splitlines(keepends=True)


def _shown_section(key: str, value: Any) -> Any:
    kind = _KINDS.get(key)
    if kind is None or not isinstance(value, Mapping):
        return _redacted(None, value, (key,))
    known = catalogue()
    return {
        name: _redacted(known.get(kind, body.get("type", "")), body, ())
        if isinstance(body, Mapping)
        else body
        for name, body in value.items()
    }


def _component_changes(before: Component | None, after: Component | None) -> Iterator[Change]:
    if before is None or after is None or (before.kind, before.type) != (after.kind, after.type):
        kind: ChangeKind = "added" if before is None else "removed" if after is None else "changed"
        name = (before or after or _NOBODY).id
        yield Change(kind=kind, what="component", component=name, before=_shown(before), after=_shown(after))
        return
    spec = catalogue().spec(after)
    for field in ("enabled", "comment"):
        was, now = getattr(before, field), getattr(after, field)
        if was != now:
            yield Change(
                kind="changed", what="component", component=after.id, path=(field,), before=was, after=now
            )
    for kind, path, was, now in _value_changes(before.options, after.options, ()):
        yield Change(
            kind=kind,
            what="option",
            component=after.id,
            path=path,
            before=_redacted(spec, was, path),
            after=_redacted(spec, now, path),
        )


def _edge_changes(old: Document, new: Document) -> Iterator[Change]:
    for kind, edges, others in (("removed", old.edges, set(new.edges)), ("added", new.edges, set(old.edges))):
        for edge in dict.fromkeys(edges):
            if edge not in others:
                shown = _edge(edge)
                yield Change(
                    kind="added" if kind == "added" else "removed",
                    what="edge",
                    component=edge.target,
                    before=None if kind == "added" else shown,
                    after=shown if kind == "added" else None,
                )


def _root_changes(section: str, old: Any, new: Any) -> Iterator[Change]:
    if section == "variables":
        old, new = ({name: each.value for name, each in side.items()} for side in (old, new))
    was, now = msgspec.to_builtins(old), msgspec.to_builtins(new)
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for kind, path, before, after in _value_changes(was, now, (section,)):
            yield Change(
                kind=kind,
                what="global",
                path=path,
                before=_redacted(None, before, path),
                after=_redacted(None, after, path),
            )
    elif not _same(was, now):
        yield Change(
            kind="changed",
            what="global",
            path=(section,),
            before=_redacted(None, was, (section,)),
            after=_redacted(None, now, (section,)),
        )


def _value_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], path: Path
) -> Iterator[tuple[ChangeKind, Path, Any, Any]]:
    for key in [*old, *(key for key in new if key not in old)]:
        here = (*path, key)
        if key not in new:
            yield "removed", here, old[key], None
        elif key not in old:
            yield "added", here, None, new[key]
        elif isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            yield from _value_changes(old[key], new[key], here)
        elif not _same(old[key], new[key]):
            yield "changed", here, old[key], new[key]


def _same(one: Any, other: Any) -> bool:
    """Equal, and of the same type: to Vector, 1 and true and 1.0 are not the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _redacted(spec: ComponentSpec | None, value: Any, path: Path) -> Any:
    if isinstance(value, str):
        return REDACTED if path and value and is_literal_credential(spec, path, value) else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return REDACTED if path and is_credential(spec, path) else value
    if isinstance(value, Mapping):
        return {key: _redacted(spec, inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(spec, inner, (*path, index)) for index, inner in enumerate(value)]
    return value


def _shown(component: Component | None) -> Any:
    if component is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(component)
    shown["options"] = _redacted(catalogue().spec(component), component.options, ())
    return shown


def _edge(edge: Edge) -> dict[str, str]:
    return {"source": edge.source, "port": edge.port or DEFAULT_PORT, "target": edge.target}


_KINDS = {section: kind for kind, section in SECTIONS.items()}
_NOBODY = Component(id="", kind="source", type="")
