import pytest

from vectorflow_topology.checks import check


def rules(document):
    return {(f.rule, f.path) for f in check(document)}


@pytest.mark.parametrize(
    ("type_name", "options", "rule", "path"),
    [
        ("sample", {"rate": 0}, "sample.rate", ("rate",)),
        ("sample", {"rate": 1}, "sample.keeps-all", ("rate",)),
        ("sample", {"ratio": 1.5}, "sample.ratio", ("ratio",)),
        ("reduce", {"starts_when": "true", "ends_when": "true"}, "reduce.both-ends", ("ends_when",)),
        ("dedupe", {"fields": {"match": [], "ignore": []}}, "dedupe.both-lists", ("fields", "ignore")),
        ("throttle", {"threshold": 0, "window_secs": 1}, "throttle.nothing-passes", ("threshold",)),
        ("route", {"route": {}}, "route.empty", ("route",)),
        ("route", {"route": {"_unmatched": "true"}}, "route.reserved-name", ("route", "_unmatched")),
        ("route", {"route": {"a.b": "true"}}, "route.bad-name", ("route", "a.b")),
        (
            "exclusive_route",
            {"routes": [{"name": "a", "condition": "true"}] * 2},
            "route.duplicate-name",
            ("routes", 1, "name"),
        ),
    ],
)
def test_senseless_options_are_found(build, part, type_name, options, rule, path):  # noqa: PLR0917
    assert (rule, path) in rules(
        build(part.source(), part.transform("t", type_name, **options), edges="in>t")
    )


def test_sensible_options_pass(build, part):
    sample = part.transform("t", "sample", rate=10)
    routes = part.transform("r", "route", route={"a": "true"})
    found = {rule for rule, _ in rules(build(part.source(), sample, routes, edges="in>t t>r"))}
    assert found == {"pipeline.no-sink", "port.unread", "vrl.not-compiled"}


def test_batches_are_never_empty(build, part):
    sink = part.sink("out", "http", uri="http://x", encoding={"codec": "json"}, batch={"max_events": 0})
    assert ("batch.zero", ("batch", "max_events")) in rules(build(part.source(), sink, edges="in>out"))


@pytest.mark.parametrize(
    ("globals_", "rule", "path"),
    [
        ({"timezon": "UTC"}, "option.unknown", ("globals", "timezon")),
        ({"timezone": 3}, "option.wrong-type", ("globals", "timezone")),
        ({"wildcard_matching": "lax"}, "option.bad-choice", ("globals", "wildcard_matching")),
        ({"proxy": {"http": 3}}, "option.wrong-type", ("globals", "proxy", "http")),
    ],
)
def test_globals_are_held_to_the_catalogue(build, part, globals_, rule, path):
    document = build(part.source(), part.sink(), edges="in>out", globals=globals_)
    (finding,) = [f for f in check(document) if f.path[:1] == ("globals",)]
    assert (finding.rule, finding.path, finding.line is not None) == (rule, path, True)


def test_enrichment_tables_are_held_to_the_catalogue(build, part):
    tables = {
        "good": {"type": "file", "file": {"path": "files/x.csv", "encoding": {"type": "csv"}}},
        "bad": {"type": "file", "file": {"encoding": {"type": "csv"}}},
    }
    document = build(part.source(), part.sink(), edges="in>out", enrichment_tables=tables)
    found = [f.path for f in check(document) if f.severity == "error"]
    assert found == [("enrichment_tables", "bad", "file", "path")]


def test_tests_name_transforms_of_the_pipeline(build, part):
    def test_of(name, insert, extract):
        return {"name": name, "inputs": [{"insert_at": insert}], "outputs": [{"extract_from": extract}]}

    tests = [
        test_of("good", "t", ["t"]),
        test_of("gone", "nobody", "t"),
        test_of("twice", "t", "in"),
        {"name": "twice"},
        "odd",
    ]
    document = build(
        part.source(), part.transform("t", "remap", source="."), part.sink(), edges="in>t t>out", tests=tests
    )
    found = rules(document)
    assert {(rule, path) for rule, path in found if rule.startswith("test.")} == {
        ("test.unknown-component", ("tests", 1, "inputs", 0, "insert_at")),
        ("test.not-a-transform", ("tests", 2, "outputs", 0, "extract_from")),
        ("test.duplicate-name", ("tests", 2, "name")),
        ("test.duplicate-name", ("tests", 3, "name")),
        ("test.no-input", ("tests", 3)),
        ("test.shape", ("tests", 4)),
    }
