import pytest

from vectorflow_topology.compiler import compile_document
from vectorflow_topology.document import Edge
from vectorflow_topology.importer import import_text


def one(text, **more):
    imported = import_text(text, **more)
    assert len(imported.documents) == 1, imported.findings
    return imported.documents[0].document, imported.findings


def rules(findings):
    return [finding.rule for finding in findings]


YAML = """
# a comment
data_dir: /var/lib/vector
timezone: UTC
api: {enabled: true}
sources:
  in: {type: opentelemetry, grpc: {address: 0.0.0.0:4317}, http: {address: 0.0.0.0:4318}}
transforms:
  rt:
    type: route
    inputs: [in.logs]
    route: {a: .x == 1, b: 'true'}
sinks:
  out:
    type: console
    inputs: ["rt.*", in.metrics]
    encoding: {codec: json}
    invented: {deep: [1, null, 1.5]}
"""


def test_yaml_with_named_ports_and_wildcards():
    document, findings = one(YAML)
    assert document.edges == (
        Edge(source="in", port="logs", target="rt"),
        Edge(source="rt", port="a", target="out"),
        Edge(source="rt", port="b", target="out"),
        Edge(source="rt", port="_unmatched", target="out"),
        Edge(source="in", port="metrics", target="out"),
    )
    assert document.globals == {"timezone": "UTC"}
    assert document.component("out").options["invented"] == {"deep": [1, None, 1.5]}
    assert rules(findings) == ["import.node-local", "import.node-local"]
    assert (findings[0].line, findings[0].column) == (3, 11)


def test_toml_and_json_say_the_same():
    toml = """
[sources.in]
type = "file"
include = ["/a"]
[sinks.out]
type = "blackhole"
inputs = ["in"]
print_interval_secs = 0
"""
    json = '{"sources":{"in":{"type":"file","include":["/a"]}},"sinks":{"out":{"type":"blackhole","inputs":["in"],"print_interval_secs":0}}}'
    assert one(toml) == one(json)
    assert one(toml)[1] == []


def test_unconnected_parts_become_documents_of_their_own():
    text = """
timezone: UTC
sources: {a: {type: stdin}, b: {type: demo_logs, format: json}}
transforms: {t: {type: filter, inputs: [b], condition: "true"}}
sinks: {x: {type: blackhole, inputs: [a]}, y: {type: blackhole, inputs: [t]}, z: {type: blackhole}}
tests:
  - {name: one, inputs: [{insert_at: t, type: raw, value: v}], outputs: [{extract_from: t}]}
"""
    documents = import_text(text).documents
    assert [(name, [c.id for c in document.components]) for name, document in documents] == [
        ("a", ["a", "x"]),
        ("b", ["b", "t", "y"]),
        ("z", ["z"]),
    ]
    assert [document.globals for _, document in documents] == [{"timezone": "UTC"}] * 3
    assert [len(document.tests) for _, document in documents] == [0, 1, 0]
    assert documents[1].document.layout["y"].x == 560


def test_wildcards_never_match_their_own_component_and_say_when_they_match_nothing():
    text = """
sources: {app_1: {type: stdin}, app_2: {type: stdin}}
transforms: {app_t: {type: filter, inputs: ["app_*"], condition: "true"}}
sinks: {out: {type: blackhole, inputs: ["app_[12]", app_t, "nothing*", gone, app_t.dropped]}}
"""
    document, findings = one(text)
    assert [(edge.source, edge.port, edge.target) for edge in document.edges] == [
        ("app_1", "_default", "app_t"),
        ("app_2", "_default", "app_t"),
        ("app_1", "_default", "out"),
        ("app_2", "_default", "out"),
        ("app_t", "_default", "out"),
        ("gone", "_default", "out"),
        ("app_t", "dropped", "out"),
    ]
    assert [(f.rule, f.line) for f in findings] == [("import.no-match", 4)]


