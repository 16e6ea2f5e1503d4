"""Every option of every component, set at once: compiled, imported, kept in git, compared."""

import pytest

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.catalogue.sensitive import option_at, texts
from vectorflow_topology.checks import check
from vectorflow_topology.compiler import Target, compile_document
from vectorflow_topology.diff import diff_documents
from vectorflow_topology.document import document_from_json
from vectorflow_topology.importer import import_text
from vectorflow_topology.manifest import document_from_yaml, document_to_yaml

LEAST_COVERED = 0.95
TARGET = Target("0.58.0")
COVERED: dict[str, tuple[int, int]] = {}


def filled(spec, depth=0):
    """A value of an option with everything in it that the catalogue knows."""
    if spec.enum:
        return spec.enum[-1]
    if spec.type == "union":
        return filled(spec.any_of[-1], depth)
    if spec.type == "object":
        return {name: filled(each, depth + 1) for name, each in (spec.options or {}).items()}
    if spec.type == "array":
        return [filled(spec.items, depth + 1)] if spec.items else ["x"]
    if spec.type == "map":
        return {"a key": filled(spec.values, depth + 1)} if spec.values else {"k": "v"}
    simple = {"integer": 7, "number": 1.5, "boolean": True, "any": "x", "condition": "true", "vrl": ". = $1"}
    return simple.get(spec.type, "x" * (spec.length or 1))


def counted(options):
    """How many options there are, nested ones too."""
    total = 0
    for spec in options.values():
        total += 1 + counted(spec.options or {})
        for inner in (spec.items, spec.values):
            total += counted(inner.options or {}) if inner is not None else 0
        if spec.any_of:
            total += counted(spec.any_of[-1].options or {})
    return total


def present(options, value):
    """How many of them a value holds."""
    total = 0
    for name, spec in options.items():
        if name in value:
            total += 1
            total += within(spec, value[name])
    return total


def within(spec, value):
    if isinstance(value, dict):
        inner = spec.any_of[-1] if spec.any_of else spec
        if inner.options:
            return present(inner.options, value)
        return sum(within(inner.values, each) for each in value.values()) if inner.values else 0
    if isinstance(value, list) and spec.items is not None:
        return sum(within(spec.items, each) for each in value)
    return 0


SPECS = [pytest.param(spec, id=f"{spec.kind}.{spec.type}") for spec in catalogue().components]


@pytest.mark.parametrize("spec", SPECS)
def test_all_options_survive_compiling_and_importing(spec):
    options = {name: filled(each) for name, each in spec.options.items()}
    component = {"id": "a", "kind": spec.kind, "type": spec.type, "options": options}
    document = document_from_json({"components": [component]})
    compiled = compile_document(document, TARGET)
    again = import_text(compiled.yaml).documents[0].document
    assert diff_documents(document, again) == []
    assert compile_document(again, TARGET) == compiled
    assert document_from_yaml(document_to_yaml(document)) == document
    for path, _ in texts(options):
        assert option_at(spec, path[:1]) is not None
    wrong = {"option.wrong-type", "option.bad-choice", "option.unknown"}
    assert [f for f in check(document, target=TARGET) if f.rule in wrong] == []
    COVERED[f"{spec.kind}.{spec.type}"] = (present(spec.options, options), counted(spec.options))


def test_the_generator_covers_the_options():
    for param in SPECS:  # in a process of its own, this test counts for itself
        spec = param.values[0]
        options = {name: filled(each) for name, each in spec.options.items()}
        COVERED[f"{spec.kind}.{spec.type}"] = (present(spec.options, options), counted(spec.options))
    held, known = (sum(each[index] for each in COVERED.values()) for index in (0, 1))
    print(  # noqa: T201 - the figure is asked for
        f"options covered: {held} of {known} ({held / known:.1%}) in {len(COVERED)} components"
    )
    assert len(COVERED) == len(SPECS)
    assert held / known >= LEAST_COVERED


def required_places(options, path=()):
    """Required options at any depth of objects, but for those that only count with another."""
    for name, spec in options.items():
        if spec.required and spec.relevant_when is None:
            yield (*path, name)
        if spec.options and spec.relevant_when is None:
            yield from required_places(spec.options, (*path, name))


@pytest.mark.parametrize("spec", SPECS)
def test_each_nested_required_option_is_missed_where_it_belongs(spec):
    target = Target("0.58.0")
    for path in required_places(spec.options):
        options = {name: filled(each) for name, each in spec.options.items()}
        around = options
        for step in path[:-1]:
            around = around[step]
        if not isinstance(around, dict) or path[-1] not in around:
            continue
        del around[path[-1]]
        component = {"id": "a", "kind": spec.kind, "type": spec.type, "options": options}
        found = check(document_from_json({"components": [component]}), target=target)
        assert path in [f.path for f in found if f.rule == "option.missing"], path
