import msgspec
import pytest

from vectorflow_topology.document import DocumentInvalid, Group
from vectorflow_topology.manifest import document_from_yaml, document_to_yaml


def test_people_can_read_it(demo):
    text = document_to_yaml(demo)
    assert "- split.errors -> to_http\n" in text
    assert "- access_log -> parse\n" in text
    assert "enabled" not in text
    assert "  access_log: [0.0, 10.5]\n" in text
    assert document_from_yaml(text) == demo


def test_groups_are_written_and_read(demo):
    grouped = msgspec.structs.replace(
        demo, groups={"Clean up": Group(members=("parse", "split"), collapsed=True)}
    )
    text = document_to_yaml(grouped)
    assert "Clean up:" in text
    assert document_from_yaml(text) == grouped


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "edges: [a]",
        "a: 1",
        "components: 3",
        "a: b: c",
        b"\xff",
        "layout: {a: [1]}",
        "edges: [[1]]",
    ],
)
def test_other_texts_are_refused_with_findings(text):
    with pytest.raises(DocumentInvalid) as refused:
        document_from_yaml(text)
    assert refused.value.findings
