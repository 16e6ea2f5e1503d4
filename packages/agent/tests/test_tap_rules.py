import msgspec
import pytest

from vectorflow_agent.core.engine_events import EngineEvent
from vectorflow_agent.core.event_redaction import Redactor
from vectorflow_agent.core.tap_rules import RulesInvalid, TapRules, tap_event
from vectorflow_wire.taps import TapCondition

EVENT = {"status": 503, "ok": True, "http.method": "GET", "list": [{"a": "b"}], "none": None, "password": "hunter2",
         "mail": "ann@example.org"}  # fmt: skip


def rules(*where, per_second=1000.0):
    conditions = [TapCondition(path=path, operator=operator, value=value) for path, operator, value in where]
    return TapRules(conditions, per_second=per_second, redactor=Redactor(), now=0.0)


def judged(*where, event=EVENT):
    return rules(*where).judge(EngineEvent("in", "log", event, 1), 0.0)


@pytest.mark.parametrize(
    "where",
    [
        (".status", "eq", "503"),
        ("status", "gt", "500"),
        (".status", "lt", "504"),
        (".status", "ne", "200"),
        (".ok", "eq", "true"),
        (".none", "eq", "null"),
        (".none", "exists", ""),
        (".http.method", "eq", "GET"),
        (".list.0.a", "eq", "b"),
        (".list", "contains", '"a":"b"'),
        (".nothing", "missing", ""),
        (".list.7", "missing", ""),
        (".nothing.deep", "ne", "x"),
        (".password", "eq", "[redacted]"),
        (".mail", "contains", "email"),
    ],
)
def test_what_holds(where):
    assert judged(where)
    assert not judged(where, (".status", "eq", "0"))


@pytest.mark.parametrize(
    "where",
    [
        (".password", "eq", "hunter2"),
        (".password", "contains", "h"),
        (".password.0", "exists", ""),
        (".mail", "contains", "example"),
        (".status", "gt", "nan"),
        (".ok.x", "exists", ""),
        (".status", "lt", "x"),
    ],
)
def test_what_does_not(where):
    assert judged(where) is None


def test_a_condition_tells_nothing_of_what_was_replaced():
    for value in ("hunter2", "other"):
        event = {"password": value, "user": {"secret": {"pin": value}}}
        for where in ((".password", "ne", "hunter2"), (".user.secret.pin", "missing", "")):
            assert judged(where, event=event)


def test_unknown_operators_are_refused():
    with pytest.raises(RulesInvalid):
        rules((".a", "regex", "x"))


def test_the_rate_holds_and_is_counted():
    several = rules(per_second=10.0)
    event = EngineEvent("in", "log", {"a": 1}, 1)
    sent = [several.judge(event, now / 100) for now in range(200)]
    assert 28 <= sum(each is not None for each in sent) <= 30
    assert (several.matched, several.dropped) == (200, 200 - sum(each is not None for each in sent))


def test_a_secret_across_the_cut_is_not_shown():
    text = "x" * 8180 + " password=hunter2hunter2"
    event, cut, redacted = judged(event={"m": text})
    assert "hunter" not in event["m"]
    assert cut
    assert redacted


def test_what_is_still_too_large_keeps_its_names():
    event = {f"{number}": "y" * 8000 for number in range(50)}
    made = tap_event(EngineEvent("in", "log", event, 1), "", 1, judged(event=event))
    assert made.cut
    assert msgspec.json.decode(bytes(made.event))["7"] == "[cut]"
