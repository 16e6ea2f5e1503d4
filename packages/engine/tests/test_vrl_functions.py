"""The function reference: complete, in agreement with the VRL that is here, and able to find calls."""

import json

import pytest

from vectorflow_engine.vrl import diagnose
from vectorflow_engine.vrl.examples import examples
from vectorflow_engine.vrl.functions import calls, exists_in, function, functions
from vectorflow_engine.vrl.limits import HOST_FUNCTIONS
from vectorflow_engine.vrl.program import Program

# Functions that reach outside by clock, chance, log or the event's own secrets are no danger to a host.
HARMLESS = {
    "clock", "clock+random", "random", "log_output",
    "internal_metrics", "enrichment_table", "event_secrets", "event_schema",
}  # fmt: skip


def test_holds_every_function_once_and_explains_it():
    names = [each.name for each in functions()]
    assert len(names) == 213
    assert names == sorted(set(names))
    assert [each.name for each in functions() if not each.summary.endswith(".")] == []
    assert [each.name for each in functions() if len(each.summary) < 12 or "\n" in each.summary] == []
    assert len({each.summary for each in functions()}) == 213


def test_knows_exactly_what_the_vrl_here_has():
    wrong = []
    for each in functions():
        codes = {found.code for found in diagnose(f"{each.name}()")}
        if ("E105" in codes) == each.compiles_here:
            wrong.append(each.name)
    assert wrong == []


def test_what_touches_the_host_is_what_the_service_refuses():
    touching = {each.name for each in functions() if each.touches not in HARMLESS | {None}}
    assert touching == HOST_FUNCTIONS


def test_arguments_types_and_signature():
    found = function("parse_bytes")
    assert found is not None
    assert found.signature == "parse_bytes(value: string, unit: string, base?: string)"
    assert found.fallible
    assert found.arguments[2].default == "2"
    assert "MiB" in found.arguments[1].choices
    assert function("filter").signature == "filter(value: object|array) -> |…| { … }"
    assert function("nothing") is None


def test_required_arguments_are_those_the_compiler_asks_for():
    for name in ("contains", "format_int", "parse_regex", "truncate"):
        found = function(name)
        assert "E107" in {each.code for each in diagnose(f"{name}()")}, name
        assert any(each.required for each in found.arguments)


def test_finds_calls_where_they_stand():
    program = '# upcase(.a)\n.b = "downcase(x)"\n.c = basename!(.path) + to_string(.length)\n'
    assert [(call.function.name, call.line, call.column) for call in calls(program)] == [
        ("basename", 3, 6),
        ("to_string", 3, 25),
    ]


def test_says_since_when():
    assert not exists_in(function("basename"), "0.50.0")
    assert exists_in(function("basename"), "0.51.2")
    assert exists_in(function("upcase"), "0.10.0")
    with pytest.raises(ValueError, match="not a version"):
        exists_in(function("basename"), "newest")


@pytest.mark.parametrize("name", examples())
def test_an_example_calls_its_function_and_gives_what_it_says(name):
    example = examples()[name]
    assert name in {call.function.name for call in calls(example.program)}
    program = Program(f".out = {example.program}")
    if example.result is None:
        return  # The result differs by time, chance or place: that it compiles is all that can be said.
    (event,) = program.run({"message": "ready"}).events
    assert json.loads(json.dumps(event["out"], default=str)) == json.loads(example.result)


def test_only_what_differs_by_time_chance_or_place_has_no_result():
    # A line of klog does not name its year.
    differs = {each.name for each in functions() if each.touches not in (None, "log_output")} | {"parse_klog"}
    assert {name for name, example in examples().items() if example.result is None} <= differs


def test_functions_without_an_example_need_a_file_or_a_newer_compiler():
    without = {each.name for each in functions() if each.compiles_here} - set(examples())
    assert without == {"encode_proto", "parse_proto", "validate_json_schema"}
    assert set(examples()) <= {each.name for each in functions() if each.compiles_here}
