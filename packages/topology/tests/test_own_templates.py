import pytest

from vectorflow_topology.templates import TemplateRefused, own_parameters, with_parameters

VARIABLES = {
    "host": {"type": "string", "value": ""},
    "limit": {"type": "number", "value": 5},
    "strict": {"type": "boolean", "value": False},
}


def test_each_variable_is_a_parameter_that_keeps_its_type(build):
    document = build(variables=VARIABLES)
    found = {
        each.name: (each.type, each.default, each.variable) for each in own_parameters(document.variables)
    }
    assert found == {
        "host": ("text", "", True),
        "limit": ("number", 5, True),
        "strict": ("boolean", False, True),
    }
    assert with_parameters(document, {}) == document
    filled = with_parameters(document, {"host": "a.example", "strict": True})
    assert {name: each.value for name, each in filled.variables.items()} == {
        "host": "a.example",
        "limit": 5,
        "strict": True,
    }


@pytest.mark.parametrize("given", [{"limit": "5"}, {"strict": "yes"}, {"host": 3}, {"nobody": 1}])
def test_values_that_do_not_fit_are_refused(build, given):
    with pytest.raises(TemplateRefused) as refused:
        with_parameters(build(variables=VARIABLES), given)
    assert [each.path for each in refused.value.findings] == [("parameters", next(iter(given)))]
