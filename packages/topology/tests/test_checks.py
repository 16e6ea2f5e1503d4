import json

import msgspec
import pytest

from vectorflow_topology.checks import check, clashes
from vectorflow_topology.compiler import Target, compile_document
from vectorflow_topology.document import Component
from vectorflow_topology.vrl import VrlDiagnostic


def found(document, rule, **target):
    return [finding for finding in check(document, target=Target(**target)) if finding.rule == rule]


def errors(document, **target):
    return [
        (f.rule, f.component, f.path)
        for f in check(document, target=Target(**target))
        if f.severity == "error"
    ]


def test_the_demo_is_sound(demo):
    assert errors(demo) == []
    assert [finding.rule for finding in check(demo)] == [
        "vrl.not-compiled",
        "reliability.shared-fate",
        *["reliability.no-acknowledgement"] * 2,
    ]


def test_an_empty_document_says_so_once(build):
    assert errors(build()) == [("pipeline.empty", None, ())]


def test_a_pipeline_needs_both_ends(build, part):
    assert ("pipeline.no-sink", None, ()) in errors(build(part.source()))
    assert ("pipeline.no-source", None, ()) in errors(build(part.sink()))


def chain(build, part, component, **more):
    """A source and sink of every kind around one component."""
    name = component["id"]
    others = {"source": [part.sink()], "sink": [part.source()], "transform": [part.source(), part.sink()]}
    edges = {"source": f"{name}>out", "sink": f"in>{name}", "transform": f"in>{name} {name}>out"}
    return build(component, *others[component["kind"]], edges=edges[component["kind"]], **more)


@pytest.mark.parametrize(
    ("options", "rule", "path"),
    [
        ({}, "option.missing", ("include",)),
        ({"include": None}, "option.missing", ("include",)),
        ({"include": "/a"}, "option.wrong-type", ("include",)),
        ({"include": [3]}, "option.wrong-type", ("include", 0)),
        ({"include": [], "read_from": "middle"}, "option.bad-choice", ("read_from",)),
        ({"include": [], "max_line_bytes": -1}, "option.out-of-range", ("max_line_bytes",)),
        ({"include": [], "max_line_bytes": 1.5}, "option.wrong-type", ("max_line_bytes",)),
        ({"include": [], "max_line_bytes": True}, "option.wrong-type", ("max_line_bytes",)),
        ({"include": [], "multiline": {"mode": "halt_with", "start_pattern": "x", "timeout_ms": 1}}, "option.missing", ("multiline", "condition_pattern")),
        ({"include": [], "fingerprint": {"strategy": "x"}}, "option.bad-choice", ("fingerprint", "strategy")),
        ({"include": [], "inclde": 1}, "option.unknown", ("inclde",)),
    ],
)  # fmt: skip
def test_options_are_held_to_the_catalogue(build, part, options, rule, path):
    assert errors(chain(build, part, part.source("a", "file", **options))) == [(rule, "a", path)]


@pytest.mark.parametrize(
    "options",
    [
        {"include": [], "log_namespace": True},
        {"include": [], "ignore_older": 5},
        {"include": [], "fingerprinting": {"lines": 2}},
        {"include": [], "acknowledgements": True},
    ],
)
def test_hidden_options_older_names_and_short_forms_pass(build, part, options):
    assert errors(chain(build, part, part.source("a", "file", **options))) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"source": "."}, []),
        ({"files": ["a"]}, []),
        ({}, [("option.one-of-missing", "a", ("source",))]),
        ({"source": ".", "file": "x"}, [("option.one-of-conflict", "a", ("file",))]),
        ({"source": "  "}, [("option.empty-program", "a", ("source",))]),
    ],
)
def test_one_of_several_options_must_be_given(build, part, options, expected):
    assert errors(chain(build, part, part.transform("a", "remap", **options))) == expected


