"""The commands on files as a person or a CI job meets them: exit codes, places, files written."""

import json
import os
import re
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from vectorflow.entry.files import commands
from vectorflow.entry.files.report import printable
from vectorflow_topology.document import Position
from vectorflow_topology.importer import import_text
from vectorflow_topology.manifest import document_from_yaml

from .conftest import GOOD, TOML


def lines(raw: bytes | str) -> list[str]:
    text = raw.decode() if isinstance(raw, bytes) else raw
    return [line for line in text.splitlines() if not line.startswith("    fix: ")]


# --- The real process ---


def test_a_clean_file_ends_with_0(command, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    done = command("check", "good.yaml")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"nothing to say; 1 file checked\n"


def test_errors_end_with_1_and_stand_where_they_are(command, tmp_path):
    (tmp_path / "bad.toml").write_text(TOML)
    done = command("check", "bad.toml")
    assert done.returncode == 1
    found = [line.split(": ")[:2] for line in lines(done.stdout)[:-1]]
    assert found == [["bad.toml:10:6", "error"], ["bad.toml:16:18", "error"]]
    assert b'fix: set encoding.codec to "json"' in done.stdout


def test_the_organisations_rules_count_too(command, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    sinks = re.findall(r"^sinks:\n  (\w+):\n    type: (\w+)", GOOD, flags=re.MULTILINE)
    (tmp_path / "rules.yaml").write_text(
        f"- {{name: No such sink, about: component, types: [{sinks[0][1]}], reason: Ask the platform team.}}\n"
    )
    done = command("check", "--policy", "rules.yaml", "good.yaml")
    assert done.returncode == 1
    (line,) = lines(done.stdout)[:-1]
    assert f"({sinks[0][0]}) [policy.component]" in line
    assert "Ask the platform team." in line
    (tmp_path / "rules.yaml").write_text("- {name: Half a rule}\n")
    done = command("check", "--policy", "rules.yaml", "good.yaml")
    assert (done.returncode, b"is not a list of rules" in done.stderr) == (2, True)
    assert command("check", "--policy", "none.yaml", "good.yaml").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "nothing.yaml"), "nothing.yaml cannot be read: No such file or directory"),
        (("check", "--vector-version", "newest", "-"), "newest is not a version of Vector"),
        (("check",), "Missing argument"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(command, arguments, said):
    done = command(*arguments)
    assert done.returncode == 2
    assert said in re.sub(r"[\s│]+", " ", done.stderr.decode())
    assert b"Traceback" not in done.stderr


def test_the_whole_way_of_a_configuration(command, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    imported = command("import", "good.yaml", "-o", "pipelines")
    assert (imported.returncode, imported.stdout) == (0, b"pipelines/in.yaml\n")
    exported = command("export", "-", given=(tmp_path / "pipelines/in.yaml").read_bytes())
    assert exported.returncode == 0
    (tmp_path / "exported.yaml").write_bytes(exported.stdout)
    same = command("diff", "good.yaml", "exported.yaml")
    assert (same.returncode, same.stdout) == (0, b"")
    drawn = command("graph", "pipelines/in.yaml", "--format", "svg")
    assert drawn.returncode == 0
    assert ET.fromstring(drawn.stdout).tag.endswith("svg")
    assert command("fmt", "--check", "pipelines").returncode == 0


def test_sarif_has_what_readers_of_it_require(command, tmp_path):
    (tmp_path / "a b.toml").write_text(TOML)
    done = command("check", "--format", "sarif", "a b.toml")
    assert done.returncode == 1
    log = json.loads(done.stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "vectorflow"
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver["version"])
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    assert len(run["results"]) == 2
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        [location] = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "a%20b.toml"
        assert physical["region"]["startLine"] >= 1
        assert physical["region"]["startColumn"] >= 1
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe\x00",
        b"a: [\n",
        b"a: 1\na: 2\n",
        b"\tsources: {}\n",
        b"{" * 5000,
        b"x = 1979-05-27T07:32:00Z\n[sources]\nx = 1\n",
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" * 3,
        b"",
        b"x" * 6_000_000,
    ],
)
def test_hostile_input_gets_a_place_and_no_trace(inside, raw):
    done = inside("check", "-", given=raw)
    assert done.exit_code == 1
    assert re.match(r"stdin:\d+:\d+: error: ", done.stdout), done.stdout


