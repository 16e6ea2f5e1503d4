"""`doctor/unmanaged.py`: the doctor names Vectors that could be taken over, and those that are."""

import json

import pytest
from packages.agent.tests.adopting import EMBEDDED, UNIT, Machine, journal


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    yield made
    made.clean_up()


async def said(agent, machine):
    done = await agent.called("doctor", "--format", "json", **machine.environment)
    told = json.loads(done.stdout)
    assert "doctor.failed" not in {each["id"] for each in told["findings"]}, told
    # Other tests have Vectors on this machine too.
    findings = [(each["id"], each["detail"]) for each in told["findings"] if each["detail"].startswith(UNIT)]
    return findings, [each["text"] for each in told["facts"] if each["topic"] == "adopted"]


async def test_a_vector_that_runs_is_named_with_the_command_until_it_is_taken(
    machine, agent, gateway, eventually
):
    machine.configure()
    machine.call("start", UNIT)
    agent.start(**EMBEDDED, **machine.environment)
    await eventually(lambda: gateway.agent_keys)
    before = machine.tree()
    ((kind, detail),), adopted = await said(agent, machine)
    assert kind == "vector.unmanaged"
    assert detail == (
        f"{UNIT} runs as process {machine.pid()}: "
        f"vectorflow-agent adopt take-over --unit {UNIT} --pipeline NAME"
    )
    assert adopted == []
    assert machine.tree() == before
    asked = await agent.called(
        "adopt", "take-over", "--unit", UNIT, "--pipeline", "p1", "--wait", "1", **machine.environment
    )
    assert journal(agent)["step"] == "waiting", asked.stderr
    findings, adopted = await said(agent, machine)
    assert findings == []
    assert adopted == [f"{UNIT} by the pipeline p1: waiting"]


async def test_what_blocks_a_take_over_is_told(machine, agent):
    machine.configure()
    machine.config.write_text("sources: [what: is, this\npassword: canary")
    findings, _ = await said(agent, machine)
    assert [kind for kind, _ in findings] == ["vector.unmanaged", "vector.blocked"]
    assert "does not run now" in findings[0][1]
    assert "not valid YAML at line" in findings[1][1]
    assert "canary" not in str(findings)


async def test_a_journal_that_cannot_be_read_is_told(machine, agent):
    (agent.state / "adopted").mkdir(parents=True, mode=0o700)
    (agent.state / "adopted" / f"{UNIT}.json").write_text("{ rubbish")
    done = await agent.called("doctor", "--format", "json", **machine.environment)
    assert "adopt.damaged" in {each["id"] for each in json.loads(done.stdout)["findings"]}