def sink_with(part, **options):
    return part.sink("a", "http", uri="http://x", **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"encoding": {"codec": "json"}}, []),
        ({"encoding": {"codec": "csv"}}, [("option.missing", ("encoding", "csv"))]),
        ({"encoding": {"codec": "csv", "csv": {"fields": ["a"]}}}, []),
        ({"encoding": {"codec": "csv", "csv": {"fields": ["a"], "quote": "''"}}}, [("option.bad-length", ("encoding", "csv", "quote"))]),
        ({"encoding": {}}, [("option.missing", ("encoding", "codec"))]),
        ({"encoding": {"codec": "json"}, "auth": {"strategy": "basic", "user": "x"}}, [("option.missing", ("auth", "password"))]),
        ({"encoding": {"codec": "json"}, "auth": {"strategy": "aws", "auth": {"region": "x"}, "service": "s3"}}, []),
        ({"encoding": {"codec": "json"}, "compression": {"algorithm": "gzip", "level": 5}}, []),
        ({"encoding": {"codec": "json"}, "request": {"concurrency": 5}}, []),
        ({"encoding": {"codec": "json"}, "request": {"concurrency": "none"}}, []),
        ({"encoding": {"codec": "json"}, "request": {"concurrency": []}}, [("option.wrong-type", ("request", "concurrency"))]),
        ({"encoding": {"codec": "json"}, "healthcheck": False}, []),
        ({"encoding": {"codec": "json"}, "buffer": {"type": "disk"}}, [("option.missing", ("buffer", "max_size"))]),
        ({"encoding": {"codec": "json"}, "buffer": {"type": "disk", "max_size": 1}}, [("buffer.too-small", ("buffer", "max_size"))]),
        ({"encoding": {"codec": "json"}, "buffer": {"type": "disk", "max_size": 268435488, "max_events": 1}}, [("buffer.max-events", ("buffer", "max_events"))]),
        ({"encoding": {"codec": "json"}, "buffer": {"max_size": 1, "max_events": 1}}, [("buffer.two-limits", ("buffer", "max_size"))]),
        ({"encoding": {"codec": "json"}, "buffer": [{"type": "memory", "max_events": 5, "when_full": "overflow"}]}, []),
    ],
)  # fmt: skip
def test_conditional_options_and_short_forms(build, part, options, expected):
    assert errors(chain(build, part, sink_with(part, **options))) == [
        (rule, "a", path) for rule, path in expected
    ]


def test_options_without_effect_are_noted(build, part):
    component = part.source("a", "demo_logs", format="json", lines=["x"])
    findings = found(chain(build, part, component), "option.no-effect")
    assert [(f.severity, f.path) for f in findings] == [("note", ("lines",))]


def test_findings_stand_where_the_value_is_written(build, part):
    document = chain(build, part, part.source("a", "file", include=["/a"], read_from="begining"))
    (finding,) = found(document, "option.bad-choice")
    lines = compile_document(document).yaml.decode().splitlines()
    assert lines[finding.line - 1][finding.column - 1 :] == "begining"
    assert finding.fix["value"] == "beginning"


def test_other_places_can_be_given(build, part):
    document = chain(build, part, part.source("a", "file"))
    (finding,) = [f for f in check(document, lines={("a", ()): (7, 3)}) if f.rule == "option.missing"]
    assert (finding.line, finding.column) == (7, 3)


@pytest.mark.parametrize(
    ("component", "version", "rule"),
    [
        ({"kind": "transform", "type": "delay", "options": {"delay_ms": 1}}, "0.55.0", "component.too-new"),
        ({"kind": "source", "type": "http_server", "options": {"address": "a:1", "encoding": "text"}}, "0.58.0", "option.removed"),
        ({"kind": "sink", "type": "vector", "options": {"routing": {"endpoints": ["a"]}}}, "0.56.0", "option.too-new"),
    ],
)  # fmt: skip
def test_versions_decide_what_there_is(build, part, component, version, rule):
    document = chain(build, part, {"id": "a", **component})
    assert rule in [each[0] for each in errors(document, vector_version=version)]
    assert rule not in [each[0] for each in errors(document, vector_version="0.57.0")]


def test_deprecated_options_name_their_successor(build, part):
    (finding,) = found(chain(build, part, part.sink("a", "vector", address="x:1")), "option.deprecated")
    assert finding.severity == "warning"
    assert "routing.endpoints" in finding.message


def test_unknown_types_are_kept_with_a_guess(build, part):
    (finding,) = found(chain(build, part, part.sink("a", "consol")), "component.unknown-type")
    assert finding.severity == "warning"
    assert finding.fix == {"action": "set_type", "component": "a", "value": "console"}
    assert errors(chain(build, part, part.sink("a", "consol"))) == []


def remap(part, name, **options):
    return part.transform(name, "remap", source=".", **options)