def test_every_command_explains_itself(inside):
    page = (Path(__file__).parents[5] / "docs/guide/command-line.md").read_text()
    for name in ("check", "import", "export", "fmt", "diff", "graph"):
        done = inside(name, "--help")
        assert done.exit_code == 0
        assert f"`vectorflow {name} " in page
    assert commands.NEWEST in page


# --- check ---


def test_finds_the_place_of_a_program_however_it_is_written(inside, tmp_path):
    forms = {
        "block.yaml": ('|\n        # says\n        .a = nope(1)', (8, 14)),
        "double.yaml": (r'"# \"says\"\n.a = nope(1)"', (6, 31)),
        "single.yaml": ("'.a = nope(1)'", (6, 19)),
        "plain.yaml": (".a = nope(1)", (6, 18)),
    }  # fmt: skip
    for name, (program, place) in forms.items():
        text = (
            "sources: {in: {type: stdin}}\ntransforms:\n  t:\n    type: remap\n    inputs: [in]\n"
            f"    source: {program}\nsinks: {{o: {{type: blackhole, inputs: [t]}}}}\n"
        )
        (tmp_path / name).write_text(text)
        done = inside("check", "--format", "json", name)
        [finding] = json.loads(done.stdout)["findings"]
        assert (finding["file"], finding["line"], finding["column"]) == (name, *place)
        assert text.splitlines()[place[0] - 1][place[1] - 1 :].startswith("nope")


def test_finds_the_place_in_json_and_in_documents(inside, tmp_path):
    (tmp_path / "c.json").write_text(
        '{"sources": {"in": {"type": "stdin"}},\n'
        ' "sinks": {"o": {"type": "file", "inputs": ["in"],\n  "path": 7, "encoding": {"codec": "json"}}}}'
    )
    done = inside("check", "c.json")
    assert lines(done.stdout)[0].startswith("c.json:3:11: error: ")
    (tmp_path / "p.yaml").write_text(
        "format: 1\ncomponents:\n- id: in\n  kind: source\n  type: stdin\n- id: o\n  kind: sink\n  type: file\n"
        "  options:\n    path: 7\n    encoding: {codec: json}\nedges:\n- in -> o\n- x -> o\n"
    )
    done = inside("check", "p.yaml")
    assert [line.split(" ")[0] for line in lines(done.stdout)[:-1]] == ["p.yaml:10:11:", "p.yaml:14:3:"]
    (tmp_path / "shape.yaml").write_text("components:\n- id: in\n  kind: pump\n  type: stdin\nedges: []\n")
    done = inside("check", "shape.yaml")
    assert done.exit_code == 1
    assert lines(done.stdout)[0].startswith("shape.yaml:3:9: error: ")


def test_an_id_used_twice_is_found_at_its_second_place(inside, tmp_path):
    (tmp_path / "p.yaml").write_text(
        "components:\n- {id: in, kind: source, type: stdin}\n- {id: in, kind: transform, type: remap, enabled: false}\n"
        "edges: []\n"
    )
    done = inside("check", "p.yaml")
    assert done.exit_code == 1
    assert "p.yaml:3:8: error: The id in is used already." in done.stdout
    assert inside("export", "p.yaml").exit_code == 1


