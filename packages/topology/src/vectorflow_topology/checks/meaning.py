"""What single options cannot say: values that only together, or only in their place, make no sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

from vectorflow_topology.catalogue.codecs import UNMATCHED
from vectorflow_topology.document import DEFAULT_PORT, Component, Document
from vectorflow_topology.findings import Finding, Path, error, note, warning

Options = Mapping[str, Any]
_RESERVED = frozenset((UNMATCHED, DEFAULT_PORT))


def meaning_findings(components: list[Component]) -> Iterator[Finding]:
    """Judge what Vector refuses, or what surely was not meant, beyond the types of options."""
    for component in components:
        rule = _RULES.get((component.kind, component.type))
        if rule is not None:
            yield from rule(component.id, component.options)
        if component.kind == "sink":
            yield from _batch(component.id, component.options)


def unit_test_findings(document: Document) -> Iterator[Finding]:
    """Judge the unit tests: names, and the components that they put events in and take them out of."""
    kinds = {component.id: component.kind for component in document.components}
    names = Counter(test.get("name") for test in document.tests if isinstance(test, Mapping))
    for index, test in enumerate(document.tests):
        at: Path = ("tests", index)
        if not isinstance(test, Mapping) or not isinstance(test.get("name"), str):
            yield error("test.shape", "A test is a mapping with a name, inputs and outputs.", path=at)
            continue
        name = test["name"]
        if names[name] > 1:
            yield error("test.duplicate-name", f"Several tests are called {name}.", path=(*at, "name"))
        if not test.get("inputs") and not test.get("input"):
            yield error("test.no-input", f"The test {name} puts no event in.", path=at)
        for path, reference in _references(test, at):
            component_id = reference.partition(".")[0]
            if component_id not in kinds:
                message = f"The test {name} names {component_id}, which is not a component of this pipeline."
                yield error("test.unknown-component", message, path=path)
            elif kinds[component_id] != "transform":
                message = f"The test {name} names {component_id}, which is a {kinds[component_id]}; tests reach transforms only."
                yield error("test.not-a-transform", message, path=path)


def _references(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("insert_at", "extract_from", "no_outputs_from"):
                for each in inner if isinstance(inner, list | tuple) else [inner]:
                    if isinstance(each, str):
                        yield (*path, key), each
            elif key in ("input", "inputs", "outputs"):
                yield from _references(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _references(inner, (*path, index))


def _batch(component_id: str, options: Options) -> Iterator[Finding]:
    batch = options.get("batch")
    for name in ("max_events", "max_bytes", "timeout_secs") if isinstance(batch, Mapping) else ():
        value = batch.get(name) if isinstance(batch, Mapping) else None
        if value == 0 and not isinstance(value, bool):
            message = f"batch.{name} cannot be 0; leave it out for the usual value."
            yield error("batch.zero", message, component_id, ("batch", name))


def _sample(component_id: str, options: Options) -> Iterator[Finding]:
    rate, ratio = options.get("rate"), options.get("ratio")
    if _is_number(rate) and rate == 0:
        yield error(
            "sample.rate", "rate cannot be 0; 1 keeps every event, 10 one of ten.", component_id, ("rate",)
        )
    if _is_number(rate) and rate == 1:
        yield note("sample.keeps-all", "A rate of 1 keeps every event.", component_id, ("rate",))
    if _is_number(ratio) and not 0 < ratio <= 1:
        yield error("sample.ratio", "ratio must be above 0 and at most 1.", component_id, ("ratio",))


def _reduce(component_id: str, options: Options) -> Iterator[Finding]:
    if options.get("starts_when") is not None and options.get("ends_when") is not None:
        message = "starts_when and ends_when exclude each other; keep one of them."
        yield error("reduce.both-ends", message, component_id, ("ends_when",))


def _dedupe(component_id: str, options: Options) -> Iterator[Finding]:
    fields = options.get("fields")
    if isinstance(fields, Mapping) and "match" in fields and "ignore" in fields:
        message = "fields.match and fields.ignore exclude each other; keep one of them."
        yield error("dedupe.both-lists", message, component_id, ("fields", "ignore"))


def _throttle(component_id: str, options: Options) -> Iterator[Finding]:
    if _is_number(options.get("threshold")) and options["threshold"] == 0:
        message = "A threshold of 0 lets nothing pass."
        yield warning("throttle.nothing-passes", message, component_id, ("threshold",))


def _route(component_id: str, options: Options) -> Iterator[Finding]:
    routes = options.get("route")
    if not isinstance(routes, Mapping):
        return
    if not routes:
        yield warning(
            "route.empty", "There are no routes yet, so every event is unmatched.", component_id, ("route",)
        )
    for name in routes:
        yield from _route_name(component_id, name, ("route", name))


def _exclusive_route(component_id: str, options: Options) -> Iterator[Finding]:
    routes = options.get("routes")
    entries = routes if isinstance(routes, list | tuple) else ()
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if isinstance(name, str):
            at: Path = ("routes", index, "name")
            yield from _route_name(component_id, name, at)
            if name in seen:
                yield error("route.duplicate-name", f"Two routes are called {name}.", component_id, at)
            seen.add(name)


def _route_name(component_id: str, name: str, path: Path) -> Iterator[Finding]:
    if name in _RESERVED:
        yield error("route.reserved-name", f"A route cannot be called {name}. Rename it.", component_id, path)
    elif not name or "." in name:
        message = f"The route name {name!r} cannot be told from others in the name of an output. Rename it."
        yield error("route.bad-name", message, component_id, path)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_RULES: dict[tuple[str, str], Callable[[str, Options], Iterator[Finding]]] = {
    ("transform", "sample"): _sample,
    ("transform", "reduce"): _reduce,
    ("transform", "dedupe"): _dedupe,
    ("transform", "throttle"): _throttle,
    ("transform", "route"): _route,
    ("transform", "exclusive_route"): _exclusive_route,
}
