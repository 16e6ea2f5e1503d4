"""Documents as large and as awkward as they may be: nothing recurses, nothing takes squares of time."""

import time

import pytest

from vectorflow_topology.checks import check
from vectorflow_topology.compiler import CompileFailed, compile_document
from vectorflow_topology.document import Component, Document, Edge
from vectorflow_topology.importer import import_text

MOST = 5_000


def component(name, kind, type_name, *, enabled=True, **options):
    return Component(id=name, kind=kind, type=type_name, options=options, enabled=enabled)


def keep(name, **more):
    return component(name, "transform", "filter", condition="true", **more)


def wide_route():
    names = [f"r{n}" for n in range(3_000)]
    route = component("r", "transform", "route", route=dict.fromkeys(names, "true"))
    sinks = [component(f"to_{name}", "sink", "blackhole") for name in names]
    edges = [Edge(source="r", port=name, target=f"to_{name}") for name in names]
    return [component("in", "source", "stdin"), route, *sinks], [Edge(source="in", target="r"), *edges]


def many_circles():
    return [keep(f"c{n}") for n in range(MOST)], [
        Edge(source=f"c{n}", target=f"c{n ^ 1}") for n in range(MOST)
    ]


def hub():
    half = MOST // 2 - 1
    ins = [component(f"i{n}", "source", "demo_logs", format="json") for n in range(half)]
    outs = [component(f"o{n}", "sink", "file", path="/x", encoding={"codec": "json"}) for n in range(half)]
    edges = [Edge(source=each.id, target="m") for each in ins] + [
        Edge(source="m", target=each.id) for each in outs
    ]
    return [*ins, keep("m"), *outs], edges


def long_row(*, enabled):
    row = [keep(f"c{n}", enabled=enabled) for n in range(MOST - 2)]
    ids = ["in", *(each.id for each in row), "out"]
    edges = [Edge(source=a, target=b) for a, b in zip(ids, ids[1:], strict=False)]  # noqa: RUF007
    return [component("in", "source", "stdin"), *row, component("out", "sink", "blackhole")], edges


def disabled_ladder():
    steps = [keep(f"{side}{n}", enabled=False) for n in range(40) for side in "ab"]
    edges = [Edge(source=f"{x}{n}", target=f"{y}{n + 1}") for n in range(39) for x in "ab" for y in "ab"]
    ends = [Edge(source="in", target="a0"), Edge(source="b39", target="out")]
    return [component("in", "source", "stdin"), *steps, component("out", "sink", "blackhole")], edges + ends


SHAPES = {
    "wide route": wide_route(),
    "many circles": many_circles(),
    "hub": hub(),
    "long row": long_row(enabled=True),
    "long row, disabled": long_row(enabled=False),
    "disabled ladder": disabled_ladder(),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_large_documents_are_judged_compiled_and_imported_in_time(shape):
    components, edges = SHAPES[shape]
    document = Document(components=tuple(components), edges=tuple(edges))
    began = time.process_time()
    assert check(document) is not None
    compiled = compile_document(document)
    assert import_text(compiled.yaml).documents
    assert time.process_time() - began < 6


def test_long_rows_are_bridged_to_their_end():
    components, edges = SHAPES["long row, disabled"]
    assert (
        "inputs: [in]"
        in compile_document(Document(components=tuple(components), edges=tuple(edges))).yaml.decode()
    )


def test_only_some_circles_are_named():
    components, edges = SHAPES["many circles"]
    findings = check(Document(components=tuple(components), edges=tuple(edges)))
    assert len([finding for finding in findings if finding.rule == "graph.cycle"]) == 20


def test_too_many_wildcards_are_refused():
    ids = [f"c{n}" for n in range(2_000)]
    text = "transforms:\n" + "".join(
        f"  {name}: {{type: filter, inputs: ['c*'], condition: x}}\n" for name in ids
    )
    began = time.process_time()
    findings = import_text(text).findings
    assert "import.too-large" in {finding.rule for finding in findings}
    assert time.process_time() - began < 6


def test_bad_documents_fail_with_findings_and_nothing_else():
    components = tuple(component("vf_x", "source", "X") for _ in range(MOST))
    with pytest.raises(CompileFailed):
        compile_document(Document(components=components))
