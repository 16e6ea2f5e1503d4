"""VRL programs and conditions: found by the catalogue, compiled by whoever can, placed in the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from vectorflow_topology.catalogue import Catalogue, OptionSpec
from vectorflow_topology.compiler.types import Compiled, Target
from vectorflow_topology.document import Component, Kind
from vectorflow_topology.findings import Finding, Path, note
from vectorflow_topology.vrl import VrlCompiler, VrlDiagnostic


class Program(msgspec.Struct, frozen=True):
    """A piece of VRL in a component's options."""

    component: str
    component_kind: Kind
    path: Path
    text: str
    kind: Literal["program", "condition"]


def programs(components: Iterable[Component], known: Catalogue) -> list[Program]:
    """Find all VRL in the options of components."""
    found = []
    for component in components:
        spec = known.spec(component)
        if spec is not None:
            for path, text, kind in _in_options(spec.options, component.options, ()):
                found.append(Program(component.id, component.kind, path, text, kind))
    return found


def program_findings(
    found: list[Program], vrl: VrlCompiler | None, compiled: Compiled | None, target: Target
) -> Iterator[Finding]:
    """Compile programs and say what is wrong with them, at their place in the compiled text."""
    if vrl is None:
        if found:
            count = "One VRL program was" if len(found) == 1 else f"{len(found)} VRL programs were"
            yield note("vrl.not-compiled", f"{count} not compiled, because no VRL compiler is at hand here.")
        return
    lines = compiled.yaml.decode().split("\n") if compiled else []
    for program in found:
        if not program.text.strip():
            continue
        for diagnostic in vrl.compile(program.text, kind=program.kind):
            line, column = None, None
            place = (
                compiled.place_of(program.component_kind, program.component, program.path)
                if compiled
                else None
            )
            if place is not None:
                line, column = _place(lines, place, program.text, diagnostic, doubled=target.interpolates)
            yield Finding(
                rule=f"vrl.{diagnostic.code}" if diagnostic.code else "vrl.invalid",
                severity=diagnostic.severity,
                message=diagnostic.message,
                component=program.component,
                path=program.path,
                line=line,
                column=column,
                fix={"action": "show", "program_line": diagnostic.line, "program_column": diagnostic.column},
            )


def _in_options(
    specs: Mapping[str, OptionSpec], options: Mapping[str, Any], path: Path
) -> Iterator[tuple[Path, str, Literal["program", "condition"]]]:
    for key, value in options.items():
        spec = specs.get(key)
        if spec is not None:
            yield from _in_value(spec, value, (*path, key))


def _in_value(
    spec: OptionSpec, value: Any, path: Path
) -> Iterator[tuple[Path, str, Literal["program", "condition"]]]:
    if spec.type == "vrl" and isinstance(value, str):
        yield path, value, "program"
    elif spec.type == "condition":
        if isinstance(value, str):
            yield path, value, "condition"
        elif (
            isinstance(value, Mapping) and value.get("type") == "vrl" and isinstance(value.get("source"), str)
        ):
            yield (*path, "source"), value["source"], "condition"
    elif isinstance(value, Mapping):
        if spec.options:
            yield from _in_options(spec.options, value, path)
        elif spec.values:
            for key, inner in value.items():
                yield from _in_value(spec.values, inner, (*path, key))
    elif isinstance(value, list | tuple) and spec.items:
        for index, inner in enumerate(value):
            yield from _in_value(spec.items, inner, (*path, index))


def _place(
    lines: list[str], place: tuple[int, int], text: str, diagnostic: VrlDiagnostic, *, doubled: bool
) -> tuple[int, int]:
    """Translate a place in a program into a place in the text around it."""
    line, column = place
    beginning = lines[line - 1][column - 1 :]
    program_lines = text.split("\n")
    inside = min(max(diagnostic.line, 1), len(program_lines))
    before = program_lines[inside - 1][: max(diagnostic.column, 1) - 1]
    offset = max(diagnostic.column, 1) - 1 + (before.count("$") if doubled else 0)
    if beginning.startswith("|"):
        first = lines[line] if line < len(lines) else ""
        return line + inside, len(first) - len(first.lstrip(" ")) + offset + 1
    if len(program_lines) > 1:
        return line, column
    quote = beginning[:1] if beginning[:1] in ("'", '"') else ""
    if quote == "'":
        offset += before.count("'")
    elif quote == '"':
        offset += before.count('"') + before.count("\\")
    return line, column + len(quote) + offset
