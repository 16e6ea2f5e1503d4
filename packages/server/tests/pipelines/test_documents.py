import msgspec
import pytest

from vectorflow.pipelines.documents import document_columns, document_stored, field_errors, hash_of
from vectorflow.pipelines.errors import DocumentInvalid
from vectorflow.pipelines.references import missing_secret_findings, secret_names
from vectorflow_topology.document import Component, Document, Position, Variable
from vectorflow_topology.findings import error


def test_a_document_comes_back_as_it_went_in() -> None:
    document = Document(
        components=(Component(id="a", kind="sink", type="http", options={"z": 1, "a": 2.0, "m": "1"}),),
        variables={"n": Variable(type="string", value="1"), "b": Variable(type="boolean", value=True)},
        layout={"a": Position(1, 2)},
    )
    columns = document_columns("n", "", document)
    stored = msgspec.json.decode(msgspec.json.encode(columns.document))
    assert document_stored(stored) == document
    assert list(stored["components"][0]["options"]) == ["z", "a", "m"]
    assert columns.document_hash == hash_of(document)


def test_layout_does_not_change_the_hash() -> None:
    moved = Document(layout={"a": Position(1, 2)})
    assert hash_of(moved) == hash_of(Document())
    assert hash_of(Document(globals={"a": 1})) != hash_of(Document())


def test_what_nests_too_deep_is_refused() -> None:
    value: object = 1
    for _ in range(200):
        value = [value]
    with pytest.raises(DocumentInvalid):
        document_columns("n", "", Document(globals={"a": value}))


def test_findings_become_errors_of_fields() -> None:
    findings = (error("r", "m", "a", ("auth", 0)), error("r", "m", "a"), error("r", "m", path=("edges", 1)))
    assert [each.field for each in field_errors(findings)] == [
        "document.components.a.options.auth.0",
        "document.components.a",
        "document.edges.1",
    ]


def test_secrets_are_found_wherever_they_stand() -> None:
    document = Document(
        components=(
            Component(
                id="a", kind="sink", type="x", options={"b": ["Bearer SECRET[one]", {"c": "SECRET[two]"}]}
            ),
            Component(id="off", kind="sink", type="x", options={"b": "SECRET[one]"}, enabled=False),
            Component(id="c", kind="sink", type="x", comment="SECRET[comment]"),
        ),
        globals={"proxy": "SECRET[three]"},
    )
    assert secret_names(document) == {"one", "two", "three"}
    findings = missing_secret_findings(document, ["one", "three"])
    assert [(each.component, each.fix) for each in findings] == [
        ("a", {"action": "create_secret", "name": "one"}),
        ("off", {"action": "create_secret", "name": "one"}),
        (None, {"action": "create_secret", "name": "three"}),
    ]
