"""Every component of the catalogue, filled in as the catalogue asks and then spoilt in every way."""

import pytest

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.checks import check
from vectorflow_topology.compiler import Target
from vectorflow_topology.document import document_from_json


def minimal(options):
    """The smallest options that the catalogue asks for."""
    given = {}
    for name, spec in options.items():
        if spec.required and spec.relevant_when is None:
            given[name] = sample(spec)
    return given


def sample(spec):
    if spec.enum:
        return spec.enum[0]
    if spec.type == "object":
        inner = minimal(spec.options or {})
        if spec.one_of:
            name = spec.one_of[0][0]
            inner[name] = sample(spec.options[name])
        return inner
    if spec.type == "union":
        return sample(spec.any_of[-1])
    return {
        "string": "x" * (spec.length or 1),
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "array": [],
        "map": {},
    }.get(spec.type, "true")


def completed(spec):
    """Minimal options of a component, with what its first choices call for."""
    options = minimal(spec.options)
    for group in spec.one_of:
        options[group[0]] = sample(spec.options[group[0]])
    for _ in range(4):
        findings = [f for f in check_one(spec, options) if f.rule == "option.missing"]
        for finding in findings:
            target, specs = options, spec.options
            *parents, leaf = finding.path
            for step in parents:
                target, specs = target[step], specs[step].options
            target[leaf] = sample(specs[leaf])
    return options


def check_one(spec, options):
    component = {"id": "a", "kind": spec.kind, "type": spec.type, "options": options}
    return [
        f
        for f in check(document_from_json({"components": [component]}), target=Target("0.58.0"))
        if f.component == "a"
    ]


SPECS = [pytest.param(spec, id=f"{spec.kind}.{spec.type}") for spec in catalogue().components]
IGNORED = {
    "component.no-input",
    "port.unread",
    "secret.literal",
    "option.no-effect",
    "reliability.no-acknowledgement",
}


@pytest.mark.parametrize("spec", SPECS)
def test_each_component_can_be_filled_in_and_misses_what_is_taken_away(spec):
    options = completed(spec)
    assert [f for f in check_one(spec, options) if f.rule not in IGNORED and f.severity == "error"] == []
    for name, option in spec.options.items():
        if option.required and option.relevant_when is None:
            less = {key: value for key, value in options.items() if key != name}
            assert ("option.missing", (name,)) in [(f.rule, f.path) for f in check_one(spec, less)]


@pytest.mark.parametrize("spec", SPECS)
def test_each_option_refuses_wrong_types_and_choices(spec):
    options = completed(spec)
    wrong = {
        "string": 3,
        "integer": "x",
        "number": "x",
        "boolean": "x",
        "array": 3,
        "object": 3,
        "map": 3,
        "vrl": 3,
        "condition": 3,
    }
    for name, option in spec.options.items():
        if option.type in wrong:
            findings = check_one(spec, {**options, name: wrong[option.type]})
            assert ("option.wrong-type", (name,)) in [(f.rule, f.path) for f in findings], name
        if option.enum:
            findings = check_one(spec, {**options, name: "no such choice"})
            assert ("option.bad-choice", (name,)) in [(f.rule, f.path) for f in findings], name