def test_takes_files_together_as_vector_does(inside, tmp_path):
    (tmp_path / "one.yaml").write_text("sources: {in: {type: stdin}}\n")
    (tmp_path / "two.toml").write_text('[sinks.out]\ntype = "blackhole"\ninputs = ["in"]\n')
    assert inside("check", "one.yaml", "two.toml").exit_code == 0
    apart = inside("check", "--apart", "one.yaml", "two.toml")
    assert apart.exit_code == 1
    assert lines(apart.stdout)[-2].startswith("two.toml:3:10: error: ")
    (tmp_path / "three.toml").write_text('[sources.in]\ntype = "internal_logs"\n')
    twice = inside("check", "one.yaml", "two.toml", "three.toml")
    assert twice.exit_code == 1
    assert "three.toml:1:1: error: sources.in stands in one.yaml too" in twice.stdout


def test_reads_a_folder_by_vectors_rules(inside, tmp_path):
    for name, text in {
        "etc/sources/in.yaml": "type: stdin\n",
        "etc/sinks/out.toml": 'type = "console"\ninputs = ["in"]\nencoding.codec = "jso"\n',
        "etc/.hidden/bad.yaml": "a: [",
        "etc/README.md": "no configuration",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = inside("check", "etc")
    assert done.exit_code == 1
    assert lines(done.stdout)[0].startswith("etc/sinks/out.toml:3:18: error: ")
    assert lines(done.stdout)[-1] == "1 error; 2 files checked"
    (tmp_path / "empty").mkdir()
    assert inside("check", "empty").exit_code == 2


def test_checks_each_document_of_a_folder_by_itself(inside, tmp_path):
    inside("import", "-", "-o", "pipelines", given=GOOD)
    (tmp_path / "pipelines/again.yaml").write_bytes((tmp_path / "pipelines/in.yaml").read_bytes())
    done = inside("check", "pipelines")
    assert (done.exit_code, done.stdout) == (0, "nothing to say; 2 files checked\n")


def test_an_input_that_matches_nothing_is_an_error_unless_relaxed(inside):
    text = "sources: {in: {type: stdin}}\nsinks: {o: {type: blackhole, inputs: [in, 'x*']}}\n"
    assert inside("check", "-", given=text).exit_code == 1
    assert inside("check", "-", given=f"wildcard_matching: relaxed\n{text}").exit_code == 0


def test_environment_is_text_only_where_vector_does_not_put_it_in(inside):
    text = (
        "sources: {in: {type: demo_logs, format: json, interval: '${SECONDS_}'}}\n"
        "sinks: {o: {type: blackhole, inputs: [in]}}\n"
    )
    assert inside("check", "-", given=text).exit_code == 1
    assert inside("check", "--interpolation", "-", given=text).exit_code == 0
    assert inside("check", "--vector-version", "0.56.0", "-", given=text).exit_code == 0


def test_credentials_are_never_printed(inside):
    text = GOOD.replace(
        "type: console",
        "type: http\n    uri: http://a.example\n    auth: {strategy: bearer, token: hunter2hunter2}",
    )
    for form in ("text", "json", "sarif"):
        done = inside("check", "--format", form, "-", given=text)
        assert "plain text" in done.stdout
        assert "hunter2hunter2" not in done.output


def test_control_characters_cannot_act_on_the_terminal(inside, tmp_path):
    name = "evil\x1b[2J\n.yaml"
    (tmp_path / name).write_text('sources: {"a\\e]0;x": {type: "no\\u202esuch"}}\n')
    for form in ("text", "json", "sarif"):
        done = inside("check", "--format", form, name)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.output)
    assert printable("a\r\n\x9b1m") == "a\\x0d\\x0a\\x9b1m"


# --- import and export ---


def test_import_writes_one_file_for_each_part(inside, tmp_path):
    two = GOOD + "  more:\n    type: blackhole\n    inputs: [other]\n"
    two = two.replace("sources:\n", "sources:\n  other: {type: stdin}\n")
    refused = inside("import", "-", given=two)
    assert refused.exit_code == 2
    assert "name a folder" in refused.stderr
    done = inside("import", "-", "-o", "all", given=two)
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["in.yaml", "other.yaml"]
    assert sorted(done.stdout.split()) == ["all/in.yaml", "all/other.yaml"]


