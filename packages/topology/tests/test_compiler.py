import hashlib
from pathlib import Path

import msgspec
import pytest

from vectorflow_topology.compiler import CompileFailed, Target, compile_document
from vectorflow_topology.compiler.types import version_key
from vectorflow_topology.document import Component, Document

GOLDEN = Path(__file__).parent / "golden"


def yaml(document, **target):
    return compile_document(document, Target(**target)).yaml.decode()


def rules(document, **target):
    with pytest.raises(CompileFailed) as failed:
        compile_document(document, Target(**target))
    assert all(finding.severity == "error" for finding in failed.value.findings)
    return {finding.rule for finding in failed.value.findings}


@pytest.mark.parametrize("version", ["0.56.0", "0.57.0"])
def test_the_text_is_the_golden_one(demo, version):
    assert yaml(demo, vector_version=version) == (GOLDEN / f"demo-{version}.yaml").read_text()


def test_the_result_names_what_it_uses(demo):
    compiled = compile_document(demo)
    assert compiled.sha256 == hashlib.sha256(compiled.yaml).hexdigest()
    assert compiled.secrets == ("token",)
    assert compiled.files == ()
    assert compiled.component_ids == ("access_log", "parse", "split", "to_file", "to_http")
    assert compile_document(demo) == compiled


def test_positions_lead_to_the_text(demo):
    compiled = compile_document(demo)
    line, column = compiled.place_of("sink", "to_http", ("auth", "token"))
    assert compiled.yaml.decode().splitlines()[line - 1][column - 1 :] == '"SECRET[vectorflow.token]"'
    assert compiled.place_of("sink", "to_http", ("auth", "user")) == compiled.place_of(
        "sink", "to_http", ("auth",)
    )
    assert compiled.place_of("sink", "nobody", ()) is None


def test_layout_and_comments_do_not_change_the_text(demo):
    changed = msgspec.structs.replace(demo, layout={})
    assert compile_document(changed).sha256 == compile_document(demo).sha256


def test_dollars_are_doubled_only_where_they_mean_something(build, part):
    document = build(
        part.source(),
        part.transform("t", "filter", condition='.a == "$x$$"'),
        part.sink(),
        edges="in>t t>out",
    )
    assert '"$x$$"' in yaml(document, vector_version="0.57.0")
    assert '"$$x$$$$"' in yaml(document, vector_version="0.57.0", interpolation=True)
    assert '"$$x$$$$"' in yaml(document, vector_version="0.56.1")


def test_variables_keep_their_type_or_stand_in_text(build, part):
    document = build(
        part.source(
            "in", "file", include=["VAR[dir]/a", "VAR[dir]"], max_line_bytes="VAR[n]", oldest_first="VAR[yes]"
        ),
        part.transform("t", "filter", condition=".a > VAR[n] || .b == VAR[yes] || MYVAR[0] == 1"),
        part.sink(),
        edges="in>t t>out",
        variables={
            "dir": {"type": "string", "value": "/x"},
            "n": {"type": "number", "value": 5},
            "yes": {"type": "boolean", "value": True},
        },
    )
    text = yaml(document)
    assert "- /x/a\n    - /x\n    max_line_bytes: 5\n    oldest_first: true\n" in text
    assert ".a > 5 || .b == true || MYVAR[0] == 1" in text


def test_text_variables_never_become_other_types(build, part):
    document = build(
        part.source("in", "file", include=["VAR[n]"]),
        part.sink(),
        edges="in>out",
        variables={"n": {"type": "string", "value": "0o17"}},
    )
    assert "- '0o17'" in yaml(document)


def test_unknown_and_mistyped_variables_are_refused(build, part):
    document = build(part.source("in", "file", include=["VAR[nope]"]), part.sink(), edges="in>out")
    assert rules(document) == {"variable.unknown"}
    wrong = build(
        part.source(), part.sink(), edges="in>out", variables={"n": {"type": "number", "value": True}}
    )
    assert rules(wrong) == {"variable.type"}


