"""VRL in this process: outcomes, diagnostics with positions, conditions, timestamps."""

import pytest

from vectorflow_engine.vrl import Condition, Program, VrlError, diagnose
from vectorflow_engine.vrl.timestamps import Timestamp


def test_runs_on_events_and_leaves_them_alone():
    event = {"message": '{"a": 1}'}
    result = Program(". = parse_json!(.message)\n.b = 2").run(event)
    assert (result.outcome, result.events) == ("ok", [{"a": 1, "b": 2}])
    assert event == {"message": '{"a": 1}'}


@pytest.mark.parametrize("source", [".x ==", "(.x", "{", "true } { true } else { if false"])
def test_a_condition_is_judged_as_it_is_written_not_by_what_is_put_around_it(source):
    found = diagnose(source, kind="condition")
    assert found
    assert {each.line for each in found} == {1}
    assert found == diagnose(source)


@pytest.mark.parametrize(
    ("program", "events"),
    [
        ('. = [{"a": 1}, 2]', [{"a": 1}, {"message": 2}]),
        (". = 5", [{"message": 5}]),
        (". = []", []),
        (".a = 1\nreturn 7", [{"a": 1}]),
    ],
)
def test_the_root_decides_how_many_events(program, events):
    assert Program(program).run({}).events == events


@pytest.mark.parametrize(
    ("program", "outcome", "message"),
    [
        ("abort", "abort", "aborted"),
        ('abort "too old"', "abort", "too old"),
        ('assert!(false, "aborted")', "error", 'function call error for "assert" at (0:25): aborted'),
        ('if .x == 1 { abort }\n.y = to_int!("x")', "error", 'function call error for "to_int"'),
    ],
)
def test_abort_and_error_are_told_apart(program, outcome, message):
    result = Program(program).run({})
    assert result.outcome == outcome
    assert result.message.startswith(message)


def test_diagnostics_carry_line_and_column():
    found = diagnose(".a = foo\n  .b = parse_json(.x)\n")
    assert [(d.line, d.column, d.code) for d in found] == [(1, 6, "E701"), (2, 8, "E103")]
    assert "fallible" in found[1].message
    with pytest.raises(VrlError, match="line 1, column 6: call to undefined variable"):
        Program(".a = foo")


def test_conditions():
    condition = Condition('.level == "error" # why\n')
    assert condition.matches({"level": "error"})
    assert not condition.matches({})
    assert not Condition("parse_json!(.m) == 1").matches({"m": "{"})
    [found] = diagnose(".a", kind="condition")
    assert found.code == "E102"
    [found] = diagnose("match(.m, r'x')", kind="condition")
    assert (found.line, found.column) == (1, 7)


@pytest.mark.parametrize(
    "source", [".a = 1\ntrue", ".a.b[0] |= {}\ntrue", "del(.a) == 1", ".a, err = parse_json(.m)\ntrue"]
)
def test_a_condition_may_not_write(source):
    assert diagnose(source, kind="condition")[0].code == "vrl.read-only"


@pytest.mark.parametrize(
    "source",
    [
        '.a == "x = 1"',
        ".a >= 1 && .b != 2",
        "x = .a\nx == 1",
        'x = starts_with!(.a, "b"); y = x; y',
        "includes([.a, .b], 1)",
        '.a == "del(.b)"',
    ],
)
def test_a_condition_may_read(source):
    found = diagnose(source, kind="condition")
    assert not [d for d in found if d.code == "vrl.read-only"]


def test_timestamps_keep_their_type():
    event = {"timestamp": Timestamp("2026-01-02T03:04:05.123456Z"), "text": "2026-01-02"}
    [after] = (
        Program('.year = format_timestamp!(.timestamp, "%Y")\n.is = is_timestamp(.timestamp)')
        .run(event)
        .events
    )
    assert (after["year"], after["is"]) == ("2026", True)
    assert type(after["timestamp"]) is Timestamp
    assert after["timestamp"] == "2026-01-02T03:04:05.123456Z"
    [passed] = Program(".a = 1").run(event).events
    assert type(passed["timestamp"]) is Timestamp
    [made] = Program(".n.t = t'2021-01-01T00:00:00Z'\n.l = [now()]").run({}).events
    assert made["n"]["t"] == "2021-01-01T00:00:00Z"
    assert type(made["l"][0]) is Timestamp


def test_typing_a_field_never_breaks_a_good_program():
    program = Program('.t = parse_timestamp!(.timestamp, "%+")\n.s = string!(.timestamp)')
    assert program.run({"timestamp": "2026-01-01T00:00:00Z"}).outcome == "ok"


def test_condition_sees_typed_timestamps():
    condition = Condition("is_timestamp(.timestamp)")
    assert condition.matches({"timestamp": Timestamp("2026-01-01T00:00:00Z")})
    assert not condition.matches({"timestamp": "2026-01-01T00:00:00Z"})
