import pytest

from vectorflow_topology.compiler import compile_document
from vectorflow_topology.rename import RenameRefused, rename_component


def test_every_reference_follows(build, part):
    tests = [
        {
            "name": "t",
            "inputs": [{"insert_at": "r", "value": "r"}],
            "outputs": [{"extract_from": ["r.a", "ru.a"], "conditions": []}],
            "no_outputs_from": ["r"],
        }
    ]
    document = build(
        part.source(),
        part.transform("r", "route", route={"a": "true"}),
        part.sink(),
        edges="in>r r.a>out",
        tests=tests,
        layout={"r": {"x": 1, "y": 2}},
        groups={"g": {"members": ["in", "r"]}},
        enrichment_tables={"m": {"type": "memory", "inputs": ["r.a"]}, "f": {"type": "file"}},
    )
    renamed = rename_component(document, "r", "split")
    assert "split.a" in compile_document(renamed).yaml.decode()
    assert renamed.layout["split"].x == 1
    assert renamed.groups["g"].members == ("in", "split")
    assert renamed.tests[0]["inputs"] == [{"insert_at": "split", "value": "r"}]
    assert renamed.tests[0]["outputs"][0]["extract_from"] == ["split.a", "ru.a"]
    assert renamed.tests[0]["no_outputs_from"] == ["split"]
    assert renamed.enrichment_tables["m"]["inputs"] == ["split.a"]
    assert rename_component(renamed, "split", "r") == document
    assert rename_component(document, "r", "r") == document


@pytest.mark.parametrize(
    ("old", "new"), [("nobody", "x"), ("in", "out"), ("in", "a.b"), ("in", "vf_x"), ("in", "_default")]
)
def test_bad_names_are_refused(build, part, old, new):
    with pytest.raises(RenameRefused):
        rename_component(build(part.source(), part.sink()), old, new)
