"""Unit tests of pipelines: what passes, what fails and why, and that nothing hostile gets through."""

import asyncio
import json
import subprocess
import sys

import pytest

from vectorflow_engine.testing import sandbox
from vectorflow_engine.testing.run import run_tests
from vectorflow_engine.testing.sandbox import TestsStopped, run_sealed
from vectorflow_engine.testing.types import MAX_EVENTS_SHOWN, MAX_TESTS

SLOW = "\n".join(["t = string!(.message)", *["t = t + t"] * 18, ".message = sha3(t) + sha2(t)"])
TRANSFORMS = {
    "upper": {"type": "remap", "inputs": ["in"], "source": ".message = upcase(string!(.message))"},
    "by_text": {"type": "route", "inputs": ["upper"], "route": {"hi": '.message == "HI"'}},
    "both": {"type": "remap", "inputs": ["by_text.*"], "source": '.both = "yes"'},
    "unknown_here": {"type": "lua", "inputs": ["both"]},
}


def ran(*tests, transforms=TRANSFORMS, service=False):
    return run_tests({"transforms": transforms, "tests": list(tests)}, service=service)


def made(text="hi", at="upper", name="t", **more):
    return {"name": name, "inputs": [{"insert_at": at, "value": text}], **more}


def out(source, *conditions):
    return {"outputs": [{"extract_from": source, "conditions": list(conditions)}]}


def whys(result):
    return [(each.output, each.condition, each.message) for each in result.failures]


def test_a_test_follows_ports_and_patterns():
    (found,) = ran(made(**out("both", {"type": "vrl", "source": '.message == "HI" && .both == "yes"'})))
    assert found.outcome == "passed"
    assert found.extracted[0].count == 1
    assert found.extracted[0].events[0]["message"] == "HI"
    assert "T" in found.extracted[0].events[0]["timestamp"]


def test_each_condition_that_fails_says_why():
    (found,) = ran(made("ho", **out("upper", "true", '.message == "HI"', 'assert!(false, "not so")')))
    assert found.outcome == "failed"
    assert [(output, condition) for output, condition, _ in whys(found)] == [(0, 1), (0, 2)]
    assert whys(found)[0][2] == "the condition is false"
    assert "not so" in whys(found)[1][2]


def test_one_event_must_satisfy_all_conditions():
    test = made(**out("upper", '.message == "HI"', "exists(.extra)"))
    test["inputs"].append(
        {"insert_at": "upper", "type": "log", "log_fields": {"message": "x", "extra.deep": 1}}
    )
    (found,) = ran(test)
    assert found.outcome == "failed"
    test["inputs"].append({"insert_at": "upper", "type": "vrl", "source": '.message = "hi"; .extra = 1'})
    assert ran(test)[0].outcome == "passed"


def test_nothing_came_out_or_something_did():
    missing, unwanted = ran(
        made("ho", name="a", **out("by_text.hi")),
        made("ho", name="b", no_outputs_from=["by_text._unmatched"]),
    )
    assert whys(missing) == [(0, None, "nothing came out of `by_text.hi`")]
    assert "1 event came out of `by_text._unmatched`" in whys(unwanted)[0][2]
    assert ran(made("ho", no_outputs_from=["by_text.hi"]))[0].outcome == "passed"


def test_tests_share_nothing():
    dedupe = {"once": {"type": "dedupe", "inputs": ["in"], "fields": {"match": ["message"]}}}
    twice = made(at="once", no_outputs_from=["once"])
    first, second = ran(
        made(at="once", **out("once")), made(at="once", name="u", **out("once")), transforms=dedupe
    )
    assert (first.outcome, second.outcome) == ("passed", "passed")
    assert ran(twice, transforms=dedupe)[0].outcome == "failed"


