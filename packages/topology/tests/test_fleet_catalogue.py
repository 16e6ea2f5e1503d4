"""A catalogue from what a binary says about itself."""

import copy

import pytest

from vectorflow_topology.catalogue import SchemaRefused, catalogue, catalogue_from_schema
from vectorflow_topology.checks import check
from vectorflow_topology.checks.engines import Engine, check_engines
from vectorflow_topology.compiler import Target

DEFINITIONS = {
    "vector::sources::stdin::StdinConfig": {
        "type": "object",
        "properties": {
            "max_length": {"type": "integer", "minimum": 0, "default": 102400, "_metadata": {"docs::type_unit": "bytes"}},
            "host_key": {"oneOf": [{"type": "null"}, {"type": "string"}]},
        },
    },
    "vector::sinks::http::Method": {"oneOf": [{"const": "post"}, {"const": "put"}]},
    "vector::sinks::http::Auth": {
        "oneOf": [
            {
                "type": "object",
                "required": ["strategy", "token"],
                "properties": {"strategy": {"const": "bearer"}, "token": {"type": "string"}},
            },
            {
                "type": "object",
                "required": ["strategy", "user"],
                "properties": {"strategy": {"const": "basic"}, "user": {"type": "string"}},
            },
        ],
        "_metadata": {"docs::enum_tagging": "internal", "docs::enum_tag_field": "strategy"},
    },
    "vector::sinks::http::HttpSinkConfig": {
        "type": "object",
        "required": ["uri", "shape"],
        "properties": {
            "uri": {"type": "string"},
            "method": {"allOf": [{"$ref": "#/definitions/vector::sinks::http::Method"}], "default": "post"},
            "auth": {"$ref": "#/definitions/vector::sinks::http::Auth"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "shape": {"type": "array", "items": {"$ref": "#/definitions/vector::Self"}},
            "brand_new": {"type": "boolean", "deprecated": True},
        },
    },
    "vector::Self": {"type": "object", "properties": {"inner": {"$ref": "#/definitions/vector::Self"}}},
    "vector::sources::Outer": {
        "allOf": [
            {
                "oneOf": [
                    {
                        "allOf": [
                            {"type": "object", "required": ["type"], "properties": {"type": {"const": "stdin"}}},
                            {"$ref": "#/definitions/vector::sources::stdin::StdinConfig"},
                        ],
                        "_metadata": {"docs::component_type": "source"},
                    }
                ]
            }
        ],
        "unevaluatedProperties": False,
    },
    "vector::sinks::Outer": {
        "allOf": [
            {"type": "object", "required": ["inputs"], "properties": {"inputs": {"type": "array"}, "buffer": {"type": "object"}}},
            {
                "oneOf": [
                    {
                        "allOf": [
                            {"type": "object", "required": ["type"], "properties": {"type": {"const": name}}},
                            {"$ref": "#/definitions/vector::sinks::http::HttpSinkConfig"},
                        ],
                        "_metadata": {"docs::component_type": "sink", "docs::human_name": "Made up"},
                    }
                    for name in ("http", "future")
                ]
            },
        ],
        "unevaluatedProperties": False,
    },
}  # fmt: skip
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2019-09/schema",
    "definitions": DEFINITIONS,
    "allOf": [
        {
            "type": "object",
            "properties": {
                "sources": {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/definitions/vector::sources::Outer"},
                },
                "sinks": {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/definitions/vector::sinks::Outer"},
                },
                "timezone": {"type": "string"},
            },
        }
    ],
}
LISTING = {"sources": ["stdin"], "transforms": [], "sinks": ["http", "future"]}


@pytest.fixture(scope="module")
def own():
    return catalogue_from_schema(SCHEMA, LISTING, version="0.59.0")


def test_options_are_read_and_our_knowledge_is_kept(own):
    http = own.get("sink", "http").options
    assert set(http) == {"uri", "method", "auth", "labels", "shape", "brand_new", "buffer"}
    assert http["uri"].required
    assert http["uri"].carries_secret == catalogue().get("sink", "http").options["uri"].carries_secret
    assert (http["method"].enum, http["method"].default) == (("post", "put"), "post")
    auth = http["auth"].options
    assert auth["strategy"].enum == ("bearer", "basic")
    assert auth["token"].sensitive
    assert (auth["token"].required, auth["token"].relevant_when) == (True, 'strategy = "bearer"')
    assert http["labels"].values.type == "string"
    assert http["shape"].items.options["inner"].type == "any"
    assert http["brand_new"].deprecated
    stdin = own.get("source", "stdin")
    assert stdin.options["max_length"].unit == "bytes"
    assert stdin.options["host_key"].type == "string"
    assert stdin.title == "Standard input"
    assert own.get("sink", "future").title == "Made up"
    assert own.version == "0.59.0"
    assert own.digest != catalogue().digest


def test_what_is_not_compiled_in_is_not_there():
    less = catalogue_from_schema(SCHEMA, {**LISTING, "sinks": [{"name": "http"}]}, version="0.59.0")
    assert less.get("sink", "future") is None
    assert catalogue_from_schema(SCHEMA, version="0.59.0").get("sink", "future") is not None


@pytest.mark.parametrize(
    ("schema", "listing"),
    [(None, None), ([], None), ({}, None), ({"properties": {"sinks": {}}}, None), (SCHEMA, []),
     (SCHEMA, {"sources": [], "transforms": [], "sinks": []}), ({"properties": 3}, None)],
)  # fmt: skip
def test_what_is_no_schema_is_refused(schema, listing):
    with pytest.raises(SchemaRefused) as refused:
        catalogue_from_schema(schema, listing, version="0.59.0")
    assert refused.value.findings[0].rule == "catalogue.schema"


def test_a_schema_that_grows_without_end_is_refused():
    bomb = copy.deepcopy(SCHEMA)
    for level in range(40):
        inner = {"$ref": f"#/definitions/b{level + 1}"}
        bomb["definitions"][f"b{level}"] = {"allOf": [inner, inner, inner]}
    bomb["definitions"]["vector::Self"] = {"$ref": "#/definitions/b0"}
    with pytest.raises(SchemaRefused):
        catalogue_from_schema(bomb, LISTING, version="0.59.0")


def test_checks_know_the_binary_and_every_engine_has_its_say(build, part, own):
    document = build(part.source(), part.sink("a", "http", uri="https://x", method="get"), edges="in>a")
    found = {(f.rule, f.path) for f in check(document, target=Target("0.59.0"), known=own)}
    assert {("option.bad-choice", ("method",)), ("option.missing", ("shape",))} <= found
    engines = [Engine(target=Target("0.57.0")), Engine(target=Target("0.59.0"), catalogue=own)]
    merged = check_engines(document, engines)
    missing = next(f for f in merged if f.rule == "option.missing" and f.path == ("shape",))
    assert missing.severity == "warning"
    assert missing.message.endswith("(Vector 0.59.0)")
    confirmed = [Engine(target=Target("0.59.0"), catalogue=own, confirmed=True)]
    assert [f.severity for f in check_engines(document, confirmed) if f.path == ("shape",)] == ["error"]
    encoding = [f for f in check_engines(document, confirmed) if f.path == ("encoding",)]
    assert encoding == []


def test_what_all_engines_say_is_said_once(build, part):
    document = build(part.source(), part.sink("a", "http", uri=3), edges="in>a")
    engines = [Engine(target=Target(version)) for version in ("0.56.0", "0.57.0", "0.57.0")]
    wrong = [f for f in check_engines(document, engines) if f.rule == "option.wrong-type"]
    assert len(wrong) == 1
    assert "(Vector" not in wrong[0].message
