import msgspec

from vectorflow_topology.compiler import compile_document
from vectorflow_topology.document import Group, Position
from vectorflow_topology.importer import import_files, import_text, reimport


def rules(imported):
    return [finding.rule for finding in imported.findings]


def test_a_folder_holds_one_component_in_each_file():
    files = {
        "vector.yaml": "timezone: UTC\nsources: {a: {type: file, include: [x]}}\n",
        "more.toml": '[sources.a]\ninclude = ["y"]\n',
        "sources/b.yaml": "type: stdin\n",
        "transforms/deep/er/t.toml": 'type = "filter"\ninputs = ["*"]\ncondition = "true"\n',
        "sinks/out.json": '{"type": "blackhole", "inputs": ["t"]}',
        "tests/one.yaml": "inputs: [{insert_at: t}]\n",
        "notes.txt": "nothing",
        ".git/x.yaml": "a: 1",
        "elsewhere/x.yaml": "type: stdin",
    }
    imported = import_files(files, directory=True)
    ((name, document),) = imported.documents
    assert name == "a"
    assert [component.id for component in document.components] == ["a", "b", "t", "out"]
    assert document.component("a").options["include"] == ["y", "x"]
    assert [edge.source for edge in document.edges] == ["a", "b", "t"]
    assert document.tests == ({"name": "one", "inputs": [{"insert_at": "t"}]},)
    assert rules(imported) == ["import.skipped"] * 3
    compile_document(document)


def test_single_files_may_not_contradict_each_other():
    one = "timezone: UTC\nsources: {a: {type: stdin}}\n"
    assert rules(import_files({"1.yaml": one, "2.yaml": "sinks: {o: {type: blackhole, inputs: [a]}}"})) == []
    assert rules(import_files({"1.yaml": one, "2.yaml": "timezone: CET"})) == ["import.duplicate-id"]
    twice = import_files({"1.yaml": one, "2.yaml": "sources: {a: {type: file}}"})
    assert rules(twice) == ["import.duplicate-id"]
    assert "2.yaml: sources.a stands in 1.yaml too" in twice.findings[0].message


def test_faults_name_their_file():
    imported = import_files(
        {"a.yaml": "sources: {a: {type: stdin}}", "b.yaml": "x: [", "c.json": "{", "d.toml": "a"}
    )
    assert {finding.message.split(":")[0] for finding in imported.findings} == {"b.yaml", "c.json", "d.toml"}
    odd = import_files({"a.yaml": "sources: {a: {}}"})
    assert odd.findings[0].message.startswith("a.yaml: a has no type")
    assert rules(import_files({"a.yaml": "- 1"})) == ["import.empty"]
    assert rules(import_files({})) == ["import.empty"]
    assert rules(import_files({f"{n}.yaml": "" for n in range(501)})) == ["import.too-large"]
    clash = import_files({"a.yaml": "timezone: UTC", "b.yaml": "timezone: [1]"}, directory=True)
    assert rules(clash) == ["import.merge"]


def test_comments_above_components_are_kept():
    yaml = """# the file
sources:
  # first line
  # second line
  in:
    type: stdin  # inside
  other: {type: stdin}
sinks:
  # out
  "out": {type: blackhole, inputs: [in, other]}
"""
    imported = import_text(yaml)
    comments = {component.id: component.comment for component in imported.documents[0].document.components}
    assert comments == {"in": "first line\nsecond line", "other": "", "out": "out"}
    assert rules(imported) == []
    toml = '# in\n[sources.in]\ntype = "stdin"\n# out\n[sinks."out"]\ntype = "blackhole"\ninputs = ["in"]\n'
    assert [c.comment for c in import_text(toml).documents[0].document.components] == ["in", "out"]


def test_importing_again_keeps_places_and_comments():
    text = "sources: {a: {type: stdin}}\nsinks: {o: {type: blackhole, inputs: [a]}}"
    old = import_text(text.replace("sinks:", "# b\nsinks:")).documents[0].document
    moved = (
        import_text("sources:\n  # mine\n  a: {type: stdin}\nsinks: {o: {type: blackhole, inputs: [a]}}")
        .documents[0]
        .document
    )
    placed = reimport(old, moved)
    assert placed.component("a").comment == "mine"
    assert reimport(placed, old).component("a").comment == "mine"
    new = (
        import_text(text + "\ntransforms: {t: {type: filter, inputs: [a], condition: 'true'}}")
        .documents[0]
        .document
    )
    again = reimport(placed, new)
    assert again.layout["a"] == placed.layout["a"] == Position(0, 0)
    assert again.layout["t"].y == 120
    grouped = msgspec.structs.replace(
        placed, groups={"g": Group(members=("a", "gone")), "h": Group(members=("gone",))}
    )
    assert reimport(grouped, new).groups == {"g": Group(members=("a",))}


def test_hashes_in_programs_are_no_comments():
    text = "sources: {a: {type: stdin}}\ntransforms:\n  t:\n    type: remap\n    inputs: [a]\n    source: |\n      # x\n      .a = 1\n"
    assert rules(import_text(text)) == []
