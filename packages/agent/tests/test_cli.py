import subprocess
import sys

from vectorflow_agent.shell.secrets import memory_backed


def call(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "vectorflow_agent", *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_what_is_missing_is_told_in_a_line(tmp_path):
    done = call("run", "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "vectorflow-agent: no gateway is set: set VECTORFLOW_URL to its address\n"


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    done = call("run", "--state-dir", str(tmp_path / "file" / "x"), VECTORFLOW_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


async def test_status_and_doctor_of_a_working_agent(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told("applied"))
    status = agent.state / "status.json"
    await eventually(lambda: status.exists() and b'"running"' in status.read_bytes())
    environment = {
        "VECTORFLOW_URL": f"http://127.0.0.1:{agent._served.port}",
        "VECTOR_BIN": str(agent.program),
        "VECTORFLOW_AGENT_RUNTIME_DIR": str(agent.runtime),
        "VECTORFLOW_ENGINE_USERS": "off",
    }
    shown = await agent.called("status")
    assert "agent      running" in shown.stdout
    assert "pipeline   p1 running revision 1" in shown.stdout
    checked = await agent.called("doctor", **environment)
    assert checked.returncode == 0, checked.stdout
    assert "accepts the token" in checked.stdout
    assert "FAIL" not in checked.stdout
    agent.kill()
    assert "not running" in (await agent.called("status")).stdout


async def test_doctor_says_where_secrets_and_keys_lie_and_whom_engines_run_as(agent, gateway, tmp_path):
    done = await agent.called(
        "doctor",
        VECTORFLOW_URL="http://127.0.0.1:9",
        VECTORFLOW_AGENT_RUNTIME_DIR=str(agent.runtime),
        VECTORFLOW_KEY_PROTECTION="off",
        VECTORFLOW_ENGINE_USERS="off",
    )
    assert "whoever reads the disk reads the secrets" in done.stdout
    assert "engines run as the agent's own user" in done.stdout
    assert "in memory" in done.stdout
    on_disk = await agent.called("doctor", VECTORFLOW_AGENT_RUNTIME_DIR=str(tmp_path / "runtime"))
    if not memory_backed(tmp_path):
        assert "is on a disk" in on_disk.stdout
