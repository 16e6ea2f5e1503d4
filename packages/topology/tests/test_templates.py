"""Templates as data: every file is whole, parameters are judged, and no value becomes a part of a program."""

import pytest

from vectorflow_topology.checks import check
from vectorflow_topology.compiler import Target, compile_document
from vectorflow_topology.findings import has_errors
from vectorflow_topology.templates import TemplateRefused, render_template, templates
from vectorflow_topology.templates.literals import vrl_literal
from vectorflow_topology.templates.load import read_template
from vectorflow_topology.templates.render import example_values
from vectorflow_topology.templates.types import Parameter, Template
from vectorflow_topology.templates.values import MOST_LISTED, MOST_TEXT, settled

ALL = list(templates().values())
BY_ID = pytest.mark.parametrize("template", ALL, ids=lambda each: each.id)


def test_there_is_enough_to_choose_from():
    assert sum(each.category == "pattern" for each in ALL) >= 10
    assert sum(each.category == "protection" for each in ALL) >= 8
    titles = [each.title for each in ALL]
    assert len(set(titles)) == len(titles)


@BY_ID
def test_a_template_is_whole(template):
    assert {each.must for each in template.fixtures} == {"change", "stay", "resist"}
    names = [each.test["name"] for each in template.fixtures]
    assert len(set(names)) == len(names)
    parameters = {each.name: each for each in template.parameters}
    assert len(parameters) == len(template.parameters)
    assert template.examples.keys() <= parameters.keys()
    used = str(template.pipeline)
    assert all(f"'{name}'" in used for name in parameters), "a parameter that nothing uses"
    assert all(each.default is not None or each.name in template.examples for each in template.parameters)


@BY_ID
def test_a_template_makes_a_pipeline_without_errors(template):
    document = render_template(template, example_values(template))
    found = [each for each in check(document, target=Target()) if each.severity != "note"]
    assert not has_errors(found), found
    # What is deprecated still runs on every version there is; its successor runs on the newest only.
    wrong = [each for each in found if each.rule.startswith(("option.", "test."))]
    assert {each.rule for each in wrong} <= {"option.deprecated"}, wrong
    assert {each.id for each in document.components if each.comment} == template.notes.keys()
    assert document.layout.keys() == {each.id for each in document.components}
    assert document.tests, "the fixtures that hold for the examples are the pipeline's tests"


@BY_ID
def test_values_stay_in_their_places(template):
    """Signs of YAML, of programs and of templates, in every text that may hold any."""
    odd = "\" ' }} {{ x }} \\ # : - \n$x \u00e9"
    values = example_values(template)
    for each in template.parameters:
        values |= {each.name: odd} if each.type == "text" else {}
        values |= {each.name: [odd]} if each.type == "texts" else {}
    document = render_template(template, values)
    plain = render_template(template, example_values(template))
    assert [each.id for each in document.components] == [each.id for each in plain.components]
    assert [(each.source, each.target, each.port) for each in document.edges] == [
        (each.source, each.target, each.port) for each in plain.edges
    ]
    for one, other in zip(document.components, plain.components, strict=True):
        assert one.options.keys() == other.options.keys()
    compile_document(document, Target(interpolation=False))


def test_literals():
    assert vrl_literal('a"b\\c\n{{x}}') == '"a\\"b\\\\c\\n\\{\\{x}}"'
    assert vrl_literal([["a"], 1, 1.5, True]) == '[["a"], 1, 1.500000, true]'
    for bad in ("a\0b", None, float("nan"), {}):
        with pytest.raises(ValueError, match="no value that a program takes"):
            vrl_literal(bad)


def template_with(**parameter):
    one = Parameter(name="p", title="P", **parameter)
    return Template(
        id="t",
        title="T",
        summary="",
        about="",
        category="pattern",
        tags=(),
        pipeline={},
        fixtures=(),
        parameters=(one,),
    )


@pytest.mark.parametrize(
    ("parameter", "value", "why"),
    [
        ({"type": "text"}, None, "is needed"),
        ({"type": "text"}, "", "is needed"),
        ({"type": "text"}, 1, "give text"),
        ({"type": "text"}, "x" * (MOST_TEXT + 1), "at most"),
        ({"type": "text"}, "a\0", "control characters"),
        ({"type": "texts"}, "a", "give a list"),
        ({"type": "texts"}, ["a"] * (MOST_LISTED + 1), "give a list"),
        ({"type": "texts"}, [1], "give text"),
        ({"type": "number"}, "1", "give a number"),
        ({"type": "number"}, True, "give a number"),
        ({"type": "number"}, float("inf"), "give a number"),
        ({"type": "number", "minimum": 2}, 1, "at least 2"),
        ({"type": "number", "maximum": 2}, 3, "at most 2"),
        ({"type": "boolean"}, 1, "yes or no"),
        ({"type": "choice", "choices": ("a", "b")}, "c", "one of a, b"),
        ({"type": "field"}, ".a[0]", "not a field"),
        ({"type": "field"}, ". = 1", "not a field"),
        ({"type": "fields"}, [".a", "b c"], "not a field"),
        ({"type": "secret"}, "a.b", "not the name of a secret"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(parameter, value, why):
    _, (found,) = settled(template_with(**parameter), {"p": value})
    assert why in found.message
    assert found.path == ("parameters", "p")


def test_fields_come_into_one_form():
    assert settled(template_with(type="field"), {"p": "user.id"}) == ({"p": ".user.id"}, [])
    assert settled(template_with(type="fields"), {"p": [".a", "b.c"]}) == ({"p": [".a", ".b.c"]}, [])
    assert settled(template_with(type="texts", default=[]), {}) == ({"p": []}, [])


def test_unknown_and_missing_parameters_are_named():
    with pytest.raises(TemplateRefused) as refused:
        render_template(templates()["pseudonyms"], {"unheard": 1})
    assert [each.path[1] for each in refused.value.findings] == ["unheard", "key", "uri"]


def test_secrets_and_variables_stay_references():
    template = templates()["syslog-fan-in"]
    document = render_template(template, example_values(template, {"password": "search"}))
    options = document.component("search").options
    assert options["auth"]["password"] == "SECRET[search]"
    assert options["endpoints"] == ["VAR[endpoint]"]
    assert document.variables["endpoint"].value == "https://search.example.com:9200"


def test_tests_come_along_only_where_they_hold():
    template = templates()["email-addresses"]
    usual = render_template(template, example_values(template))
    other = render_template(template, example_values(template, {"fields": [".text"]}))
    assert len(usual.tests) == 3
    assert other.tests == ()


def test_a_broken_file_is_told():
    with pytest.raises(ValueError, match="no template"):
        read_template(b"id: x")
    with pytest.raises(ValueError, match="no template"):
        read_template(b"a: [")
