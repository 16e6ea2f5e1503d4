"""`vectorflow test`, as CI runs it: exit codes, places, and forms that machines read."""

import json
import xml.etree.ElementTree as ET

from vectorflow.entry.files.unit_tests import FileResults, as_junit
from vectorflow_engine.testing.types import Failure, TestResult

from .conftest import GOOD

TESTS = """
tests:
- name: parses
  inputs: [{insert_at: parse, type: log, log_fields: {message: '{"a": 1}'}}]
  outputs: [{extract_from: parse, conditions: [{type: vrl, source: .a == 1}]}]
- name: hopes
  inputs: [{insert_at: parse, type: log, log_fields: {message: '{"a": 1}'}}]
  outputs: [{extract_from: parse, conditions: [{type: vrl, source: .a == 2}]}]
"""


def test_results_and_codes(command, tmp_path):
    (tmp_path / "p.yaml").write_text(GOOD + TESTS)
    (tmp_path / "good.yaml").write_text(GOOD + TESTS[: TESTS.index("- name: hopes")])
    (tmp_path / "none.yaml").write_text(GOOD)
    done = command("test", "good.yaml")
    assert (done.returncode, done.stdout) == (0, b"good.yaml: parses: passed\n1 test, none failed\n")
    done = command("test", "p.yaml", "none.yaml")
    assert done.returncode == 1
    assert b"hopes: failed\n    output 1, condition 1: the condition is false\n" in done.stdout
    done = command("test", "none.yaml")
    assert (done.returncode, done.stdout) == (0, b"there are no tests\n")
    (tmp_path / "bad.yaml").write_text("sources: [")
    assert command("test", "bad.yaml").returncode == 2


def test_forms_for_machines(command, tmp_path):
    (tmp_path / "p.yaml").write_text(GOOD + TESTS)
    (told,) = json.loads(command("test", "p.yaml", "--format", "json").stdout)
    assert [(each["name"], each["outcome"]) for each in told["tests"]] == [
        ("parses", "passed"),
        ("hopes", "failed"),
    ]
    done = command("test", "p.yaml", "--format", "junit", "-o", "report.xml")
    assert done.returncode == 1
    suite = ET.parse(tmp_path / "report.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert suite.find("testcase[@name='hopes']/failure").get("message").startswith("output 1, condition 1")


def test_tests_that_take_too_long_are_stopped(command, tmp_path):
    slow = "t = string!(.message)\n" + "t = t + t\n" * 18 + ".message = sha3(t) + sha2(t)"
    body = "\n".join(f"      {line}" for line in slow.splitlines())
    test = "- {name: n, inputs: [{insert_at: parse, value: xy}], outputs: [{extract_from: parse}]}\n"
    tests = "".join(test.replace("name: n", f"name: n{at}") for at in range(400))
    (tmp_path / "p.yaml").write_text(
        GOOD.replace("      . = parse_json!(.message)", body) + "tests:\n" + tests
    )
    done = command("test", "p.yaml", "--seconds", "0.5")
    assert done.returncode == 2
    assert b"longer than 0.5 s" in done.stderr


def test_a_report_holds_no_control_characters():
    result = TestResult("a\x1b[2J", "error", [Failure("why\x00")])
    told = as_junit([FileResults("f", [result])])
    assert "\x1b" not in told
    assert "\x00" not in told
    assert ET.fromstring(told).find("testsuite").get("errors") == "1"