def http(part, **options):
    return part.sink("out", "http", uri="http://x", encoding={"codec": "json"}, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"auth": {"strategy": "bearer", "token": "SECRET[a]"}},
        {"request": {"headers": {"Authorization": "Bearer SECRET[a]"}}},
        {"tls": {"key_pass": "SECRET[a]"}},
    ],
)
def test_secrets_stand_in_double_quotes_under_our_backend(build, part, options):
    compiled = compile_document(build(part.source(), http(part, **options), edges="in>out"))
    line = next(line for line in compiled.yaml.decode().splitlines() if "SECRET" in line)
    assert line.endswith('SECRET[vectorflow.a]"')
    assert line.count('"') == 2
    assert compiled.secrets == ("a",)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"method": "SECRET[a]"}, "secret.misplaced"),
        ({"payload_prefix": "x SECRET[a]"}, "secret.misplaced"),
        ({"auth": {"token": "SECRET[other.a]"}}, "secret.backend"),
        ({"auth": {"token": "SECRET[vectorflow.a]"}}, "secret.backend"),
        ({"method": "XSECRET[vectorflow.a]"}, "secret.backend"),
        ({"request": {"headers": {"SECRET[a]": "x"}}}, "secret.misplaced"),
        ({"SECRET[b.a]": "x"}, "secret.misplaced"),
    ],
)
def test_secrets_stand_nowhere_else(build, part, options, rule):
    assert rules(build(part.source(), http(part, **options), edges="in>out")) == {rule}


def test_secrets_cannot_be_smuggled_past_the_options(build, part):
    ends = (part.source(), part.sink())
    assert rules(build(*ends, edges="in>out", globals={"proxy": {"http": "SECRET[a]"}})) == {
        "secret.misplaced"
    }
    assert rules(build(*ends, edges="in>out", globals={"SECRET[b.a]": 1})) == {"secret.misplaced"}
    assert rules(build(*ends, edges="in>out", enrichment_tables={"t": {"path": "SECRET[a.b]"}})) == {
        "secret.backend"
    }
    assert rules(build(part.source("in", "SECRET[a.b]"), part.sink(), edges="in>out")) == {
        "component.type-invalid"
    }
    variable = {"v": {"type": "string", "value": "SECRET[vectorflow.a]"}}
    program = part.transform("t", "remap", source="VAR[v]")
    assert rules(build(*ends, program, edges="in>t t>out", variables=variable)) == {"secret.backend"}


def test_tests_are_written_only_when_asked_and_never_with_secrets(build, part):
    tests = [{"name": "a", "inputs": [{"insert_at": "t", "value": "SECRET[a]"}]}]
    document = build(part.source(), part.sink(), edges="in>out", tests=tests)
    assert "tests" not in yaml(document)
    assert rules(document, tests=True) == {"secret.misplaced"}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "component.id-invalid"),
        ("a.b", "component.id-invalid"),
        ("1a", "component.id-invalid"),
        ("a\n", "component.id-invalid"),
        ("é", "component.id-invalid"),
        ("a" * 129, "component.id-invalid"),
        ("_default", "component.id-invalid"),
        ("vf_metrics", "component.id-reserved"),
    ],
)
def test_ids_are_held_to_the_rules(build, part, name, rule):
    assert rule in rules(build(part.source(name), part.sink()))


def test_ids_are_unique_over_all_kinds(build, part):
    assert rules(build(part.source("x"), part.sink("x"))) == {"component.id-duplicate"}


@pytest.mark.parametrize(
    ("edges", "rule"),
    [
        ("in>nobody", "edge.unknown-component"),
        ("nobody>out", "edge.unknown-component"),
        ("out>in", "edge.into-source"),
        ("out>out2", "edge.out-of-sink"),
        ("in.a*>out", "port.wildcard"),
    ],
)
def test_edges_need_two_sound_ends(build, part, edges, rule):
    assert rules(build(part.source(), part.sink(), part.sink("out2"), edges=edges)) == {rule}