def test_circles_are_named(build, part):
    document = build(
        part.source(),
        remap(part, "a"),
        remap(part, "b"),
        remap(part, "c"),
        part.sink(),
        edges="in>a a>b b>c c>a c>out",
    )
    (finding,) = found(document, "graph.cycle")
    assert "a → b → c → a" in finding.message
    own = build(part.source(), remap(part, "a"), part.sink(), edges="in>a a>a a>out")
    assert len(found(own, "graph.cycle")) == 1
    two = build(*(remap(part, name) for name in "abcd"), edges="a>b b>a c>d d>c b>c")
    assert len(found(two, "graph.cycle")) == 2


def test_inputs_outputs_and_duplicates(build, part):
    document = build(
        part.source(), remap(part, "lonely"), part.sink(), part.sink("out2"), edges="in>out in>out"
    )
    assert errors(document) == [("component.no-input", "lonely", ()), ("component.no-input", "out2", ())]
    assert [f.component for f in found(document, "port.unread")] == ["lonely"]
    (twice,) = found(document, "edge.duplicate")
    assert twice.severity == "warning"


def test_ports_must_exist(build, part):
    route = part.transform("r", "route", route={"errors": "true"})
    document = build(part.source(), route, part.sink(), part.sink("out2"), edges="in>r r.error>out r>out2")
    findings = found(document, "port.unknown")
    assert [(f.component, f.fix and f.fix["value"]) for f in findings] == [("out", "errors"), ("out2", None)]
    assert "errors, _unmatched" in findings[0].message


def test_types_of_events_must_meet(build, part):
    metrics = part.source("m", "host_metrics")
    any_sink = part.sink("any", "file", path="/x", encoding={"codec": "csv", "csv": {"fields": []}})
    loki = part.sink("loki", "loki", endpoint="http://x", encoding={"codec": "json"}, labels={})
    mixed = part.source("mixed", "vector", address="0.0.0.0:1")
    document = build(metrics, any_sink, loki, mixed, edges="m>any m>loki mixed>loki")
    assert [f.component for f in found(document, "edge.types-disjoint")] == ["any", "loki"]
    (partial,) = found(document, "edge.types-partial")
    assert partial.severity == "note"
    assert "metrics and traces" in partial.message


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "10.0.0.1:80", False),
        ("0.0.0.0:80", "0.0.0.0:81", False),
        ("[::]:80", "10.0.0.1:80", True),
        ("0.0.0.0:0", "0.0.0.0:0", False),
    ],
)
def test_two_cannot_listen_at_one_address(build, part, one, other, clash):
    a, b = (part.source(name, "http_server", address=address) for name, address in (("a", one), ("b", other)))
    assert bool(found(build(a, b, part.sink(), edges="a>out b>out"), "resource.clash")) is clash


def test_clashes_between_pipelines_name_the_other():
    one = Component(id="a", kind="source", type="stdin")
    (finding,) = clashes([("orders", one), ("billing", one)])
    assert "a of orders" in finding.message


def test_protocols_do_not_clash():
    tcp, udp = (
        Component(id=m, kind="source", type="socket", options={"mode": m, "address": "a:1"})
        for m in ("tcp", "udp")
    )
    assert list(clashes([("", tcp), ("", udp)])) == []


def test_templates_must_begin_with_fixed_text_from_0_57_on(build, part):
    bare = chain(build, part, part.sink("a", "file", path="{{ x }}/a", encoding={"codec": "json"}))
    assert [f.path for f in found(bare, "template.unconfined")] == [("path",)]
    assert found(bare, "template.unconfined", vector_version="0.56.0") == []
    kept = chain(
        build, part, part.sink("a", "file", path="{{ x }}", base_dir="/x", encoding={"codec": "json"})
    )
    assert found(kept, "template.unconfined") == []
    prefixed = chain(build, part, part.sink("a", "file", path="/a/{{ x }}", encoding={"codec": "json"}))
    assert found(prefixed, "template.unconfined") == []


def test_acknowledgement_is_asked_for_behind_sources_that_can(build, part):
    source = part.source("a", "file", include=[])
    quiet = build(source, remap(part, "t"), part.sink(), edges="a>t t>out")
    assert [f.component for f in found(quiet, "reliability.no-acknowledgement")] == ["out"]
    for setting in (True, {"enabled": True}):
        sure = build(
            source,
            remap(part, "t"),
            part.sink("out", "blackhole", acknowledgements=setting),
            edges="a>t t>out",
        )
        assert found(sure, "reliability.no-acknowledgement") == []
    everywhere = build(source, part.sink(), edges="a>out", globals={"acknowledgements": {"enabled": True}})
    assert found(everywhere, "reliability.no-acknowledgement") == []


