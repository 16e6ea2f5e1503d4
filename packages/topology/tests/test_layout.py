from vectorflow_topology.importer import auto_layout


def test_events_flow_to_the_right_and_nothing_overlaps(build, part):
    names = [part.transform(f"t{n}", "filter", condition="true") for n in range(4)]
    document = build(
        part.source("a"),
        part.source("b"),
        *names,
        part.sink(),
        edges="a>t0 b>t1 t0>t2 t1>t2 t2>t3 a>t3 t3>out b>out",
    )
    layout = auto_layout(document.components, document.edges)
    for edge in document.edges:
        assert layout[edge.source].x < layout[edge.target].x
    assert len({(place.x, place.y) for place in layout.values()}) == len(layout)
    assert {place.x % 280 for place in layout.values()} == {0}
    assert {place.y % 120 for place in layout.values()} == {0}


def test_circles_and_loose_edges_are_laid_out_too(build, part):
    a, b = (part.transform(name, "filter", condition="true") for name in "ab")
    document = build(a, b, edges="a>b b>a nobody>a")
    layout = auto_layout(document.components, document.edges)
    assert len({(place.x, place.y) for place in layout.values()}) == 2
    assert auto_layout((), ()) == {}