def test_ids_that_are_not_accepted_are_changed_everywhere():
    text = 'sources: {"my in": {type: stdin}, vf_x: {type: stdin}, "1": {type: stdin}}\nsinks: {my_in: {type: blackhole, inputs: ["my in", vf_x, "1"]}}'
    document, findings = one(text)
    assert [component.id for component in document.components] == ["my_in", "my_vf_x", "c_1", "my_in_2"]
    assert [edge.source for edge in document.edges] == ["my_in", "my_vf_x", "c_1"]
    assert {edge.target for edge in document.edges} == {"my_in_2"}
    assert rules(findings) == ["import.renamed"] * 4
    compile_document(document)


def test_secrets_of_other_backends_become_ours():
    text = """
sources: {in: {type: stdin}}
sinks:
  out: {type: http, inputs: [in], uri: http://x, encoding: {codec: json}, auth: {strategy: basic, user: "SECRET[vault.user/name]", password: "SECRET[vectorflow.pw]"}}
  two: {type: http, inputs: [in], uri: http://x, encoding: {codec: json}, auth: {strategy: bearer, token: "SECRET[file.pw]"}}
"""
    document, findings = one(text)
    assert document.component("out").options["auth"]["user"] == "SECRET[user-name]"
    assert document.component("out").options["auth"]["password"] == "SECRET[pw]"
    assert document.component("two").options["auth"]["token"] == "SECRET[file-pw]"
    assert [finding.fix["name"] for finding in findings] == ["user-name", "file-pw"]
    assert compile_document(document).secrets == ("file-pw", "pw", "user-name")


def test_literal_credentials_are_pointed_out_but_never_repeated():
    text = """
sources: {in: {type: stdin}}
sinks:
  out:
    type: elasticsearch
    inputs: [in]
    endpoints: ["https://user:hunter2@example.com"]
    auth: {strategy: basic, user: u, password: hunter3}
    request: {headers: {X-Api-Key: hunter4, Accept: text/plain}}
    api_version: auto
"""
    _, findings = one(text)
    assert [(f.rule, f.path, f.line) for f in findings] == [
        ("secret.literal", ("endpoints", 0), 7),
        ("secret.literal", ("auth", "password"), 8),
        ("secret.literal", ("request", "headers", "X-Api-Key"), 9),
    ]
    assert "hunter" not in str(findings)


def test_environment_references_are_proposed_as_variables():
    text = 'sources: {in: {type: file, include: ["${DIR:-/a}/x", "$1"]}}\nsinks: {out: {type: blackhole, inputs: [in]}}'
    _, findings = one(text)
    assert [(f.rule, f.fix["name"]) for f in findings] == [("import.environment", "DIR")]


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("", "import.empty", 1),
        ("just text", "import.empty", 1),
        ("[1]", "import.empty", 1),
        ("timezone: UTC", "import.empty", 1),
        ("sources: [a]", "import.section", 1),
        ("sources:\n  a: 3", "import.component", 2),
        ("sources:\n  a: {}", "import.type", 2),
        ("sources:\n  a: {type: [x]}", "import.type", 2),
        ("sources: {a: {type: x}}\nsinks:\n  a: {type: y}", "import.duplicate-id", 3),
        ("sinks:\n  a: {type: blackhole, inputs: 3}", "import.inputs", 2),
        ("sinks:\n  a: {type: blackhole, inputs: [3]}", "import.inputs", 2),
        ("sources: {a: {type: stdin, inputs: [b]}}", "import.inputs", 1),
        ("sources: {a: {type: nobody_knows}}", "import.unknown-type", 1),
        ("sources: {a: {type: stdin}}\ntests: 3", "import.section", 2),
        ("provider: {type: http}\nsources: {a: {type: stdin}}", "import.provider", 1),
        ("sources: {a: {type: x}", "import.syntax", 1),
        (b"sources: \xff", "import.encoding", 1),
        ("x" * 5_000_001, "import.too-large", None),
    ],
)
def test_bad_input_becomes_findings(text, rule, line):
    findings = import_text(text).findings
    assert (rule, line) in [(finding.rule, finding.line) for finding in findings]


def test_too_many_components_are_refused():
    text = "sources: {" + ", ".join(f"a{n}: {{type: stdin}}" for n in range(5001)) + "}"
    imported = import_text(text)
    assert imported.documents == []
    assert rules(imported.findings) == ["import.too-large"]