def test_credentials_in_plain_text_are_warned_of_and_references_are_not(build, part):
    plain = chain(
        build,
        part,
        sink_with(part, encoding={"codec": "json"}, auth={"strategy": "bearer", "token": "hunter2"}),
    )
    (finding,) = found(plain, "secret.literal")
    assert finding.severity == "warning"
    assert "hunter2" not in str(check(plain))
    kept = chain(
        build,
        part,
        sink_with(part, encoding={"codec": "json"}, auth={"strategy": "bearer", "token": "SECRET[a]"}),
    )
    assert found(kept, "secret.literal") == []


def test_values_in_messages_are_not_shown_when_they_may_be_secret(build, part):
    document = chain(
        build, part, sink_with(part, encoding={"codec": "json"}, auth={"strategy": "hunter2 hunter2"})
    )
    assert "hunter2" not in str(check(document))


def test_disabled_components_are_not_judged(build, part):
    document = build(
        part.source(), part.sink(), part.sink("x", "http") | {"enabled": False}, edges="in>out in>x"
    )
    assert errors(document) == []


def test_what_does_not_compile_is_still_checked(build, part):
    document = build(part.source("a", "file"), part.sink(), edges="a>out a>nobody")
    assert set(errors(document)) == {
        ("edge.unknown-component", "a", ()),
        ("option.missing", "a", ("include",)),
    }


class Compiler:
    """Stands in for the engine's VRL compiler: finds the word `oops`."""

    def __init__(self):
        self.kinds = []

    def compile(self, program, *, kind):
        self.kinds.append(kind)
        return [
            VrlDiagnostic(
                severity="error", message="oops", line=number, column=line.index("oops") + 1, code="651"
            )
            for number, line in enumerate(program.split("\n"), 1)
            if "oops" in line
        ]


@pytest.mark.parametrize("version", ["0.56.0", "0.57.0"])
@pytest.mark.parametrize(
    "program",
    [
        "oops",
        ".a = 1\n.b = $x + oops\n",
        ".a = 1\n\n  .b = oops",
        "'it''s' + oops",
        '"$a" == "b: #" + oops',
        "'a: ' + oops",
        "- oops",
    ],
)
def test_diagnostics_stand_at_their_place_in_the_text(build, part, program, version):
    document = chain(build, part, part.transform("t", "remap", source=program))
    target = Target(version)
    (finding,) = [f for f in check(document, target=target, vrl=Compiler()) if f.rule == "vrl.651"]
    line = compile_document(document, target).yaml.decode().splitlines()[finding.line - 1]
    assert line[finding.column - 1 :].startswith("oops")
    assert finding.path == ("source",)


def test_every_program_and_condition_is_compiled(build, part):
    compiler = Compiler()
    document = build(
        part.source("in", "http_server", address="a:1", decoding={"codec": "vrl", "vrl": {"source": "."}}),
        part.transform("a", "route", route={"x": "true", "y": {"type": "vrl", "source": "oops"}}),
        part.transform("b", "exclusive_route", routes=[{"name": "z", "condition": "oops"}]),
        part.transform(
            "c", "reduce", starts_when="oops", ends_when={"type": "datadog_search", "source": "oops"}
        ),
        edges="in>a in>b in>c",
    )
    findings = [f for f in check(document, vrl=compiler) if f.rule == "vrl.651"]
    assert [f.path for f in findings] == [
        ("route", "y", "source"),
        ("routes", 0, "condition"),
        ("starts_when",),
    ]
    assert sorted(compiler.kinds) == ["condition"] * 4 + ["program"]


def test_findings_are_json(build, part):
    plain = json.loads(msgspec.json.encode(check(build(part.source("a", "file"), part.sink()))))
    assert set(plain[0]) == {"rule", "severity", "message", "component", "path", "line", "column", "fix"}


def test_a_sink_that_waits_beside_one_that_drops_is_pointed_out(build, part):
    def told(**buffer):
        document = build(
            part.source(),
            part.sink("a", "console", buffer={"when_full": "drop_newest"}),
            part.sink("b", "console", **({"buffer": buffer} if buffer else {})),
            edges="in>a in>b",
        )
        return [f.component for f in check(document) if f.rule == "reliability.blocking"]

    assert told() == ["b"]
    assert told(when_full="drop_newest") == []
    assert told(type="disk", max_size=268435488) == []
