"""Taps through both APIs of Vector, from a statement to batches that nobody can learn a secret from."""
# shell/hiding.py

import asyncio
import time

import psutil
import pytest

from vectorflow_wire.messages import ReportKind, ReportReason
from vectorflow_wire.taps import TapEnd

EVENT = {
    "message": "sign-in of ann@example.org from 203.0.113.7, password=hunter2",
    "user": {"password": "canary-1", "name": "ann"},
    "level": "error",
}


async def running(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(tap={"event": EVENT}, **options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)


async def answer(gateway, eventually, statement):
    (report,) = await eventually(lambda: gateway.answers(statement), why=lambda: gateway.reports)
    return report


def wish(tap, **more):
    return {"tap": tap, "pipeline": "p1", "outputs": ["in"], "seconds": 60.0} | more


@pytest.mark.parametrize("version", ["0.54", "0.55", "0.57"])
async def test_events_come_redacted_from_every_version(agent, gateway, eventually, version):
    await running(agent, gateway, eventually)
    told = gateway.tell("tap", wish("t1", redact=["name"]))
    assert (await answer(gateway, eventually, told)).kind == ReportKind.STATEMENT_DONE
    await eventually(lambda: len(gateway.events("t1")) > 20, seconds=30)
    event = gateway.events("t1")[0]
    assert event == {
        "message": "sign-in of [redacted:email] from [redacted:ip], password=[redacted]",
        "user": {"password": "[redacted]", "name": "[redacted]"},
        "level": "error",
        "number": 1,
    }
    assert "canary" not in str(gateway.tapped)
    assert gateway.tapped["t1"][0].events[0].component == "in"
    gateway.unwanted.add("/agent/v1/taps/t1/events")
    # Nobody wants more: it ends, and the same agent opens the next.
    count = len(gateway.tapped["t1"])
    gateway.tell("tap", wish("t2"))
    await eventually(lambda: gateway.events("t2"))
    assert len(gateway.tapped["t1"]) <= count + 1


async def test_conditions_are_judged_on_the_node_after_redaction(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    guess = {"path": ".user.password", "operator": "eq", "value": "canary-1"}
    gateway.tell("tap", wish("guess", where=[guess]))
    many = {"path": ".number", "operator": "gt", "value": "20"}
    level = {"path": ".level", "operator": "eq", "value": "error"}
    gateway.tell("tap", wish("some", where=[many, level]))
    await eventually(lambda: len(gateway.events("some")) > 5)
    assert min(event["number"] for event in gateway.events("some")) == 21
    last = await eventually(lambda: [b for b in gateway.tapped.get("guess", []) if b.taken > 20])
    assert last[-1].matched == 0
    assert not gateway.events("guess")
    unknown = gateway.tell("tap", wish("odd", where=[{"path": ".x", "operator": "regex"}]))
    assert (await answer(gateway, eventually, unknown)).kind == ReportKind.STATEMENT_REFUSED


async def test_ten_requesters_each_have_their_own_stream_and_rate(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    began = time.monotonic()
    for number in range(10):
        gateway.tell("tap", wish(f"t{number}", events_per_second=2.0 if number else 50.0))
    await eventually(
        lambda: all(gateway.events(f"t{number}") for number in range(10)),
        seconds=30,
        why=lambda: gateway.tapped,
    )
    await eventually(lambda: len(gateway.events("t0")) > 60, seconds=30)
    most = 2.0 * (time.monotonic() - began) + 10
    assert all(len(gateway.events(f"t{number}")) <= most for number in range(1, 10)), most
    assert psutil.Process(agent.process.pid).memory_info().rss < 80 * 1024 * 1024
    for number in range(10, 17):
        last = gateway.tell("tap", wish(f"t{number}"))
    refused = await answer(gateway, eventually, last)
    assert "16 taps" in refused.message


async def test_a_tap_ends_with_its_reason(agent, gateway, eventually):
    await running(agent, gateway, eventually)

    def ended(tap):
        return [batch.ended for batch in gateway.tapped.get(tap, []) if batch.ended]

    gateway.tell("tap", wish("none", outputs=["nothing"]))
    gateway.tell("tap", wish("most", most_events=7))
    gateway.tell("sample", {"tap": "sample", "pipeline": "p1", "outputs": ["in"], "events": 3})
    gateway.tell("tap", wish("time", seconds=1.0))
    gateway.tell("tap", wish("gone", outputs=["in"]))
    assert await eventually(lambda: ended("most")) == [TapEnd.MOST_EVENTS]
    assert len(gateway.events("most")) == 7
    assert await eventually(lambda: ended("sample")) == [TapEnd.MOST_EVENTS]
    assert len(gateway.events("sample")) == 3
    assert await eventually(lambda: ended("time")) == [TapEnd.TIME]
    assert await eventually(lambda: ended("none")) == [TapEnd.COMPONENT_GONE]
    # Its component goes with the next revision, while the tap is open.
    other = {
        "sources": {"other": {"type": "stand_in"}},
        "sinks": {"out": {"type": "blackhole", "inputs": ["other"]}},
    }
    gateway.publish([gateway.pipeline(number=2, text=other)])
    assert await eventually(lambda: ended("gone"), seconds=30) == [TapEnd.COMPONENT_GONE]
    gateway.tell("tap", wish("unknown") | {"pipeline": "p9"})
    assert await eventually(lambda: ended("unknown"), seconds=40) == [TapEnd.NOT_RUNNING]


@pytest.mark.parametrize("version", ["0.54", "0.57"])
async def test_large_and_binary_and_control_characters(agent, gateway, eventually, version):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    event = {
        "message": "x" * 1_000_000 + " password=canary",
        "esc": "\x1b[31m\x07",
        "deep": {"a": [{"b": "c"}]},
    }
    if version != "0.54":
        event["raw"] = "hex:fffe00"
    gateway.publish([gateway.pipeline(tap={"event": event, "rate": 4})])
    await eventually(lambda: gateway.told(ReportKind.APPLIED))
    gateway.tell("tap", wish("t1"))
    await eventually(lambda: gateway.events("t1"), seconds=30)
    (first, *_) = (event for batch in gateway.tapped["t1"] for event in batch.events)
    assert first.cut
    assert first.binary is (version != "0.54")
    shown = gateway.events("t1")[0]
    assert shown["message"] == "x" * 8192 + "[cut]"
    assert shown["esc"] == "\x1b[31m\x07"
    assert shown["deep"] == {"a": [{"b": "c"}]}


async def test_a_gateway_that_is_away_costs_events_and_nothing_else(agent, gateway, served, eventually):
    await running(agent, gateway, eventually)
    gateway.tell("tap", wish("t1", events_per_second=500.0))
    await eventually(lambda: gateway.events("t1"))
    await served.down()
    await asyncio.sleep(1.5)
    await served.up()
    count = len(gateway.tapped["t1"])
    await eventually(lambda: len(gateway.tapped["t1"]) > count + 1, seconds=30)


async def test_the_policy_adds_names_and_forbids(agent, gateway, eventually):
    agent.policy.write_text("tap_redact: [level]\ntap_keep: [ip, email]\n")
    agent.policy.chmod(0o600)
    await running(agent, gateway, eventually)
    gateway.tell("tap", wish("t1"))
    await eventually(lambda: gateway.events("t1"))
    event = gateway.events("t1")[0]
    assert event["level"] == "[redacted]"
    assert event["message"] == "sign-in of ann@example.org from 203.0.113.7, password=[redacted]"
    agent.policy.write_text("tap: false\n")
    agent.end()
    agent.start()
    told = gateway.tell("tap", wish("t2"))
    report = await answer(gateway, eventually, told)
    assert (report.kind, report.reason) == (ReportKind.STATEMENT_REFUSED, ReportReason.POLICY)


async def test_a_secret_of_the_pipeline_is_never_repeated(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    event = {"message": "it says hunter2-and-more, plainly", "hunter2-and-more": 1}
    gateway.publish(
        [
            gateway.pipeline(
                tap={"event": event},
                secrets={"pass": "hunter2-and-more"},
                password="SECRET[vectorflow.pass]",
            )
        ]
    )
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    gateway.tell("tap", wish("t1"))
    guess = {"path": ".message", "operator": "contains", "value": "hunter2"}
    gateway.tell("tap", wish("guess", where=[guess]))
    await eventually(lambda: gateway.events("t1"))
    shown = gateway.events("t1")[0]
    assert shown["message"] == "it says [redacted:secret], plainly"
    assert "hunter2" not in str(gateway.tapped)
    looked = await eventually(lambda: [b for b in gateway.tapped.get("guess", []) if b.taken > 5])
    assert looked[-1].matched == 0


def vrl(condition):
    return {"path": ".", "operator": "vrl", "value": condition}


async def test_a_condition_in_vrl_sees_what_its_author_may_see(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    level = {"path": ".level", "operator": "eq", "value": "error"}
    gateway.tell(
        "tap",
        wish("some", where=[level, vrl("(int(.number) ?? 0) > 20 && mod!(.number, 2) == 0")], most_events=9),
    )
    gateway.tell("tap", wish("guess", where=[vrl('.user.password == "canary-1"')]))
    ended = await eventually(
        lambda: [batch for batch in gateway.tapped.get("some", []) if batch.ended],
        seconds=60,
        why=agent.log.read_text,
    )
    numbers = [event["number"] for event in gateway.events("some")]
    assert len(numbers) == 9
    assert all(number > 20 and number % 2 == 0 for number in numbers)
    assert (ended[-1].ended, ended[-1].matched >= 9) == (TapEnd.MOST_EVENTS, True)
    last = await eventually(lambda: [b for b in gateway.tapped.get("guess", []) if b.taken > 20], seconds=60)
    assert (last[-1].matched, gateway.events("guess")) == (0, [])


async def test_a_condition_in_vrl_that_is_none_ends_the_tap_and_nothing_else(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    gateway.tell("tap", wish("bad", where=[vrl(".number >")]))
    gateway.tell("tap", wish("good"))
    two = gateway.tell("tap", wish("two", where=[vrl("true"), vrl("true")]))
    assert "one condition in VRL" in (await answer(gateway, eventually, two)).message
    ended = await eventually(
        lambda: [batch.ended for batch in gateway.tapped.get("bad", []) if batch.ended], seconds=60
    )
    assert ended == [TapEnd.CONDITION_FAILED]
    assert not gateway.events("bad")
    await eventually(lambda: gateway.events("good"))
    # The process that judged is gone with its tap.
    await eventually(
        lambda: (
            not [each for each in psutil.Process(agent.process.pid).children() if "judge" in each.cmdline()]
        )
    )
