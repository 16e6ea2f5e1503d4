"""Fixes: each settles its finding, or is refused in words."""

import pytest

from vectorflow_topology.checks import check
from vectorflow_topology.compiler.types import Target
from vectorflow_topology.fixes import FixRefused, apply_fix
from vectorflow_topology.importer import import_text

DONE = {
    "option.unknown", "option.bad-choice", "option.no-effect", "component.unknown-type", "port.unknown",
    "edge.duplicate", "buffer.too-small", "reliability.no-acknowledgement", "secret.literal",
}  # fmt: skip


def test_every_fix_that_can_be_applied_settles_its_finding(build, part):
    document = build(
        part.source("in", "file", include=["/a"], max_line_byte=3),
        part.transform("r", "remap", source=".", reroute_dropped=True),
        part.sink("a", "http", uri="https://u:pw@x", method="pst", encoding={"codec": "json"},
                  auth={"strategy": "bearer", "token": "abc"}, buffer={"type": "disk", "max_size": 1}),
        part.sink("b", "blackole"),
        edges="in>r r>a r>a r.droped>b",
    )  # fmt: skip
    seen = set()
    for _ in range(20):
        findings = [f for f in check(document) if f.rule in DONE and f.fix]
        if not findings:
            break
        seen.add(findings[0].rule)
        document = apply_fix(document, findings[0].fix)
        assert findings[0] not in check(document)
    assert seen >= DONE - {"option.no-effect"}
    assert document.component("a").options["uri"] == "https://u:SECRET[a-uri]@x"


def test_a_reference_to_the_environment_becomes_a_variable_with_its_default():
    imported = import_text("sources:\n  in: {type: file, include: ['${DIR:-/var}/x']}\n")
    fix = next(f.fix for f in imported.findings if f.rule == "import.environment")
    document = apply_fix(imported.documents[0].document, fix)
    assert document.components[0].options["include"] == ["VAR[DIR]/x"]
    assert document.variables["DIR"].value == "/var"


def test_disabled_components_are_enabled(build, part):
    document = build({**part.source(), "enabled": False})
    assert apply_fix(document, {"action": "enable", "component": "in"}).components[0].enabled


@pytest.mark.parametrize(
    "fix",
    [
        {"action": "show"},
        {},
        {"action": "set_option", "component": "in", "path": ["a"], "value": None},
        {"action": "set_option", "component": "gone", "path": ["a"], "value": 1},
        {"action": "set_option"},
        {"action": "remove_option", "component": "in", "path": ["a", 3]},
        {"action": "rename_option", "component": "in", "path": ["a"], "value": "b"},
        {"action": "remove_edge", "source": "a", "target": "b"},
        {"action": "set_port", "source": "a", "target": "b", "value": "x"},
        {"action": "define_variable", "name": "x", "type": "odd", "value": 1},
        {"action": "make_variable", "component": "in", "path": ["decoding"], "name": "X"},
    ],
)
def test_what_cannot_be_applied_is_refused_in_words(build, part, fix):
    with pytest.raises(FixRefused) as refused:
        apply_fix(build(part.source("in", "stdin", decoding={})), fix)
    assert str(refused.value).endswith(".")


def test_a_deprecated_option_gets_its_new_name_where_the_value_stays_as_it_is(build, part):
    document = build(
        part.source("in", "gcp_pubsub", project="p", subscription="s", ack_deadline_seconds=5),
        part.sink("a", "blackhole"),
        edges="in>a",
    )
    wrong = {f.path: f for f in check(document) if f.rule == "option.deprecated"}
    fixed = apply_fix(document, wrong["ack_deadline_seconds",].fix)
    assert fixed.component("in").options["ack_deadline_secs"] == 5
    assert wrong["ack_deadline_seconds",] not in check(fixed)
    both = build(part.source("in", "gcp_pubsub", ack_deadline_seconds=5, ack_deadline_secs=6), edges="")
    assert {f.fix for f in check(both) if f.rule == "option.deprecated"} == {None}


MOVED = {
    "aws_kinesis_firehose": ({"access_key": "SECRET[k]"}, {"access_keys": ["SECRET[k]"]}),
    "splunk_hec": ({"token": "SECRET[t]"}, {"valid_tokens": ["SECRET[t]"]}),
    "vector": ({"address": "10.0.0.1:6000"}, {"routing": {"endpoints": ["10.0.0.1:6000"]}}),
    "elasticsearch": ({"endpoint": "https://a.example"}, {"endpoints": ["https://a.example"]}),
}


@pytest.mark.parametrize("type_", MOVED)
def test_a_deprecated_option_whose_successor_takes_a_list_becomes_the_only_one_of_it(build, part, type_):
    old, new = MOVED[type_]
    needed = {"address": "0.0.0.0:9000", "store_access_key": False} if type_ == "aws_kinesis_firehose" else {}
    if type_ in ("vector", "elasticsearch"):
        document = build(part.source("in", "stdin"), part.sink("it", type_, **old, **needed), edges="in>it")
    else:
        document = build(part.source("it", type_, **old, **needed), part.sink("a", "blackhole"), edges="it>a")
    (wrong,) = [f for f in check(document) if f.rule == "option.deprecated"]
    assert wrong.path == tuple(old)
    assert "SECRET" not in str(wrong.fix), "a finding never repeats a value"
    fixed = apply_fix(document, wrong.fix)
    assert fixed.component("it").options == needed | new
    assert not {f.rule for f in check(fixed) if f.component == "it"} & {
        "option.deprecated",
        "option.wrong-type",
        "option.missing",
    }
    successor = next(iter(new))
    both = apply_fix(
        document, {"action": "set_option", "component": "it", "path": [successor], "value": new[successor]}
    )
    assert {f.fix for f in check(both) if f.rule == "option.deprecated"} == {None}
    with pytest.raises(FixRefused):
        apply_fix(both, wrong.fix)


def test_an_option_is_not_moved_to_one_that_the_target_does_not_know_yet(build, part):
    document = build(
        part.source("in", "stdin"), part.sink("out", "vector", address="a.example:6000"), edges="in>out"
    )
    old = check(document, target=Target(vector_version="0.55.0"))
    assert {f.fix for f in old if f.rule == "option.deprecated"} == {None}
