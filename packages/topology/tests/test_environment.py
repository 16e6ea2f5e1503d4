"""What was interpolated from the environment, as variables and secrets."""

from vectorflow_topology.compiler import Target, compile_document
from vectorflow_topology.document import Variable
from vectorflow_topology.fixes import apply_fix
from vectorflow_topology.importer import import_files, import_text

TEXT = """
sources:
  in: {type: http_server, address: "${HOST:-0.0.0.0}:8080", host_key: "a$${b}"}
transforms:
  t: {type: remap, inputs: [in], source: '.price = "$$1"; .env = "${ENV}"'}
sinks:
  out:
    type: http
    inputs: [t]
    uri: "https://user:${API_TOKEN}@example.com/${PATH_PART}"
    encoding: {codec: json}
    auth: {strategy: bearer, token: $MY.TOKEN}
    request: {timeout_secs: "${TIMEOUT-30}"}
"""
OLD = Target("0.56.0")


def test_dollars_and_references_of_older_versions_become_ours():
    imported = import_text(TEXT, written_for=OLD)
    document = imported.documents[0].document
    assert document.component("in").options == {"address": "VAR[HOST]:8080", "host_key": "a${b}"}
    assert document.component("t").options["source"] == '.price = "$1"; .env = "VAR[ENV]"'
    out = document.component("out").options
    assert out["uri"] == "https://user:SECRET[API_TOKEN]@example.com/VAR[PATH_PART]"
    assert out["auth"]["token"] == "SECRET[MY_TOKEN]"
    assert out["request"]["timeout_secs"] == "VAR[TIMEOUT]"
    assert document.variables == {
        "HOST": Variable(type="string", value="0.0.0.0"),
        "TIMEOUT": Variable(type="number", value=30),
    }
    fixes = {(f.fix["action"], f.fix["name"]) for f in imported.findings if f.fix}
    assert fixes >= {
        ("create_secret", "API_TOKEN"),
        ("create_secret", "MY_TOKEN"),
        ("define_variable", "ENV"),
        ("define_variable", "PATH_PART"),
    }
    for finding in imported.findings:
        if finding.fix and finding.fix["action"] == "define_variable":
            document = apply_fix(document, finding.fix)
    compiled = compile_document(document, OLD)
    assert b"host_key: a$${b}" in compiled.yaml
    assert compiled.secrets == ("API_TOKEN", "MY_TOKEN")


def test_dollars_stay_where_nothing_is_interpolated():
    for target in (None, Target("0.57.0")):
        document = import_text(TEXT, written_for=target).documents[0].document
        assert document.component("in").options["host_key"] == "a$${b}"
        assert document.variables == {}
    files = import_files({"a.yaml": TEXT}, written_for=Target("0.57.0", interpolation=True))
    assert files.documents[0].document.component("in").options["host_key"] == "a${b}"


def test_a_reference_within_a_word_is_left_and_told():
    text = "sources:\n  in: {type: file, include: ['/var/app${N}/x']}\n"
    imported = import_text(text, written_for=OLD)
    assert imported.documents[0].document.components[0].options["include"] == ["/var/app${N}/x"]
    assert any("within a word" in finding.message for finding in imported.findings)
