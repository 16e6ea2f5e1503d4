import itertools

from vectorflow_topology.checks import check


def found(document, rule):
    return [(f.component, f.severity) for f in check(document) if f.rule == rule]


def chain(build, part, *components):
    ids = [component["id"] for component in components]
    return build(*components, edges=" ".join(f"{a}>{b}" for a, b in itertools.pairwise(ids)))


def loki(part):
    return part.sink("loki", "loki", endpoint="http://x", encoding={"codec": "json"}, labels={})


def test_types_are_followed_through_transforms_that_keep_them(build, part):
    metrics = part.source("m", "host_metrics")
    keep = part.transform("t", "filter", condition="true")
    also = part.transform("u", "remap", source=".")
    document = chain(build, part, metrics, keep, also, loki(part))
    assert found(document, "flow.nothing-arrives") == [("loki", "warning")]
    assert found(document, "edge.types-disjoint") == []


def test_transforms_that_change_types_are_believed(build, part):
    metrics, keep = part.source("m", "host_metrics"), part.transform("t", "filter", condition="true")
    assert (
        found(
            chain(build, part, metrics, keep, part.transform("c", "metric_to_log"), loki(part)),
            "flow.nothing-arrives",
        )
        == []
    )
    lua = part.transform("c", "lua", version="2", hooks={"process": "x"})
    assert found(chain(build, part, metrics, lua, loki(part)), "flow.nothing-arrives") == []
    unknown = part.transform("c", "nobody_knows")
    assert found(chain(build, part, metrics, unknown, keep, loki(part)), "flow.nothing-arrives") == []


def test_one_good_way_is_enough_and_circles_end(build, part):
    a, b = (part.transform(name, "filter", condition="true") for name in "ab")
    document = build(
        part.source("m", "host_metrics"),
        part.source("s", "stdin"),
        a,
        b,
        loki(part),
        edges="m>a s>a a>b b>a b>loki",
    )
    assert found(document, "flow.nothing-arrives") == []


def test_what_is_said_of_neighbours_is_not_said_again(build, part):
    document = chain(build, part, part.source("m", "host_metrics"), loki(part))
    assert found(document, "flow.nothing-arrives") == []
    assert found(document, "edge.types-disjoint") == [("loki", "error")]


def file_sink(part, name, **options):
    return part.sink(name, "file", path="/x", encoding={"codec": "json"}, **options)


def test_sinks_that_hold_each_other_up_are_noted(build, part):
    two = build(part.source(), file_sink(part, "a"), file_sink(part, "b"), edges="in>a in>b")
    assert found(two, "reliability.shared-fate") == [("in", "note")]
    dropping = file_sink(part, "b", buffer={"when_full": "drop_newest"})
    assert (
        found(
            build(part.source(), file_sink(part, "a"), dropping, edges="in>a in>b"), "reliability.shared-fate"
        )
        == []
    )
    one = build(part.source(), file_sink(part, "a"), part.sink("b"), edges="in>a in>b")
    assert found(one, "reliability.shared-fate") == []
