"""Ending engines with real processes: each is told once, however often the agent dies meanwhile."""

import json
from pathlib import Path

import pytest
from packages.agent.tests.real_agent import running

DYING = Path(__file__).with_name("dying_agent.py")


@pytest.mark.parametrize("order", ["stop", "restart", "beside"])
async def test_an_agent_that_restarts_in_a_drain_lets_it_come_to_its_end(agent, gateway, eventually, order):
    old = await running(agent, gateway, eventually, drain=3, drain_seconds=30)
    log = agent.state / "pipelines/p1/engines/1/engine.log"
    record = log.with_name("engine.json")
    state, handover = ("stop", "restart") if order == "stop" else ("run", order)
    gateway.publish([gateway.pipeline(number=2, rate=2, state=state, handover=handover, drain_seconds=30)])
    await eventually(lambda: json.loads(record.read_text()).get("ends_at"), why=agent.log.read_text)
    # Told to end, it does not wait for the drain, and its successor finds the engine as it was left.
    assert agent.end() == 0
    agent.start()
    await eventually(lambda: old not in agent.engines(), why=agent.log.read_text)
    assert "drained" in log.read_text()


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
