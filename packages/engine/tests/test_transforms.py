"""Transforms without a process: exactly what Vector does with each event."""

import pytest

from vectorflow_engine.catalogue import build, options_of, shape_of
from vectorflow_engine.component import Context
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.model import ComponentConfig
from vectorflow_engine.metrics import Registry


class Made:
    def __init__(self, kind, **options):
        component = ComponentConfig("t", "transform", kind, options, ("in",))
        self.registry = Registry()
        self.transform = build(component, Context("t", "transform", kind, self.registry, "/tmp"))
        self.ports = shape_of(component).ports

    def __call__(self, *events):
        return {
            port: found for port, found in self.transform.process(list(events), metric=False).items() if found
        }

    def discarded(self, intentional):
        label = ("intentional", str(intentional).lower())
        return self.transform.meter.counter("component_discarded_events_total", label).value


def messages(found, port="_default"):
    return [event["message"] for event in found.get(port, [])]


def logs(*texts):
    return [{"message": text} for text in texts]


FAILING = 'if .message == "abort" { abort }\nif .message == "error" { assert!(false, "no") }\n.ok = true'


@pytest.mark.parametrize(
    ("options", "passed", "dropped", "intentional", "unintentional"),
    [
        ({}, ["error", "good"], [], 1, 0),
        ({"drop_on_abort": False}, ["abort", "error", "good"], [], 0, 0),
        ({"drop_on_error": True}, ["good"], [], 1, 1),
        ({"drop_on_error": True, "reroute_dropped": True}, ["good"], ["abort", "error"], 0, 0),
        ({"reroute_dropped": True}, ["error", "good"], ["abort"], 0, 0),
    ],
)
def test_remap_failures(options, passed, dropped, intentional, unintentional):
    remap = Made("remap", source=FAILING, **options)
    found = remap(*logs("abort", "error", "good"))
    assert messages(found) == passed
    assert messages(found, "dropped") == dropped
    assert (remap.discarded(True), remap.discarded(False)) == (intentional, unintentional)
    assert all(("ok" in event) == (event["message"] == "good") for event in found["_default"])


def test_remap_ports_and_program():
    assert Made("remap", source=".", reroute_dropped=True).ports == ("_default", "dropped")
    with pytest.raises(ConfigError, match="exactly one of `source` or `file`"):
        Made("remap")
    with pytest.raises(ConfigError, match="could not read the VRL file"):
        Made("remap", file="/nowhere.vrl")


def test_filter():
    keep = Made("filter", condition={"type": "vrl", "source": '.message == "a"'})
    assert messages(keep(*logs("a", "b", "a"))) == ["a", "a"]
    assert keep.discarded(True) == 1


def test_route_copies_and_exclusive_route_does_not():
    routes = {"a": 'includes(["x", "y"], .message)', "b": '.message == "x"'}
    both = Made("route", route=routes)
    assert both.ports == ("a", "b", "_unmatched")
    assert {p: messages(both(*logs("x", "y", "z")), p) for p in both.ports} == {
        "a": ["x", "y"],
        "b": ["x"],
        "_unmatched": ["z"],
    }
    quiet = Made("route", route=routes, reroute_unmatched=False)
    assert quiet.ports == ("a", "b")
    assert "_unmatched" not in quiet(*logs("z"))
    assert quiet.discarded(True) == 1
    first = Made("exclusive_route", routes=[{"name": k, "condition": v} for k, v in reversed(routes.items())])
    assert {p: messages(first(*logs("x", "y", "z")), p) for p in first.ports} == {
        "b": ["x"],
        "a": ["y"],
        "_unmatched": ["z"],
    }
    with pytest.raises(ConfigError, match="reserved"):
        Made("route", route={"_unmatched": "true"})


def test_sample_by_rate():
    sample = Made("sample", rate=3, exclude='.message == "keep"')
    found = sample(*logs("0", "1", "keep", "2", "3", "4"))["_default"]
    assert [(e["message"], e.get("sample_rate")) for e in found] == [("0", "3"), ("keep", None), ("3", "3")]
    grouped = Made("sample", rate=2, group_by="{{ message }}")
    assert messages(grouped(*logs("a", "b", "a", "b", "a"))) == ["a", "b", "a"]


def test_sample_by_ratio_and_key():
    sample = Made("sample", ratio=0.25)
    assert [n for n in range(100) if sample({"message": str(n)})] == list(range(0, 100, 4))
    keyed = Made("sample", rate=4, key_field="user.id")
    events = [{"message": str(n), "user": {"id": n % 40}} for n in range(400)]
    kept = {event["user"]["id"] for event in keyed(*events)["_default"]}
    assert 0 < len(kept) < 25
    assert len(keyed(*events)["_default"]) == len(kept) * 10
    for wrong in ({}, {"rate": 1, "ratio": 0.5}, {"rate": 0}, {"ratio": 1.5}):
        with pytest.raises(ConfigError):
            Made("sample", **wrong)


def test_dedupe():
    dedupe = Made("dedupe", fields={"match": ["a", "b.c"]})
    events = [
        {"a": 1},
        {"a": "1"},
        {"a": 1.0},
        {"a": True},
        {"a": None},
        {},
        {"a": 1},
        {"a": 1, "b": {"c": 1}},
        {"a": None},
    ]
    assert dedupe(*events)["_default"] == [*events[:6], events[7]]
    assert dedupe.discarded(True) == 2
    ignoring = Made("dedupe", fields={"ignore": ["t"]})
    assert len(ignoring({"a": 1, "t": 1}, {"t": 2, "a": 1}, {"a": 2})["_default"]) == 2
    default = Made("dedupe")
    assert (
        len(
            default(
                {"message": "x", "host": "a"},
                {"message": "x", "host": "b"},
                {"message": "x", "host": "a", "z": 1},
            )["_default"]
        )
        == 2
    )


def test_dedupe_forgets_the_least_recent():
    dedupe = Made("dedupe", cache={"num_events": 2}, fields={"match": ["message"]})
    assert messages(dedupe(*logs("a", "b", "a", "c", "a", "b"))) == ["a", "b", "c", "b"]


def test_dedupe_by_age(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("vectorflow_engine.transforms.dedupe.time.monotonic", lambda: clock[0])
    dedupe = Made("dedupe", time_settings={"max_age_ms": 1000})
    assert messages(dedupe(*logs("a", "a"))) == ["a"]
    clock[0] = 1.5
    assert messages(dedupe(*logs("a"))) == ["a"]


@pytest.mark.parametrize("path", ["", "a..b", "a[x]", "a b"])
def test_bad_paths(path):
    with pytest.raises(ConfigError, match="no valid field path"):
        Made("dedupe", fields={"match": [path]})


def test_options_are_named():
    with pytest.raises(ConfigError, match="Transform `t` \\(type `sample`\\): option `rat` is unknown"):
        options_of(ComponentConfig("t", "transform", "sample", {"rat": 1}, ("in",)))
