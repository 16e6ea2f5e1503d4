"""What the engine gets to run a document's unit tests."""

from vectorflow_topology.compiler.unit_tests import unit_tests_config
from vectorflow_topology.document import Component, Document, Edge, Variable


def test_transforms_and_tests_with_variables_in_place():
    document = Document(
        components=(
            Component(id="in", kind="source", type="stdin"),
            Component(id="pick", kind="transform", type="filter", options={"condition": "VAR[rule]"}),
            Component(id="off", kind="transform", type="remap", options={"source": "."}, enabled=False),
            Component(id="out", kind="sink", type="nowhere", options={"password": "VAR[missing]"}),
        ),
        edges=(
            Edge(source="in", target="off"),
            Edge(source="off", target="pick"),
            Edge(source="pick", target="out"),
        ),
        variables={"rule": Variable(type="string", value="true")},
        tests=({"name": "t"},),
        globals={"timezone": "UTC"},
    )
    assert unit_tests_config(document) == {
        "transforms": {"pick": {"type": "filter", "inputs": ["in"], "condition": "true"}},
        "tests": [{"name": "t"}],
        "timezone": "UTC",
    }