def test_import_again_keeps_the_layout_and_never_overwrites_unasked(inside, tmp_path):
    inside("import", "-", "-o", "p", given=GOOD)
    path = tmp_path / "p/in.yaml"
    path.write_text(path.read_text().replace("parse: [280.0, 0.0]", "parse: [281.0, 77.0]"))
    before = path.read_text()
    refused = inside("import", "-", "-o", "p", given=GOOD)
    assert refused.exit_code == 1
    assert path.read_text() == before
    assert inside("import", "-", "-o", "p", "--update", given=GOOD.replace("json}", "text}")).exit_code == 0
    document = document_from_yaml(path.read_text())
    assert document.layout["parse"] == Position(281, 77)
    assert document.component("out").options["encoding"] == {"codec": "text"}


def test_import_writes_nothing_when_something_would_be_lost(inside, tmp_path):
    done = inside("import", "-", "-o", "p", given=GOOD + "  broken: {inputs: [in]}\n")
    assert done.exit_code == 1
    assert "broken has no type" in done.stderr
    assert not (tmp_path / "p").exists()


def test_export_says_why_it_cannot(inside, tmp_path):
    (tmp_path / "v.yaml").write_text(GOOD)
    assert inside("export", "v.yaml").exit_code == 2
    document = inside("import", "v.yaml").stdout
    done = inside("export", "-", given=document.replace("- parse -> out", "- gone -> out"))
    assert done.exit_code == 1
    assert re.search(r"stdin:\d+:3: error: .*gone", done.stderr)
    assert done.stdout == ""


def test_export_writes_what_the_version_needs(inside):
    document = inside("import", "-", given=GOOD.replace(". = parse_json!(.message)", '.a = "$5"')).stdout
    assert '.a = "$5"' in inside("export", "-", given=document).stdout
    assert '.a = "$$5"' in inside("export", "--vector-version", "0.56.0", "-", given=document).stdout


# --- fmt ---


def test_fmt_keeps_meaning_and_comments(inside, tmp_path):
    path = tmp_path / "v.yaml"
    text = "# head\nsources:\n    in:   # the way in\n        type:    stdin\nsinks:\n    o: {type: blackhole,   inputs: [in]}\n"
    path.write_text(text)
    path.chmod(0o640)
    assert inside("fmt", "--check", "v.yaml").exit_code == 1
    assert path.read_text() == text
    done = inside("fmt", "v.yaml")
    assert (done.exit_code, done.stdout) == (0, "v.yaml\n")
    after = path.read_text()
    assert "# head" in after
    assert "# the way in" in after
    assert "\n  in:" in after
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert import_text(after).documents == import_text(text).documents
    again = inside("fmt", "--check", "v.yaml")
    assert (again.exit_code, again.stdout) == (0, "")
    assert [each.name for each in tmp_path.iterdir()] == ["v.yaml"]


def test_fmt_reads_toml_and_json(inside):
    toml = inside("fmt", "-", given='[sources.in]\n   type="stdin"  # in\n[[tests]]\n  name   =  "a"\n')
    assert toml.stdout == '[sources.in]\ntype = "stdin"  # in\n[[tests]]\nname = "a"\n'
    assert inside("fmt", "-", given='{"sources":{"in":{"type":"stdin"}}}').stdout.startswith(
        '{\n  "sources": {'
    )


def test_fmt_writes_documents_in_their_one_form(inside, tmp_path):
    document = inside("import", "-", given=GOOD).stdout
    loose = (
        document.replace("format: 1\n", "").replace("- in -> parse", "- {source: in,  target: parse}")
        + "format: 1\n"
    )
    (tmp_path / "p.yaml").write_text(loose)
    assert inside("fmt", "p.yaml").exit_code == 0
    assert (tmp_path / "p.yaml").read_text() == document
    (tmp_path / "p.yaml").write_text(f"# mine\n{loose}")
    assert inside("fmt", "p.yaml").exit_code == 0
    assert (tmp_path / "p.yaml").read_text().startswith("# mine\n")


