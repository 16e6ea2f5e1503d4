"""Laws that hold for every document: what is compiled can be imported again, and the like."""

import string

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectorflow_topology.canonical import canonical_json, document_hash
from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.checks import check
from vectorflow_topology.compiler import CompileFailed, Target, compile_document
from vectorflow_topology.diff import diff_documents
from vectorflow_topology.document import (
    DEFAULT_PORT,
    Component,
    Document,
    Edge,
    document_from_json,
    document_to_json,
)
from vectorflow_topology.editing import editable_text, edited_document
from vectorflow_topology.importer import import_text
from vectorflow_topology.manifest import document_from_yaml, document_to_yaml
from vectorflow_topology.rename import rename_component

IDS = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=8).map(
    lambda text: f"c{text}"
)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12).filter(
    lambda text: "SECRET[" not in text and "VAR[" not in text
) | st.sampled_from(["$1", "a\nb\n", "$$", "{{ x }}", "${X}", "1e3", "no", "# x", "'", '"', "\\", "a\r\nb"])
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def values(spec, depth=0):
    """Values of the type that the catalogue names, right or not in detail."""
    if spec.enum:
        return st.sampled_from(spec.enum)
    if spec.type == "object" and spec.options and depth < 3:
        return options(spec.options, depth + 1)
    if spec.type == "map" and spec.values:
        return st.dictionaries(TEXT, values(spec.values, depth + 1), max_size=2)
    if spec.type == "array" and spec.items:
        return st.lists(values(spec.items, depth + 1), max_size=2)
    if spec.type == "union":
        return st.one_of([values(each, depth) for each in spec.any_of])
    simple = {
        "integer": st.integers(0, 2**63 - 1),
        "number": NUMBERS,
        "boolean": st.booleans(),
        "any": st.none() | TEXT,
    }
    return simple.get(spec.type, TEXT)


def options(specs, depth=0):
    needed = {
        name: values(spec, depth) for name, spec in specs.items() if spec.required and not spec.relevant_when
    }
    others = [name for name in specs if name not in needed]
    if not others:
        return st.fixed_dictionaries(needed)
    chosen = st.lists(st.sampled_from(others), max_size=2, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(needed | {name: values(specs[name], depth) for name in names})
    )


def components(kind):
    specs = [spec for spec in catalogue().components if spec.kind == kind]
    return st.sampled_from(specs).flatmap(
        lambda spec: st.builds(
            Component, id=IDS, kind=st.just(kind), type=st.just(spec.type), options=options(spec.options)
        )
    )


@st.composite
def documents(draw):
    found = [
        *draw(st.lists(components("source"), min_size=1, max_size=2)),
        *draw(st.lists(components("transform"), max_size=2)),
        *draw(st.lists(components("sink"), min_size=1, max_size=2)),
    ]
    found = list({component.id: component for component in found}.values())
    edges = []
    for index, target in enumerate(found):
        for source in found[:index]:
            for port in catalogue().ports(source):
                if (
                    target.kind != "source"
                    and not set(port.name) & set("*?[]")
                    and port.name
                    and draw(st.booleans())
                ):
                    edges.append(Edge(source=source.id, port=port.name, target=target.id))
    names = st.sampled_from(["timezone", "log_schema", "schema", "expire_metrics_secs"])
    globals_ = draw(st.dictionaries(names, TEXT | NUMBERS, max_size=2))
    return Document(components=tuple(found), edges=tuple(edges), globals=globals_)


def joined(imported):
    """The parts of an import put together again, without layout, in a fixed order."""
    parts = [named.document for named in imported.documents]
    found = sorted((each for part in parts for each in part.components), key=lambda each: each.id)
    edges = sorted((each for part in parts for each in part.edges), key=str)
    return canonical_json([msgspec.to_builtins(found), msgspec.to_builtins(edges), parts[0].globals])


def plain(document):
    found = sorted(document.components, key=lambda each: each.id)
    edges = sorted(set(document.edges), key=str)
    return canonical_json([msgspec.to_builtins(found), msgspec.to_builtins(edges), document.globals])


CALM = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@CALM
@given(documents())
def test_what_is_compiled_is_imported_again_as_it_was(document):
    compiled = compile_document(document, Target("0.57.0"))
    imported = import_text(compiled.yaml)
    assert joined(imported) == plain(document)
    assert compile_document(document) == compiled


@CALM
@given(documents())
def test_doubled_dollars_are_all_that_older_targets_change(document):
    new = compile_document(document, Target("0.57.0")).yaml
    old = compile_document(document, Target("0.56.0")).yaml
    assert old.replace(b"$$", b"\0").replace(b"\0", b"$") == new or b"\0" in new
    assert old.count(b"$") == 2 * new.count(b"$")


@CALM
@given(documents())
def test_checks_never_fail_and_compiling_agrees_with_them(document):
    findings = check(document)
    assert all(finding.message and finding.message == finding.message.strip() for finding in findings)
    assert msgspec.json.encode(findings)
    located = [finding for finding in findings if finding.component is not None]
    assert all(finding.line for finding in located)


@CALM
@given(documents(), documents())
def test_diff_is_empty_only_for_the_same(one, other):
    assert diff_documents(one, one) == []
    assert bool(diff_documents(one, other)) == (plain(one) != plain(other))
    assert len(diff_documents(one, other)) == len(diff_documents(other, one))


@CALM
@given(documents(), IDS)
def test_renaming_there_and_back_changes_nothing(document, name):
    old = document.components[0].id
    if document.component(name) is None:
        assert rename_component(rename_component(document, old, name), name, old) == document


@CALM
@given(documents())
def test_json_round_trip(document):
    read = document_from_json(msgspec.json.encode(document))
    assert document_hash(read) == document_hash(document)
    assert document_from_json(document_to_json(document)) == document
    assert document_from_yaml(document_to_yaml(document)) == document


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_breaks_the_importer(text):
    for imported in (import_text(text, form) for form in ("auto", "yaml", "toml", "json")):
        assert imported.documents or imported.findings


FRAGMENTS = st.sampled_from(
    ["sources:", " a:", "\n", "  ", "type: file", "[", "]", "{", "}", "- ", "&x", "*x", "<<: ", '"', "'", ":", "\t", "inputs: ", "x.y", "=", "|", "#", "!!str ", "0", "~"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40).map("".join))
def test_no_nearly_sound_text_breaks_the_importer(text):
    for form in ("auto", "yaml", "toml"):
        imported = import_text(text, form)
        for named in imported.documents:
            check(named.document)


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["SECRET[a]", "VAR[b]", "SECRET[a.b]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)  # fmt: skip


@CALM
@given(st.sampled_from(catalogue().components), st.data())
def test_no_options_break_the_checks(spec, data):
    names = st.sampled_from(sorted(spec.options)) | st.text(max_size=6)
    given_options = data.draw(st.dictionaries(names, HOSTILE, max_size=4))
    component = Component(id="c", kind=spec.kind, type=spec.type, options=given_options)
    document = Document(
        components=(component,), edges=(Edge(source="c", port=DEFAULT_PORT, target="nobody"),)
    )
    assert check(document)
    with pytest.raises(CompileFailed):
        compile_document(document)


@CALM
@given(documents())
def test_what_is_shown_for_editing_is_read_as_it_was(document):
    edited = edited_document(editable_text(document), document)
    assert edited.document is not None, edited.findings
    assert plain(edited.document) == plain(document)
