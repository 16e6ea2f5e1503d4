"""Hand-over with real processes: the old revision runs unless the new one was found healthy."""

import asyncio
import os
import signal

import pytest
from packages.agent.tests.conftest import provokes
from packages.agent.tests.real_agent import running, second

from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason


async def into_a_slow_handover(agent, gateway, eventually, handover, *, settle=3):
    """Order the second revision from an agent that looks on for `settle` seconds before it calls one healthy."""
    agent.kill()
    agent.start(VECTORFLOW_SETTLE_SECONDS=str(settle))
    await eventually(lambda: "took engine" in agent.log.read_text())
    gateway.publish([gateway.pipeline(number=2, rate=2, handover=handover)])


async def test_beside_starts_the_new_before_the_old_ends(agent, gateway, eventually):
    old = await running(agent, gateway, eventually, drain=1)
    gateway.publish([gateway.pipeline(number=2, rate=2, handover="beside")])
    both = await eventually(lambda: len(agent.engines()) == 2 and agent.engines())
    assert old in both
    await eventually(
        lambda: [report for report in gateway.told(ReportKind.APPLIED) if report.number == 2],
        why=lambda: gateway.reports,
    )
    await eventually(lambda: len(agent.engines()) == 1)
    assert agent.engines() != [old]


async def test_reload_keeps_the_process(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.APPLIED, rate=2, handover="reload")
    assert agent.engines() == [pid]
    await eventually(lambda: gateway.status().number == 2)
    agent.kill()
    agent.start()
    await eventually(lambda: "took engine" in agent.log.read_text())
    assert agent.engines() == [pid]


async def test_restart_ends_the_old_first(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.APPLIED, rate=2)
    assert len(agent.engines()) == 1
    assert agent.engines() != [old]


async def test_a_handover_computed_against_something_else_is_a_restart(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    options = {"rate": 2, "handover": "reload", "handover_from": "0" * 64}
    await second(gateway, eventually, ReportKind.APPLIED, **options)
    assert agent.engines() != [pid]


@provokes(ReportReason.CONFIG_INVALID)
@pytest.mark.parametrize("handover", ["beside", "reload", "restart"])
async def test_what_the_engine_refuses_never_touches_what_runs(agent, gateway, eventually, handover):
    pid = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, invalid=True, handover=handover)
    assert refused[0].reason == ReportReason.CONFIG_INVALID
    assert "unknown option `invalid`" in refused[0].engine_output[-1]
    assert agent.engines() == [pid]
    await eventually(lambda: gateway.status().message)
    await eventually(lambda: (gateway.status().state, gateway.status().number) == (PipelineState.RUNNING, 1))


@pytest.mark.parametrize(
    ("handover", "fault"),
    [
        pytest.param("beside", {"unhealthy": True}, marks=provokes(ReportReason.NOT_HEALTHY)),
        ("beside", {"die_after": 0.1}),
        ("restart", {"start_exit": 1}),
        ("restart", {"die_after": 0.1}),
    ],
)
async def test_a_new_revision_that_does_not_stay_up_is_taken_back(
    agent, gateway, eventually, handover, fault
):
    old = await running(agent, gateway, eventually)
    agent.kill()
    agent.start(VECTORFLOW_START_TIMEOUT_SECONDS="1")
    refused = await second(gateway, eventually, ReportKind.REFUSED, handover=handover, **fault)
    assert refused[0].reason in {ReportReason.EXITED, ReportReason.NOT_HEALTHY}
    if handover == "restart":
        await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    await eventually(lambda: gateway.status().number == 1 and len(agent.engines()) == 1)
    assert (agent.engines() == [old]) is (handover == "beside")


@provokes(ReportReason.RELOAD_REFUSED)
async def test_a_reload_that_the_engine_refuses_leaves_the_old_configuration(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, bad_reload=True, handover="reload")
    assert refused[0].reason == ReportReason.RELOAD_REFUSED
    assert "reload refused" in refused[0].engine_output[-1]
    assert agent.engines() == [pid]
    assert "bad_reload" not in (agent.state / "pipelines/p1/engines/1/pipeline.yaml").read_text()


async def test_an_engine_whose_figures_cannot_be_read_is_not_told_to_reload(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    agent.start(VECTORFLOW_START_TIMEOUT_SECONDS="3")
    await eventually(lambda: "took engine" in agent.log.read_text())
    os.kill(pid, signal.SIGSTOP)
    refused = await second(gateway, eventually, ReportKind.REFUSED, rate=2, handover="reload")
    os.kill(pid, signal.SIGCONT)
    assert (refused[0].reason, "was not told to reload" in refused[0].message) == ("not-healthy", True)
    assert "rate: 2" not in (agent.state / "pipelines/p1/engines/1/pipeline.yaml").read_text()
    assert agent.engines() == [pid]


async def test_an_engine_that_dies_in_a_reload_comes_back_as_it_was(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.REFUSED, die_after=0, handover="reload")
    await eventually(lambda: gateway.told(ReportKind.RESTARTED), why=lambda: gateway.reports)
    (again,) = agent.engines()
    assert again != pid
    await eventually(lambda: gateway.status().pid == again, why=gateway.status)
    assert (gateway.status().state, gateway.status().number) == (PipelineState.RUNNING, 1)


async def test_an_engine_that_is_killed_while_it_reloads_comes_back_with_the_new_revision(
    agent, gateway, eventually
):
    pid = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, "reload")
    placed = agent.state / "pipelines/p1/engines/1/pipeline.yaml"
    await eventually(lambda: '"rate": 2' in placed.read_text(), why=placed.read_text)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: gateway.told(ReportKind.APPLIED)[1:], why=lambda: gateway.reports)
    assert [report.number for report in gateway.told(ReportKind.APPLIED)] == [1, 2]
    assert gateway.told(ReportKind.REFUSED) == []
    assert [report.number for report in gateway.told(ReportKind.CRASHED)] == [1]
    assert pid not in agent.engines()


