"""`vectorflow tap`: what is asked for and how events are printed; `tests/e2e/test_tap.py` runs it against a real node."""

import json

import pytest
from typer.testing import CliRunner

from vectorflow.entry.cli import app as commands
from vectorflow.entry.tap_cli import condition, line_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("level=error", {"path": "level", "operator": "eq", "value": "error"}),
        (".http.status > 499", {"path": ".http.status", "operator": "gt", "value": "499"}),
        ("a!=b=c", {"path": "a", "operator": "ne", "value": "b=c"}),
        ("message~two words", {"path": "message", "operator": "contains", "value": "two words"}),
        (".user.id?", {"path": ".user.id", "operator": "exists", "value": ""}),
        (" vrl: .a > .b || .c == 1 ", {"path": ".", "operator": "vrl", "value": ".a > .b || .c == 1"}),
    ],
)
def test_conditions(text, wanted):
    assert condition(text) == wanted


@pytest.mark.parametrize("text", ["", "level", "=x", "a b=c"])
def test_what_is_no_condition(text):
    with pytest.raises(SystemExit):
        condition(text)


HOSTILE = {
    "a": "\x1b[31m\x07\r\n\u202e\u2028\x9b",
    "=cmd": "=1+1",
    "smile": "\U0001f600",
    "tag": "\U000e0041",
}


def test_nothing_in_an_event_steers_a_terminal_and_all_of_it_is_kept():
    line = line_of(HOSTILE)
    assert line.isprintable()
    assert line.startswith("{")
    assert json.loads(line) == HOSTILE


def test_a_reason_is_asked_for(monkeypatch):
    result = CliRunner().invoke(commands, ["tap", "p", "c", "--in", "a/b"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "--reason" in result.output
