"""An agent whose own files are damaged or cannot be read: what runs goes on, and one pipeline holds up no other."""

import pytest
from packages.agent.tests.real_agent import running

from vectorflow_wire.messages import ReportKind


async def test_a_pipeline_that_cannot_be_read_holds_up_no_other_and_then_does_what_was_said_last(
    agent, gateway, eventually
):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    unreadable = agent.state / "pipelines/p1/applied.json"
    unreadable.mkdir(parents=True)
    gateway.publish([gateway.pipeline(state="stop"), gateway.pipeline(name="p2")])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    for number in range(2, 72):
        gateway.publish([gateway.pipeline(number=number), gateway.pipeline(name="p2", number=number)])
        await eventually(
            lambda number=number: gateway.told(ReportKind.APPLIED)[-1].number == number, seconds=20
        )
    unreadable.rmdir()
    await eventually(
        lambda: gateway.told(ReportKind.APPLIED)[-1].pipeline == "p1", why=lambda: gateway.reports
    )
    assert not gateway.told(ReportKind.STOPPED)


@pytest.mark.parametrize("why", ["held", "refused"])
@pytest.mark.parametrize("applied", ["{", None], ids=["damaged", "gone"])
async def test_an_engine_goes_on_though_what_is_applied_cannot_be_read(
    agent, gateway, eventually, why, applied
):
    pid = await running(agent, gateway, eventually)
    wish = {"state": "hold"} if why == "held" else {"number": 2, "invalid": True}
    gateway.publish([gateway.pipeline(**wish)])
    await eventually(lambda: gateway.told(why), why=lambda: gateway.reports)
    agent.kill()
    record = agent.state / "pipelines/p1/applied.json"
    record.unlink() if applied is None else record.write_text(applied)
    beats = len(gateway.heartbeats)
    agent.start()
    await eventually(
        lambda: len(gateway.heartbeats) > beats and gateway.status().number, why=agent.log.read_text
    )
    assert (agent.engines(), gateway.status().pid, gateway.status().number) == ([pid], pid, 1)


@pytest.mark.parametrize("name", ["engine.json", "users.json", "leaving.json"])
async def test_a_damaged_file_of_the_agent_is_set_aside_and_what_runs_goes_on(
    agent, gateway, eventually, name
):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    (agent.state / name).write_bytes(b'{"\xff')
    agent.start(VECTORFLOW_ENGINE_USERS="auto")
    await eventually(lambda: f"took engine {pid} back" in agent.log.read_text(), why=agent.log.read_text)
    assert agent.engines() == [pid]
    assert (agent.state / f"{name}.damaged").exists()
    assert f"{name} is damaged" in agent.log.read_text()