async def test_a_reload_that_was_cut_off_is_taken_back_when_the_order_is(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, "reload")
    placed = agent.state / "pipelines/p1/engines/1/pipeline.yaml"
    await eventually(lambda: '"rate": 2' in placed.read_text(), why=placed.read_text)
    agent.kill()
    gateway.publish([gateway.pipeline(attempt=1)])
    agent.start(VECTORFLOW_SETTLE_SECONDS="0.2")
    await eventually(lambda: '"rate": 2' not in placed.read_text(), why=agent.log.read_text)
    await eventually(lambda: gateway.status() and gateway.status().state == PipelineState.RUNNING)
    assert (gateway.status().number, agent.engines()) == (1, [pid])
    assert gateway.told(ReportKind.CRASHED) == gateway.told(ReportKind.REFUSED) == []


async def test_a_start_that_was_cut_off_goes_on_where_nothing_else_runs(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, "restart", settle=5)
    begun = await eventually(lambda: [pid for pid in agent.engines() if pid != old] or None)
    agent.kill()
    assert gateway.told(ReportKind.APPLIED)[1:] == []
    agent.start(VECTORFLOW_SETTLE_SECONDS="0.2")
    await eventually(lambda: gateway.told(ReportKind.APPLIED)[1:], why=agent.log.read_text)
    assert "goes on starting engine" in agent.log.read_text()
    assert agent.engines() == begun


@pytest.mark.parametrize("handover", ["beside", "restart"])
async def test_a_new_engine_that_is_killed_while_it_starts_is_started_once_more(
    agent, gateway, eventually, handover
):
    old = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, handover)
    first = await eventually(lambda: set(agent.engines()) - {old})
    os.kill(first.pop(), signal.SIGKILL)
    await eventually(lambda: gateway.told(ReportKind.APPLIED)[1:], why=lambda: gateway.reports)
    assert gateway.told(ReportKind.REFUSED) == []


async def test_a_refused_revision_is_tried_again_only_when_asked(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.REFUSED, invalid=True)
    for attempt, count in ((0, 1), (1, 2)):
        gateway.publish([gateway.pipeline(number=2, invalid=True, attempt=attempt)])
        await eventually(lambda: gateway.heartbeats[-1].generation == gateway.generation)
        await eventually(lambda count=count: len(gateway.told(ReportKind.REFUSED)) >= count)
        await asyncio.sleep(1)
        assert len(gateway.told(ReportKind.REFUSED)) == count


@provokes(ReportReason.EXITED)
async def test_unexpected_exit_0_is_a_crash(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually, die_after=1.5, die_code=0)
    crashed = await eventually(lambda: gateway.told(ReportKind.CRASHED))
    assert crashed[0].message == "the engine ended by itself with exit code 0"
    assert crashed[0].engine_output[-1] == "ERROR stand-in: dying"
    assert "an event with personal data" not in str(gateway.reports)
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    assert agent.engines() != [pid]
    await eventually(lambda: gateway.status().restarts == 1)


@provokes(ReportReason.KILLED)
async def test_a_killed_engine_is_started_again_and_counters_go_on(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually, rate=100)
    before = await eventually(lambda: gateway.status().components)
    since = gateway.status().counters_since
    os.kill(pid, signal.SIGKILL)
    crashed = await eventually(lambda: gateway.told(ReportKind.CRASHED))
    assert (crashed[0].reason, crashed[0].message) == ("killed", "the engine was killed by SIGKILL")
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    status = await eventually(lambda: gateway.status().restarts and gateway.status(), why=gateway.status)
    after = {each.id: each.received_events for each in status.components}
    assert all(after[each.id] >= each.received_events for each in before)
    assert status.counters_since == since


async def test_a_handover_cut_off_by_a_kill_is_done_again(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    gateway.publish([gateway.pipeline(number=2, rate=2, handover="beside", unhealthy=False)])
    await eventually(lambda: len(agent.engines()) == 2)
    agent.kill()
    agent.start()
    await eventually(lambda: [r for r in gateway.told(ReportKind.APPLIED) if r.number == 2])
    await eventually(lambda: len(agent.engines()) == 1)
    assert agent.engines() != [old]
