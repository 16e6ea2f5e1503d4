"""Comments: all kept, each at its value, and written back where they belong."""

import time

import pytest

from vectorflow_topology.canonical import document_hash
from vectorflow_topology.compiler import Target, commented, compile_document
from vectorflow_topology.document import Remark, document_from_json, document_to_json
from vectorflow_topology.importer import import_files, import_text
from vectorflow_topology.manifest import document_from_yaml, document_to_yaml
from vectorflow_topology.rename import rename_component
from vectorflow_topology.text.parse import parse_text, placed

YAML = """\
# head of the file
timezone: UTC # of the office

# the ways in
sources:
  # all of the host
  # and more
  in: # short
    type: file
    # which
    include:
      # the first
      - /var/a # a
      - "/var/#b" # b
      # no more
    host_key: 'it # is' # quoted
sinks:
  out:
    type: http
    inputs: [in] # wired
    uri: https://example.com
    encoding: {codec: json} # one line
    # last of out
# the end
"""
TOML = """\
# head
timezone = "UTC" # zone
# the sink
[sinks.out] # table
type = "console"
inputs = ["in"] # wired
# how
encoding.codec = "json"
[sources.in]
type = "file"
include = [
  "/a#b", # inside
]
multi = '''
# no comment
'''
# the end
"""


def words(text):
    return sorted(part for line in text.splitlines() for part in line.split("# ")[1:])


def test_every_comment_of_a_text_is_kept_at_its_value():
    imported = import_text(YAML)
    document = imported.documents[0].document
    assert "import.comments" not in [finding.rule for finding in imported.findings]
    assert document.component("in").comment == "all of the host\nand more"
    assert document.comments == {
        "timezone": Remark(before="head of the file", inline="of the office"),
        "sources": Remark(before="the ways in"),
        "sources/in": Remark(inline="short"),
        "sources/in/include": Remark(before="which", after="no more"),
        "sources/in/include/0": Remark(before="the first", inline="a"),
        "sources/in/include/1": Remark(inline="b"),
        "sources/in/host_key": Remark(inline="quoted"),
        "sinks/out/inputs": Remark(inline="wired"),
        "sinks/out/encoding": Remark(inline="one line", after="last of out"),
        "sinks": Remark(after="the end"),
    }


@pytest.mark.parametrize("text", [YAML, TOML])
def test_comments_are_written_back_and_read_again_alike(text):
    document = import_text(text).documents[0].document
    written = commented(document)
    assert parse_text(written, "yaml").value == parse_text(compile_document(document).yaml, "yaml").value
    again = import_text(written).documents[0].document
    assert words(written) == words(commented(again))
    assert {c.id: c.comment for c in again.components} == {c.id: c.comment for c in document.components}
    kept = " ".join(written.split())
    for comment in ("# head", "# wired", "# the end"):
        assert comment in kept


def test_no_comment_is_lost():
    for text in (YAML, TOML):
        document = import_text(text).documents[0].document
        written = commented(document)
        for comment in words(text.replace("# no comment\n", "").replace("/a#b", "").replace("/var/#b", "")):
            if not comment.startswith("is'"):
                assert f"# {comment.strip()}" in written, comment


def test_comments_stay_through_json_git_and_renaming():
    document = import_text(YAML).documents[0].document
    assert document_from_json(document_to_json(document)) == document
    assert document_from_yaml(document_to_yaml(document)) == document
    renamed = rename_component(document, "in", "logs")
    assert renamed.comments["sources/logs/include"].before == "which"
    assert rename_component(renamed, "logs", "in") == document


def test_a_document_without_comments_keeps_its_hash(demo):
    assert "comments" not in document_to_json(demo)
    bare = "\n".join(line.split(" #")[0] for line in ("sources:", "  in: {type: stdin} # x"))
    one, other = (import_text(text).documents[0].document for text in (bare, bare + " # x"))
    assert document_hash(one) != document_hash(other)


def test_comments_of_several_files_are_kept():
    files = {"sources/in.yaml": "# which\ntype: stdin # kind\n", "root.toml": "# zone\ntimezone = 'UTC'\n"}
    document = import_files(files, directory=True).documents[0].document
    assert document.comments["sources/in/type"] == Remark(before="which", inline="kind")
    assert document.comments["timezone"].before == "zone"


def test_a_comment_cannot_change_what_vector_reads():
    text = "sources:\n  in:\n    type: stdin # SECRET[a.b] ${HOME}\n    host_key: h\n"
    document = import_text(text).documents[0].document
    written = commented(document, Target("0.56.0"))
    assert "SECRET [a.b] $${HOME}" in written
    assert "SECRET[" not in written


def test_lines_of_toml_findings_and_values_are_known():
    read = placed(parse_text(TOML, "toml"), TOML)
    assert read.positions["sinks", "out"] == (4, 1)
    assert read.positions["sinks", "out", "encoding", "codec"] == (8, 18)
    assert read.positions["sources", "in", "multi"] == (14, 9)
    text = '[[tests]]\nname = "a"\n[[tests]]\nname = "b"\n[[tests.inputs]]\nx = 1\n'
    lists = placed(parse_text(text, "toml"), text)
    assert lists.positions["tests", 1, "inputs", 0, "x"] == (6, 5)
    findings = import_text('[sinks.out]\ninputs = 3\n[sources.x]\ntype = "stdin"\n').findings
    assert {(f.rule, f.line) for f in findings} == {("import.type", 1)}


def test_fifty_components_with_comments_are_quick():
    parts = ["# the file", "sources:"]
    for n in range(25):
        parts += [
            f"  # source {n}",
            f"  s{n}: # in",
            "    type: file",
            "    # paths",
            f"    include: ['/{n}'] # one",
        ]
    parts.append("sinks:")
    for n in range(25):
        parts += [f"  k{n}:", "    type: blackhole # none", f"    inputs: [s*, s{n}] # all"]
    text = "\n".join(parts) + "\n"
    began = time.process_time()
    document = import_text(text).documents[0].document
    commented(document)
    assert time.process_time() - began < 1.0  # the bench holds the real limit
