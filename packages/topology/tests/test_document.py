import json

import msgspec
import pytest

from vectorflow_topology.diff import diff_documents
from vectorflow_topology.document import (
    MAX_COMPONENTS,
    DocumentInvalid,
    Position,
    document_from_json,
    document_to_json,
)
from vectorflow_topology.importer import reimport
from vectorflow_topology.manifest import document_from_yaml, document_to_yaml


def test_json_round_trip_keeps_every_field(demo):
    plain = document_to_json(demo)
    assert document_from_json(plain) == demo
    assert document_from_json(json.dumps(plain)) == demo
    assert plain["format"] == 1
    assert plain["components"][0]["enabled"] is True
    assert demo.layout["access_log"] == Position(0, 10.5)


def test_unfinished_documents_are_documents():
    assert document_from_json({}).components == ()
    draft = document_from_json({"components": [{"id": "", "kind": "sink", "type": ""}] * 2})
    assert len(draft.components) == 2


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ([], (), "object"),
        ({"format": 2}, ("format",), "format 2"),
        ({"components": [{"id": 3, "kind": "sink", "type": "x"}]}, ("components", 0, "id"), "str"),
        ({"components": [{"id": "a", "kind": "well", "type": "x"}]}, ("components", 0, "kind"), "well"),
        ({"components": [{"id": "a", "kind": "sink", "type": "x", "extra": 1}]}, ("components", 0), "extra"),
        ({"globals": {"a": float("nan")}}, ("globals", "a"), "NaN"),
        ({"globals": {"a": "\ud800"}}, ("globals", "a"), "surrogate"),
        ({"globals": {1: 2}}, ("globals",), "not text"),
        ({"globals": {"a": b"x"}}, ("globals", "a"), "bytes"),
        ({"variables": {"a": {"type": "list", "value": 1}}}, ("variables", "..."), "list"),
    ],
)
def test_wrong_shapes_are_refused_with_a_path(given, path, words):
    with pytest.raises(DocumentInvalid) as refused:
        document_from_json(given)
    finding = refused.value.findings[0]
    assert finding.severity == "error"
    assert words in finding.message
    assert finding.path[: len(path)] == path or path[-1] == "..."


def test_deep_values_are_refused_without_recursion():
    value: object = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(DocumentInvalid, match="64 deep"):
        document_from_json({"globals": {"a": value}})


@pytest.mark.parametrize("text", ["{", "", '{"a":\x00}', b"\xff\xfe", "[" * 100_000])
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(DocumentInvalid):
        document_from_json(text)


def test_too_many_components_are_refused():
    many = [{"id": f"c{n}", "kind": "sink", "type": "x"} for n in range(MAX_COMPONENTS + 1)]
    with pytest.raises(DocumentInvalid, match="at most"):
        document_from_json({"components": many})


def test_whom_a_pipeline_is_for_stands_in_it_and_older_documents_keep_their_hash(build, part):
    document = build(part.source(), part.sink("out", "console"))
    assert "selector" not in document_to_json(document)
    chosen = msgspec.structs.replace(document, selector="region in (eu), !canary")
    assert document_from_json(document_to_json(chosen)) == chosen
    assert "selector: region in (eu), !canary" in document_to_yaml(chosen)
    assert document_from_yaml(document_to_yaml(chosen)) == chosen
    (change,) = diff_documents(document, chosen)
    assert (change.kind, change.path, change.after) == ("added", ("selector",), "region in (eu), !canary")
    assert reimport(chosen, document).selector == chosen.selector
