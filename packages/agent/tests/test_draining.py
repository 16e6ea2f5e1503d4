"""Ending engines with real processes: each is told once, however often the agent dies meanwhile."""

import json
from pathlib import Path

import pytest

from vectorflow_wire.messages import ReportKind

DYING = Path(__file__).with_name("dying_agent.py")


async def running(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys, why="enrolled")
    gateway.publish([gateway.pipeline(**options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: f"applied; told {gateway.reports}")
    return agent.engines()[0]


@pytest.mark.parametrize("order", ["stop", "restart", "beside"])
@pytest.mark.parametrize("moment", ["noted", "sent"])
async def test_an_agent_that_is_killed_as_it_ends_an_engine_is_followed_by_one_that_has_it_drain(
    agent, gateway, eventually, moment, order
):
    old = await running(agent, gateway, eventually, drain=3, drain_seconds=10)
    agent.kill()
    agent.launcher = [str(DYING), moment]
    agent.start()
    folder = agent.state / "pipelines/p1/engines/1"
    state, handover = ("stop", "restart") if order == "stop" else ("run", order)
    gateway.publish([gateway.pipeline(number=2, rate=2, state=state, handover=handover, drain_seconds=10)])
    await eventually(lambda: agent.process.poll() is not None, why=agent.log.read_text)
    assert json.loads((folder / "engine.json").read_text())["ends_at"] > 0
    assert not (folder / "signalled").exists()
    agent.launcher = ["-m", "vectorflow_agent"]
    agent.start()
    await eventually(lambda: old not in agent.engines(), why=agent.log.read_text)
    assert "drained" in (folder / "engine.log").read_text()
    assert ("was never told to" in agent.log.read_text()) is (moment == "noted")


async def test_a_signal_that_was_noted_is_not_sent_again_though_the_engine_still_says_it_is_healthy(
    agent, gateway, eventually
):
    """As Vector does that is told to end while it reloads."""
    old = await running(agent, gateway, eventually, drain=3, drain_seconds=30, hides_drain=True)
    folder = agent.state / "pipelines/p1/engines/1"
    gateway.publish([gateway.pipeline(number=2, state="stop", drain_seconds=30)])
    await eventually((folder / "signalled").exists, why=agent.log.read_text)
    agent.kill()
    agent.start()
    await eventually(lambda: old not in agent.engines(), why=agent.log.read_text)
    assert "drained" in (folder / "engine.log").read_text()
