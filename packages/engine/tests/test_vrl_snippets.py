"""Every built-in snippet compiles where servers compile, and makes of its event what it says."""

import json

import pytest

from vectorflow_engine.vrl import Program
from vectorflow_engine.vrl.snippets import snippets


def test_there_are_enough_and_each_has_its_name():
    found = snippets()
    assert len(found) >= 25
    assert len({each.id for each in found}) == len({each.title for each in found}) == len(found)
    assert all(each.before != each.after or each.id == "drop-health-checks" for each in found)


@pytest.mark.parametrize("snippet", snippets(), ids=lambda each: each.id)
def test_a_snippet_does_what_it_shows(snippet):
    result = Program(snippet.program, service=True).run(snippet.before)
    assert result.outcome == "ok"
    assert json.loads(json.dumps(result.events)) == [snippet.after]


def test_the_snippet_that_drops_drops():
    snippet = next(each for each in snippets() if each.id == "drop-health-checks")
    assert Program(snippet.program).run({"path": "/health"}).outcome == "abort"