def disabled(component):
    return component | {"enabled": False}


def test_disabled_transforms_are_bridged(build, part):
    document = build(
        part.source(),
        disabled(part.transform("a", "filter", condition="true")),
        disabled(part.transform("b", "throttle", threshold=1, window_secs=1)),
        part.sink(),
        edges="in>a a>b b>out in>out",
    )
    text = yaml(document)
    assert "inputs: [in]" in text
    assert "transforms" not in text


@pytest.mark.parametrize(
    ("component", "edges"),
    [
        ({"type": "route", "options": {"route": {"x": "true"}}}, "in>t t.x>out"),
        ({"type": "log_to_metric", "options": {"metrics": []}}, "in>t t>out"),
        ({"type": "remap", "options": {"source": "", "reroute_dropped": True}}, "in>t t.dropped>out"),
        ({"type": "never_heard_of"}, "in>t t>out"),
    ],
)
def test_what_cannot_be_bridged_is_refused(build, part, component, edges):
    middle = {"id": "t", "kind": "transform", "enabled": False, **component}
    assert rules(build(part.source(), middle, part.sink(), edges=edges)) == {"component.not-bridged"}
    compile_document(build(part.source(), middle, disabled(part.sink()), edges=edges))


def test_disabled_sources_and_sinks_vanish(build, part):
    document = build(
        part.source(),
        disabled(part.source("in2")),
        part.sink(),
        disabled(part.sink("out2")),
        edges="in>out in2>out in>out2",
    )
    compiled = compile_document(document)
    assert compiled.component_ids == ("in", "out")
    assert "inputs: [in]" in compiled.yaml.decode()


def test_disabled_circles_come_to_an_end(build, part):
    a = disabled(part.transform("a", "filter", condition="true"))
    b = disabled(part.transform("b", "filter", condition="true"))
    document = build(part.source(), a, b, part.sink(), edges="in>a a>b b>a b>out")
    assert "inputs: [in]" in yaml(document)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("api", "global.node-local"),
        ("data_dir", "global.node-local"),
        ("secret", "global.node-local"),
        ("sources", "global.misplaced"),
        ("provider", "global.misplaced"),
    ],
)
def test_globals_hold_nothing_of_the_node(build, part, name, rule):
    assert rules(build(part.source(), part.sink(), edges="in>out", globals={name: {}})) == {rule}


def test_globals_and_tables_come_first(build, part):
    document = build(
        part.source(),
        part.sink(),
        edges="in>out",
        globals={"timezone": "UTC"},
        enrichment_tables={"t": {"type": "file", "file": {"path": f"files/{'ab' * 32}"}}},
    )
    compiled = compile_document(document)
    assert compiled.yaml.decode().startswith("timezone: UTC\nenrichment_tables:\n  t:\n")
    assert compiled.files == ("ab" * 32,)


def test_options_cannot_overwrite_type_or_inputs(build, part):
    document = build(part.source("in", "file", inputs=["x"]), part.sink(), edges="in>out")
    assert rules(document) == {"option.reserved"}


def test_numbers_beyond_64_bits_are_refused(build, part):
    assert rules(build(part.source("in", "file", x=2**63), part.sink(), edges="in>out")) == {
        "option.number-too-large"
    }


def test_versions_are_compared_as_numbers():
    assert version_key("v0.9") < version_key("0.54.0") < version_key("0.58.0-dev")
    with pytest.raises(ValueError, match="not a version"):
        version_key("latest")


def test_components_built_in_code_are_checked_too():
    odd = Component(id="a", kind="source", type="file", options={"x": {3: 4}})
    from_code = Document(components=(odd,))
    with pytest.raises(CompileFailed, match="not text"):
        compile_document(from_code)
