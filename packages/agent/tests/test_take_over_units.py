"""Taking over Vectors that are started in other ways: from a directory of configuration, as another user."""

import asyncio
import os
import pwd
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest
import yaml
from packages.agent.tests.adopting import EMBEDDED, UNIT, Machine, journal
from packages.agent.tests.real_agent import RealAgent
from packages.agent.tests.test_users import PROGRAMS, PYTHON, SITE, privileged

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    yield made
    made.clean_up()


async def taken(agent, machine, gateway, eventually):
    words = ("adopt", "take-over", "--unit", UNIT, "--pipeline", "p1")
    asked = asyncio.create_task(agent.called(*words, **machine.environment))
    await eventually(lambda: journal(agent)["step"] == "waiting" or asked.done(), why=agent.log.read_text)
    gateway.publish([gateway.pipeline(text=machine.document())])
    done = await asked
    assert done.returncode == 0, done.stdout + done.stderr + agent.log.read_text()[-3000:]


async def arrive(machine, eventually, count):
    wanted = {f"line {number}" for number in range(count)}
    await eventually(
        lambda: set(machine.lines()) == wanted, seconds=60, why=lambda: wanted ^ set(machine.lines())
    )


async def test_a_directory_of_configuration(machine, agent, gateway, eventually):
    parts = machine.document()
    machine.configure(exec_start=f"{machine.program} --config-dir {machine.config.parent}")
    machine.config.write_text(yaml.safe_dump({"data_dir": str(machine.data), "sources": parts["sources"]}))
    (machine.config.parent / "sinks.yaml").write_text(yaml.safe_dump({"sinks": parts["sinks"]}))
    machine.call("start", UNIT)
    agent.start(**EMBEDDED, **machine.environment)
    await eventually(lambda: gateway.agent_keys)
    machine.write(0, 50)
    await arrive(machine, eventually, 50)
    before = machine.tree()
    await taken(agent, machine, gateway, eventually)
    machine.write(50, 50)
    await arrive(machine, eventually, 100)
    assert machine.processes() == []
    back = await agent.called("adopt", "hand-back", "--unit", UNIT, **machine.environment)
    assert back.returncode == 0, back.stdout + back.stderr
    machine.write(100, 50)
    await arrive(machine, eventually, 150)
    ((_, words),) = machine.processes()
    assert words[-2:] == ("--config-dir", str(machine.config.parent))
    after = {name: was for name, was in machine.tree().items() if not name.endswith(".vectorflow-present")}
    assert after == before


@pytest.fixture
def place():
    """A folder that every user can pass through, as on a real machine."""
    folder = Path(tempfile.mkdtemp(prefix="vectorflow-adopt-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _given_to_nobody(machine):
    program = f"import site; site.addsitedir({SITE!r}); from vectorflow_engine.cli import main; main()"
    machine.program.write_text(f"#!{PYTHON}\n{program}\n")
    for path in (machine.root, *machine.root.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path == machine.program else 0o644)
    machine.systemctl.chmod(0o755)
    for path in (machine.root, machine.data):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


@privileged
async def test_a_unit_with_a_user_goes_on_as_that_user_and_comes_back_as_it(
    place, gateway, served, eventually
):
    machine = Machine(place)
    agent = RealAgent(place, gateway, served)
    agent.program.write_text(PROGRAMS["embedded"])
    agent.program.chmod(0o755)
    try:
        machine.configure(service="User=nobody")
        _given_to_nobody(machine)
        machine.call("start", UNIT)
        agent.start(
            VECTORFLOW_ENGINE="embedded",
            VECTORFLOW_ENGINE_USERS="auto",
            VECTORFLOW_ENGINE_BIN=str(agent.program),
            **machine.environment,
        )
        await eventually(lambda: gateway.agent_keys)
        machine.write(0, 50)
        await arrive(machine, eventually, 50)
        assert machine.out.stat().st_uid == NOBODY.pw_uid
        await taken(agent, machine, gateway, eventually)
        (pid,) = agent.engines()
        assert set(psutil.Process(pid).uids()) == {NOBODY.pw_uid}
        machine.write(50, 50)
        await arrive(machine, eventually, 100)
        back = await agent.called("adopt", "hand-back", "--unit", UNIT, **machine.environment)
        assert back.returncode == 0, back.stdout + back.stderr
        ((pid, _),) = machine.processes()
        assert set(psutil.Process(pid).uids()) == {NOBODY.pw_uid}
        machine.write(100, 50)
        await arrive(machine, eventually, 150)
        assert {path.stat().st_uid for path in machine.data.rglob("*")} == {NOBODY.pw_uid}
    finally:
        agent.clean_up()
        machine.clean_up()
        shutil.rmtree(agent.runtime, ignore_errors=True)
