"""`vectorflow-engine judge`, as a process: what it answers, what it refuses, and what it cannot do."""
# judging.py

import json
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE = str(Path(sys.executable).with_name("vectorflow-engine"))


def judged(condition, *batches, environment=None):
    lines = [json.dumps(condition), *(json.dumps(batch) for batch in batches)]
    done = subprocess.run(
        [ENGINE, "judge"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=environment or {},
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_each_event_of_each_batch_is_answered() -> None:
    batches = [{"status": 500, "path": "/a"}, {"status": 503, "path": "/health"}], [{"status": "x"}, {}], []
    code, answers = judged('.status >= 500 && .path != "/health" ?? false', *batches)
    assert (code, answers) == (0, [{}, [True, False], [False, False], []])


def test_an_error_in_an_event_is_false() -> None:
    assert judged("parse_json!(.message).a == 1", [{"message": "{"}, {"message": '{"a":1}'}])[1][1] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "condition", ["!!!", "1 + 1", '.a = "changed"; true', 'get_env_var!("HOME") == "x"', "x" * 70_000]
)
def test_what_is_no_condition_is_told_and_judges_nothing(condition) -> None:
    code, (answer,) = judged(condition, [{"a": 1}])
    assert code == 1
    assert answer["error"]


def test_what_cannot_be_read_ends_it() -> None:
    code, answers = judged("true", ["no event"])
    assert code != 0
    assert answers == [{}]
