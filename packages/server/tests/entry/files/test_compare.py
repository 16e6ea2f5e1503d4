"""Differences in words."""

from vectorflow.entry.files.compare import changes_text, compare
from vectorflow_topology.compiler import Target
from vectorflow_topology.document import document_from_json


def document(*components, edges=()):
    return document_from_json({"components": list(components), "edges": list(edges)})


IN = {"id": "in", "kind": "source", "type": "stdin"}
OUT = {"id": "o", "kind": "sink", "type": "blackhole"}
EDGE = {"source": "in", "target": "o"}


def test_the_same_in_another_order_is_no_difference():
    found = compare(document(IN, OUT, edges=[EDGE]), document(OUT, IN, edges=[EDGE]), Target())
    assert found.changes == []


def test_components_edges_and_types():
    old = document(IN, OUT, edges=[EDGE])
    new = document(IN, {**OUT, "type": "console", "options": {"encoding": {"codec": "json"}}})
    found = compare(old, new, Target())
    assert found.text
    assert changes_text(found.changes) == "~ o: sink of type blackhole → sink of type console\n- in -> o\n"
    assert "+ o: sink of type blackhole\n" in changes_text(compare(document(IN), old, Target()).changes)


def test_what_does_not_compile_is_compared_as_a_pipeline():
    found = compare(document(IN), document({**IN, "id": "0 bad"}), Target())
    assert not found.compiled
    assert "+- id: 0 bad\n" in found.text


def test_no_value_can_act_on_the_terminal():
    evil = document({**IN, "options": {"a": "\x1b[2J", "b": "x\n\x1b]0;y"}})
    calm = document({**IN, "options": {"a": "", "b": "x\n"}})
    assert "\x1b" not in changes_text(compare(calm, evil, Target()).changes)