def test_metrics_go_in_and_come_out():
    transforms = {
        "tag": {"type": "remap", "inputs": ["in"], "source": '.tags.site = "a"'},
        "count": {
            "type": "log_to_metric",
            "inputs": ["in"],
            "metrics": [
                {"type": "counter", "field": "status", "name": "hits", "tags": {"s": "{{ status }}"}},
                {"type": "gauge", "field": "took", "name": "took_{{ unit }}"},
            ],
        },
    }
    metric = {"name": "m", "counter": {"value": 2}, "tags": {"a": "b"}}
    one = {"name": "one", "inputs": [{"insert_at": "tag", "type": "metric", "metric": metric}]}
    two = {"name": "two", "inputs": [{"insert_at": "count", "type": "log", "log_fields": {"status": 200}}]}
    first, second = ran(
        one | out("tag", '.tags.site == "a" && .tags.a == "b"'),
        two | out("count", '.name == "hits" && .tags.s == "200"'),
        transforms=transforms,
    )
    assert (first.outcome, second.outcome) == ("passed", "passed")
    assert second.extracted[0].count == 1
    assert second.extracted[0].events[0]["counter"] == {"value": 1.0}


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("no table", "test `test 1`"),
        ({"name": "x", "outputs": []}, "puts in 1 to 1000 events"),
        (made(at="nowhere", **out("upper")), "no transform `nowhere`"),
        (made(**out("in")), "no transform `in`"),
        (made(), "says what comes out"),
        (made(**out("unknown_here")), "does not run transforms of type `lua`"),
        (made(**out("upper", ".message ==")), "does not compile"),
        (made(**out("upper", ".message = 1")), "may not change the event"),
        ({**made(**out("upper")), "inputs": [{"insert_at": "upper", "type": "log"}]}, "needs `log_fields`"),
        (
            {**made(**out("upper")), "inputs": [{"insert_at": "upper", "type": "vrl", "source": "abort"}]},
            "failed",
        ),
        ({**made(**out("upper")), "unheard_of": 1}, "`unheard_of` is unknown"),
    ],
)
def test_a_test_that_cannot_run_is_an_error(test, why):
    (found,) = ran(test)
    assert found.outcome == "error"
    assert why in found.failures[0].message


def test_there_is_an_end_to_everything():
    assert ran(*[made(**out("upper"))] * (MAX_TESTS + 1))[0].outcome == "error"
    circle = {name: {"type": "remap", "inputs": [of], "source": "."} for name, of in (("a", "b"), ("b", "a"))}
    (found,) = ran(made(at="a", **out("b")), transforms=circle)
    assert "cycle" in found.failures[0].message
    many = {"many": {"type": "remap", "inputs": ["in"], "source": f". = {json.dumps([{}] * 50)}"}}
    (found,) = ran(made(at="many", **out("many")), transforms=many)
    assert (found.extracted[0].count, len(found.extracted[0].events)) == (50, MAX_EVENTS_SHOWN)


def sealed(transforms, *tests, **limits):
    return asyncio.run(run_sealed({"transforms": transforms, "tests": list(tests)}, **limits))


def test_the_sandbox_runs_the_same():
    (found,) = sealed(TRANSFORMS, made(**out("both", '.both == "yes"')))
    assert found.outcome == "passed"


def test_the_sandbox_reads_no_file_and_no_environment():
    program = {"p": {"type": "remap", "inputs": ["in"], "file": "/etc/hostname"}}
    (found,) = sealed(program, made(at="p", **out("p")))
    assert (found.outcome, "could not read" in found.failures[0].message) == ("error", True)
    program = {"p": {"type": "remap", "inputs": ["in"], "source": '.x = get_env_var!("HOME")'}}
    (found,) = sealed(program, made(at="p", **out("p")))
    assert "reads the host" in found.failures[0].message
    (found,) = sealed(TRANSFORMS, made(**out("upper", 'get_env_var!("HOME") != ""')))
    assert "reads the host" in found.failures[0].message


def test_the_sandbox_stops_what_does_not_end():
    slow = {"p": {"type": "remap", "inputs": ["in"], "source": SLOW}}
    with pytest.raises(TestsStopped, match="longer than 1 s"):
        sealed(slow, *[made(at="p", **out("p"))] * MAX_TESTS, seconds=1.0)


def test_the_sandbox_bounds_what_is_said(monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_OUTPUT_BYTES", 100)
    with pytest.raises(TestsStopped, match="too large to be shown"):
        sealed(TRANSFORMS, made(**out("upper")))


def test_the_command(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.json"
    config = {"transforms": TRANSFORMS, "tests": [made(**out("upper", '.message == "HI"'))]}
    good.write_text(json.dumps(config))
    config["tests"][0]["name"] = "wrong"
    config["tests"][0]["inputs"][0]["value"] = "ho"
    bad.write_text(json.dumps({"tests": config["tests"]}))

    def command(*paths):
        arguments = [sys.executable, "-m", "vectorflow_engine", "test", *map(str, paths)]
        return subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)

    passed = command(good)
    assert (passed.returncode, "test t ... passed" in passed.stdout) == (0, True)
    failed = command(good, bad)
    assert failed.returncode == 1
    assert "test wrong ... failed\n    output 1: condition 1: the condition is false" in failed.stdout
    assert command(tmp_path / "none.yaml").returncode == 78
