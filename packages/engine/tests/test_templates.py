"""Every built-in template does what its fixtures say, in the engine; and one that does nothing is found out."""

from collections.abc import Iterator

import msgspec
import pytest
import yaml

from vectorflow_engine.testing.run import run_tests
from vectorflow_engine.vrl import Program
from vectorflow_topology.compiler import Target, compile_document
from vectorflow_topology.templates import Fixture, Template, render_template, templates
from vectorflow_topology.templates.literals import vrl_literal
from vectorflow_topology.templates.render import example_values

ALL = list(templates().values())


def compiled(template: Template, fixture: Fixture) -> dict:
    document = render_template(template, example_values(template, fixture.parameters))
    return yaml.safe_load(compile_document(document, Target(interpolation=False)).yaml)


def without(config: dict, names: set[str]) -> dict:
    """The configuration with these transforms emptied: events pass as they are."""
    empty = {
        name: {"type": "remap", "inputs": body["inputs"], "source": ""} if name in names else body
        for name, body in config["transforms"].items()
    }
    return {**config, "transforms": empty}


def outcomes(template: Template, emptied: set[str]) -> Iterator[tuple[Fixture, str]]:
    for fixture in template.fixtures:
        config = without(compiled(template, fixture), emptied)
        (result,) = run_tests({**config, "tests": [fixture.test]})
        counted = {each.source: each.count for each in result.extracted}
        wrong = [
            f"{place}: {counted[place]}" for place, count in fixture.counts.items() if counted[place] != count
        ]
        outcome = "failed" if wrong else result.outcome
        yield fixture, f"{outcome}: {[each.message for each in result.failures] + wrong}"


@pytest.mark.parametrize("template", ALL, ids=lambda each: each.id)
def test_a_template_does_what_it_says(template):
    assert [
        (each.test["name"], said) for each, said in outcomes(template, set()) if said != "passed: []"
    ] == []


@pytest.mark.parametrize("template", ALL, ids=lambda each: each.id)
def test_an_emptied_template_fails_its_fixtures(template):
    everything = set(template.pipeline["transforms"])
    said = list(outcomes(template, everything))
    assert all(text.startswith("failed") for each, text in said if each.must == "change"), said
    assert all(text.startswith("failed") for each, text in said if each.must == "resist"), said


@pytest.mark.parametrize("template", ALL, ids=lambda each: each.id)
def test_each_transform_is_needed(template):
    for name in template.pipeline["transforms"]:
        said = [text for _, text in outcomes(template, {name})]
        assert any(text.startswith("failed") for text in said), f"nobody would miss {name}"


@pytest.mark.parametrize(
    "text", ["", '"', "\\", "{{ x }}", "{", "}}", "'", "\n\t\r", "é😀", "\x01", "$1 #", "\\{", "a\\n", "s'x'"]
)
def test_a_literal_is_the_value_it_stands_for(text):
    result = Program(f".x = {vrl_literal([text, 1.5, True])}").run({})
    assert result.events == [{"x": [text, 1.5, True]}]


def test_a_fixture_that_is_wrong_is_found_out():
    template = templates()["email-addresses"]
    stay = next(each for each in template.fixtures if each.must == "stay")
    turned = {**stay.test, "outputs": [{"extract_from": "protect", "conditions": ['.message == "other"']}]}
    broken = msgspec.structs.replace(template, fixtures=(msgspec.structs.replace(stay, test=turned),))
    ((_, said),) = outcomes(broken, set())
    assert said.startswith("failed")
