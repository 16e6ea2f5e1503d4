"""Signed single-use statements: acted on once, refused with a code, and leaving for good."""

import os

import msgspec
import pytest
from nacl.signing import SigningKey
from packages.agent.tests.conftest import provokes
from packages.agent.tests.mini_gateway import signer_of

from vectorflow_wire import envelope, statements
from vectorflow_wire.encoding import base64_bytes
from vectorflow_wire.messages import ReportKind, ReportReason


async def running(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(**options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    await eventually(lambda: gateway.heartbeats and gateway.heartbeats[-1].agent.stream_connected)
    return agent.engines()[0]


async def answer(gateway, eventually, statement):
    (report, *more) = await eventually(lambda: gateway.answers(statement), why=lambda: gateway.reports)
    assert not more
    return report


@provokes("statement-spent", told=False)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_engine_is_restarted_once_however_often_it_is_told(agent, gateway, eventually, stream):
    pid = await running(agent, gateway, eventually)
    told = gateway.tell("restart", {"pipeline": "p1", "drain_seconds": 2.0}, stream=stream)
    report = await answer(gateway, eventually, told)
    assert report.kind == ReportKind.STATEMENT_DONE
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    (new,) = agent.engines()
    assert new != pid
    # A replay, also by another agent process on this state, does nothing and is not reported.
    replayed = list(gateway.statements)
    agent.kill()
    agent.start()
    gateway.statements = [("again", signed) for _, signed in replayed]
    count = len(gateway.heartbeats)
    await eventually(lambda: len(gateway.heartbeats) > count + 3)
    assert agent.engines() == [new]
    assert len(gateway.told(ReportKind.STATEMENT_DONE)) == 1


REFUSED = {
    "statement-node": {"node": "another"},
    "statement-organization": {"organization": "another"},
    "statement-expired": {"issued_at": 1, "expires_at": 2},
    "statement-life": {"expires_at": 10**14},
    "statement-kind": {"kind": "explode"},
    "statement-format": {"format": 9},
    "statement-unreadable": {"arguments": {"pipeline": 7}},
}


@provokes(*REFUSED)
@provokes("statement-key", told=False)
async def test_each_rule_refuses_once_and_what_runs_goes_on(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    for code, change in REFUSED.items():
        arguments = {"pipeline": "p1"}
        kind = change.pop("kind", "restart")
        told = gateway.tell(kind, change.pop("arguments", arguments), **change)
        report = await answer(gateway, eventually, told)
        assert (report.kind, report.reason) == (ReportKind.STATEMENT_REFUSED, code)
    gateway.tell("restart", {"pipeline": "p1"}, key=SigningKey.generate())
    count = len(gateway.heartbeats)
    await eventually(lambda: len(gateway.heartbeats) > count + 2)
    assert agent.engines() == [pid]
    assert len(gateway.told(ReportKind.STATEMENT_REFUSED)) == len(REFUSED)


@provokes("statement-signature")
async def test_what_another_key_signed_in_the_name_of_ours_is_refused(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    told = gateway.tell("restart", {"pipeline": "p1"})
    (signed,) = [signed for name, signed in gateway.statements if name == told]
    forger = envelope.MemorySigner(SigningKey.generate(), signer_of(gateway.online).key_id)
    content = msgspec.json.decode(base64_bytes(signed.payload), type=statements.Statement)
    gateway.statements = [(told, statements.statement_signed(content, forger))]
    refused = await eventually(lambda: gateway.told(ReportKind.STATEMENT_REFUSED))
    # Whose word it was is not known, so it is not told which statement was refused.
    assert [(each.reason, each.statement) for each in refused] == [("statement-signature", "")]
    count = len(gateway.heartbeats)
    await eventually(lambda: len(gateway.heartbeats) > count + 2)
    assert agent.engines() == [pid]
    assert len(gateway.told(ReportKind.STATEMENT_REFUSED)) == 1


@provokes("statement-not-noted")
async def test_what_cannot_be_noted_as_done_is_not_done(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    noted = agent.state / "statements.json"
    for spoil, mend in ((noted.mkdir, noted.rmdir), (lambda: noted.write_text("{"), noted.unlink)):
        spoil()
        report = await answer(gateway, eventually, gateway.tell("restart", {"pipeline": "p1"}))
        assert report.reason == "statement-not-noted"
        assert "statements.json cannot be read" in report.message
        assert agent.engines() == [pid]
        mend()
    report = await answer(gateway, eventually, gateway.tell("restart", {"pipeline": "p1"}))
    assert report.kind == ReportKind.STATEMENT_DONE


@provokes(ReportReason.AGENT_ERROR)
async def test_arguments_that_mean_nothing_are_refused(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    report = await answer(gateway, eventually, gateway.tell("log-level", {"level": "shout", "until": 0}))
    assert (report.kind, report.reason) == (ReportKind.STATEMENT_REFUSED, ReportReason.AGENT_ERROR)


async def test_the_nodes_policy_forbids_taps_and_updates(agent, gateway, eventually):
    agent.policy.write_text("tap: false\nupdates: false\n")
    agent.policy.chmod(0o600)
    await running(agent, gateway, eventually)
    for kind, arguments in (("tap", {"tap": "t", "pipeline": "p1"}), ("update", {})):
        report = await answer(gateway, eventually, gateway.tell(kind, arguments))
        assert (report.kind, report.reason) == (ReportKind.STATEMENT_REFUSED, "policy")


async def test_the_agents_log_level_changes_and_comes_back(agent, gateway, eventually):
    await running(agent, gateway, eventually)

    async def quiet_for(milliseconds):
        until = gateway.heartbeats[-1].at + milliseconds
        told = gateway.tell("log-level", {"level": "error", "until": until})
        assert (await answer(gateway, eventually, told)).kind == ReportKind.STATEMENT_DONE

    await quiet_for(600_000)
    gateway.publish([gateway.pipeline(number=2, rate=2)])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2)
    assert "applied revision 2" not in agent.log.read_text()
    await quiet_for(1)
    for number in range(3, 30):
        gateway.publish([gateway.pipeline(number=number, rate=number)])
        await eventually(lambda number=number: gateway.told(ReportKind.APPLIED)[-1].number == number)
        if f"applied revision {number}" in agent.log.read_text():
            break
    assert f"applied revision {number}" in agent.log.read_text()


@pytest.mark.parametrize("engines", ["keep", "stop", "something new"])
async def test_leaving_removes_everything_and_stops_only_when_told(agent, gateway, eventually, engines):
    secret = {"secrets": {"pass": "canary"}, "password": "SECRET[vectorflow.pass]"}
    pid = await running(agent, gateway, eventually, **secret)
    told = gateway.tell("wipe", {"engines": engines, "drain_seconds": 2.0})
    report = await answer(gateway, eventually, told)
    assert report.kind == ReportKind.WIPED
    await eventually(lambda: "are removed" in agent.log.read_text())
    assert agent.engines() == ([] if engines == "stop" else [pid])
    left = {str(path.relative_to(agent.state)) for path in agent.state.rglob("*") if path.is_file()}
    assert left <= {"agent.lock", "leaving.json"}
    assert not [path for path in agent.runtime.rglob("*") if path.is_file()]
    # It does not enrol again by itself, also after a restart.
    agent.kill()
    agent.start()
    await eventually(lambda: "another enrolment token enrols it anew" in agent.log.read_text())
    assert gateway.enrolments == 1
    assert not (agent.state / "node.json").exists()
    if engines != "stop":
        os.kill(pid, 9)


async def test_a_wipe_that_was_cut_off_is_finished(agent, gateway, served, eventually):
    await running(agent, gateway, eventually)
    told = gateway.tell("wipe", {"engines": "stop", "drain_seconds": 1.0})
    await eventually((agent.state / "leaving.json").exists, why="the wipe began")
    agent.kill()
    agent.start()
    report = await answer(gateway, eventually, told)
    assert report.kind == ReportKind.WIPED
    await eventually(lambda: "are removed" in agent.log.read_text())
    assert agent.engines() == []
    assert not (agent.state / "identity.key").exists()
