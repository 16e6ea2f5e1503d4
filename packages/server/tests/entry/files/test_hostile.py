"""Whatever a file holds, a command ends with findings: properties over generated and broken files."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectorflow.entry.files.given import File, configurations
from vectorflow.entry.files.judge import judge
from vectorflow.entry.files.load import load
from vectorflow.entry.files.mermaid import as_mermaid
from vectorflow.entry.files.report import as_text
from vectorflow.entry.files.rewrite import CannotFormat, formatted
from vectorflow.entry.files.sarif import as_sarif
from vectorflow.entry.files.svg import as_svg
from vectorflow_topology.compiler import Target
from vectorflow_topology.text.parse import parse_text

from .conftest import GOOD, TOML

DOCUMENT = "format: 1\ncomponents:\n- {id: in, kind: source, type: stdin}\n- id: o\n  kind: sink\n  type: blackhole\nedges:\n- in -> o\nlayout:\n  in: [0, 1]\n"
NAMES = {
    "v.yaml": GOOD,
    "v.toml": TOML,
    "p.yaml": DOCUMENT,
    "v.conf": TOML,
    "v.json": json.dumps({"sources": {"in": {"type": "stdin"}}}),
}
SOME = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.sampled_from(
    ["sources", "transforms", "sinks", "type", "inputs", "stdin", "remap", "route", "file", "source", "in", "o", "in.x", "*",
     "components", "edges", "layout", "format", "id", "kind", "options", "tests", "globals", "variables", "SECRET[a.b]", "VAR[x]", "${A}", ""]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | words | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
broken = st.tuples(
    st.sampled_from(sorted(NAMES)), st.integers(0, 400), st.integers(0, 12), st.binary(max_size=6) | st.text(max_size=4).map(str.encode)
)  # fmt: skip


def put_through(path) -> None:
    """Everything that a command does with a file, but for running VRL."""
    for configuration in configurations([str(path)]):
        loaded = load(configuration)
        found = judge(loaded, Target(), None)
        assert found or loaded.parts
        for line in as_text(found).splitlines():
            assert re.match(r".+:\d+:\d+: (error|warning|note): .|    fix: .", line)
        json.loads(as_sarif(found, "0.1.0"))
        as_svg(loaded.document, loaded.name).encode()
        as_mermaid(loaded.document).encode()
        for file in configuration.files:
            formats(file)


def formats(file: File) -> None:
    """Formatting keeps the meaning and, done twice, changes nothing more."""
    if file.findings:
        return
    try:
        made = formatted(file)
    except CannotFormat:
        return
    if file.value is not None and not file.is_document:
        assert parse_text(made, file.format).value == file.value
    again = file._replace(raw=made.encode())
    assert formatted(again) == made


@SOME
@given(change=broken)
def test_files_with_a_piece_torn_out(tmp_path, change):
    name, at, length, instead = change
    raw = NAMES[name].encode()
    at = min(at, len(raw))
    path = tmp_path / name
    path.write_bytes(raw[:at] + instead + raw[at + length :])
    put_through(path)


@SOME
@given(value=values, name=st.sampled_from(["v.json", "v.yaml"]))
def test_values_of_any_shape(tmp_path, value, name):
    path = tmp_path / name
    path.write_text(json.dumps(value))
    put_through(path)


@SOME
@given(
    components=st.lists(
        st.fixed_dictionaries(
            {"id": words, "kind": st.sampled_from(["source", "transform", "sink"]), "type": words},
            optional={"options": st.dictionaries(words, scalars, max_size=3), "enabled": st.booleans()},
        ),
        max_size=5,
    ),
    edges=st.lists(
        st.fixed_dictionaries({"source": words, "target": words}, optional={"port": words}), max_size=5
    ),
)
def test_documents_of_any_wiring(tmp_path, components, edges):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"components": components, "edges": edges}))
    put_through(path)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_files_that_are_torn_are_good_before(tmp_path, name):
    (tmp_path / name).write_text(NAMES[name])
    put_through(tmp_path / name)
    [configuration] = configurations([str(tmp_path / name)])
    assert load(configuration).is_readable