def test_fmt_leaves_what_it_cannot_read(inside, tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [\n")
    done = inside("fmt", "bad.yaml")
    assert done.exit_code == 1
    assert "bad.yaml:" in done.stderr
    assert (tmp_path / "bad.yaml").read_text() == "a: [\n"


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/proc/1").exists(), reason="needs a folder nobody can write to"
)
def test_a_file_that_cannot_be_written_is_said(inside):
    done = inside("export", "-", "-o", "/proc/1/no/v.yaml", given=inside("import", "-", given=GOOD).stdout)
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


# --- diff ---


def test_diff_says_what_changed_by_meaning_and_by_line(inside, tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    changed = GOOD.replace(". = parse_json!(.message)", ". = parse_json!(.message)\n      .seen = now()")
    (tmp_path / "b.yaml").write_text(changed.replace("format: json", "format: shuffle\n    lines: [x]"))
    done = inside("diff", "a.yaml", "b.yaml")
    assert done.exit_code == 1
    assert '~ in.format: "json" → "shuffle"' in done.stdout
    assert '+ in.lines: ["x"]' in done.stdout
    assert "    +.seen = now()\n" in done.stdout
    assert "\n--- before\n+++ after\n" in done.stdout
    plain = json.loads(inside("diff", "--format", "json", "a.yaml", "b.yaml").stdout)
    assert {tuple(change["path"]) for change in plain["changes"]} == {("format",), ("lines",), ("source",)}


def test_diff_never_shows_credentials_and_needs_two_readable_files(inside, tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(
        GOOD.replace(
            "type: console",
            "type: http\n    uri: http://a.example\n    auth: {strategy: bearer, token: hunter2hunter2}",
        )
    )
    done = inside("diff", "a.yaml", "b.yaml")
    assert done.exit_code == 1
    assert "hunter2hunter2" not in done.output
    (tmp_path / "c.yaml").write_text("a: [")
    assert inside("diff", "a.yaml", "c.yaml").exit_code == 2
    assert inside("diff", "-", "-", given=GOOD).exit_code == 2


# --- graph ---


def test_graph_draws_ports_and_parts(inside):
    text = """\
sources: {in: {type: stdin}, alone: {type: stdin}}
transforms: {split: {type: route, inputs: [in], route: {errors: '.a == 1'}}}
sinks:
  o: {type: blackhole, inputs: [split.errors, split._unmatched]}
  p: {type: blackhole, inputs: [alone]}
"""
    chart = inside("graph", "-", given=text).stdout
    assert chart.startswith("flowchart LR\n")
    assert '-->|"errors"|' in chart
    assert chart.count("-->") == 4
    picture = ET.fromstring(inside("graph", "--format", "svg", "-", given=text).stdout)
    boxes = [each for each in picture.iter("{http://www.w3.org/2000/svg}rect") if each.get("rx")]
    places = {(each.get("x"), each.get("y")) for each in boxes}
    assert len(boxes) == 5
    assert len(places) == 5
    said = {each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"in", "split", "errors", "_unmatched", "route"} <= said


def test_graph_lets_nothing_hostile_through(inside):
    evil = '"]; click n0 call alert() <script>alert(1)</script>'
    text = json.dumps(
        {"sources": {"in": {"type": evil}}, "sinks": {"o": {"type": "blackhole", "inputs": ["in"]}}}
    )
    for form in ("mermaid", "svg"):
        done = inside("graph", "--format", form, "-", given=text)
        assert done.exit_code == 0
        assert "<script" not in done.stdout
        assert form == "svg" or '"];' not in done.stdout
