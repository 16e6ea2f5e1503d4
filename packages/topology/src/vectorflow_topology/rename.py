"""Giving a component another id, with everything that refers to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_topology.compiler.types import SECTIONS
from vectorflow_topology.document import (
    DEFAULT_PORT,
    ID_PATTERN,
    RESERVED_PREFIX,
    Component,
    Document,
    Edge,
    Remark,
)

_REFERENCES = frozenset(("insert_at", "extract_from", "no_outputs_from"))


class RenameRefused(ValueError):
    """The new id cannot be used; the message says why."""


def rename_component(document: Document, old: str, new: str) -> Document:
    """Return the document with component `old` called `new` in edges, layout, groups, tests and tables.

    A sink with a buffer on disk starts with an empty buffer under its new name. Raises `RenameRefused`.
    """
    if document.component(old) is None:
        raise RenameRefused(f"There is no component {old}.")
    if not ID_PATTERN.match(new) or new == DEFAULT_PORT or new.startswith(RESERVED_PREFIX):
        raise RenameRefused(
            f"The id {new!r} cannot be used. Begin with a letter or underscore (not with {RESERVED_PREFIX}), "
            "go on with letters, digits, underscores and hyphens."
        )
    if new != old and document.component(new) is not None:
        raise RenameRefused(f"There is a component {new} already.")

    def named(name: str) -> str:
        return new if name == old else name

    return msgspec.structs.replace(
        document,
        components=tuple(_renamed(each, named(each.id)) for each in document.components),
        edges=tuple(
            Edge(source=named(edge.source), port=edge.port, target=named(edge.target))
            for edge in document.edges
        ),
        layout={named(name): position for name, position in document.layout.items()},
        groups={
            name: msgspec.structs.replace(group, members=tuple(map(named, group.members)))
            for name, group in document.groups.items()
        },
        enrichment_tables=_tables(document.enrichment_tables, old, new),
        tests=tuple(_test(test, old, new) for test in document.tests),
        comments=_comments(document, old, new),
    )


def _comments(document: Document, old: str, new: str) -> dict[str, Remark]:
    """Comments stand by the id in their path."""
    moved = {f"{section}/{old}": f"{section}/{new}" for section in SECTIONS.values()}
    return {
        moved.get(start, start) + rest: remark
        for start, rest, remark in ((*_parted(key), remark) for key, remark in document.comments.items())
    }


def _parted(key: str) -> tuple[str, str]:
    start = "/".join(key.split("/", 2)[:2])
    return start, key[len(start) :]


def _renamed(component: Component, name: str) -> Component:
    return component if component.id == name else msgspec.structs.replace(component, id=name)


def _tables(tables: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """Tables kept in memory are fed like sinks."""
    return {
        name: {**table, "inputs": _reference(table["inputs"], old, new)}
        if isinstance(table, Mapping) and "inputs" in table
        else table
        for name, table in tables.items()
    }


def _test(test: Any, old: str, new: str) -> Any:
    if isinstance(test, Mapping):
        return {
            key: _reference(value, old, new) if key in _REFERENCES else _test(value, old, new)
            for key, value in test.items()
        }
    return [_test(each, old, new) for each in test] if isinstance(test, list | tuple) else test


def _reference(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list | tuple):
        return [_reference(each, old, new) for each in value]
    if isinstance(value, str):
        name, dot, port = value.partition(".")
        return f"{new}{dot}{port}" if name == old else value
    return value
