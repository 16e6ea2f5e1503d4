"""Observing finds every way in which a Vector is told what to do, and changes nothing."""

import json
import subprocess
import sys

import msgspec
import pytest
import yaml
from packages.agent.tests.adopting import UNIT, Machine

from vectorflow_agent.adopt import configuration, units
from vectorflow_agent.adopt.journal import JournalDamaged, file_of, journals
from vectorflow_wire.found import FOUND_PATH, FoundVectors


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    yield made
    made.clean_up()


async def observed(agent, machine):
    done = await agent.called("adopt", "observe", "--format", "json", **machine.environment)
    assert done.returncode == 0, done.stderr
    own = str(machine.root)
    return {each["id"]: each for each in json.loads(done.stdout) if own in json.dumps(each)}


async def test_a_running_unit_is_found_and_nothing_is_changed(machine, agent):
    document = machine.document()
    document["api"] = {"enabled": True, "address": "127.0.0.1:18686"}
    machine.configure(
        document, service=f"EnvironmentFile={machine.root}/vector.env\nEnvironment=A=1 'B=two words'"
    )
    (machine.root / "vector.env").write_text('# a remark\nTOKEN="canary value"\n')
    drop_in = machine.units / f"{UNIT}.d/10-more.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nEnvironment=C=3\n")
    machine.call("start", UNIT)
    before = machine.tree(), machine.processes()
    found = (await observed(agent, machine))[UNIT]
    text = (await agent.called("adopt", "observe", **machine.environment)).stdout
    assert (machine.tree(), machine.processes()) == before
    assert not agent.state.exists()
    assert found["pid"] == machine.pid()
    assert found["unit"]["enabled"] == "enabled"
    assert found["unit"]["files"] == [str(machine.units / UNIT), str(drop_in)]
    assert found["environment"] == ["A", "B", "C", "TOKEN"]
    assert found["data_dir"] == str(machine.data)
    assert found["addresses"] == {"api": "127.0.0.1:18686"}
    assert found["components"] == {"sources": {"in": "file"}, "sinks": {"out": "file"}}
    assert "canary value" not in json.dumps(found) + text
    assert f"take-over --unit {UNIT}" in text
    calls = (machine.root / "run/fake/calls").read_text().splitlines()
    assert [each for each in calls if each.split()[0] != "show"] == [f"start {UNIT}"]


async def test_a_broken_configuration_is_told_and_blocks(machine, agent, gateway, eventually):
    machine.configure()
    machine.config.write_text("sources: [what: is, this\npassword: canary")
    found = (await observed(agent, machine))[UNIT]
    blocking = [each for each in found["remarks"] if each.get("blocks")]
    assert "not valid YAML at line" in blocking[0]["message"]
    assert "canary" not in json.dumps(found)
    agent.start(**machine.environment)
    await eventually(lambda: gateway.agent_keys)
    done = await agent.called("adopt", "take-over", "--unit", UNIT, "--pipeline", "p1", **machine.environment)
    assert done.returncode == 1
    assert "cannot be taken over" in done.stderr
    assert not list((agent.state / "adopted").glob("*")) if (agent.state / "adopted").exists() else True


async def test_a_directory_named_by_a_variable_of_a_process(machine, agent):
    machine.configure()
    (machine.units / UNIT).unlink()
    folder = machine.root / "conf"
    (folder / "sources").mkdir(parents=True)
    (folder / "sources/tail.yaml").write_text(f"type: file\ninclude: ['{machine.source}']\n")
    (folder / "main.json").write_text(
        json.dumps(
            {"data_dir": str(machine.data), "sinks": {"out": {"type": "blackhole", "inputs": ["tail"]}}}
        )
    )
    (folder / ".hidden.yaml").write_text("{")
    (folder / "notes.txt").write_text("{")
    # A process with this name and environment: what it does is no matter to who only looks.
    machine.program.write_text(f"#!{sys.executable}\nimport time\n\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, machine.program],
        env={"VECTOR_CONFIG_DIR": str(folder), "PATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = (await observed(agent, machine))[f"pid-{process.pid}"]
    finally:
        process.kill()
        process.wait()
    assert found["directory"] == str(folder)
    assert found["components"] == {"sources": {"tail": "file"}, "sinks": {"out": "blackhole"}}
    assert [each["path"] for each in found["files"]] == [
        str(folder / "main.json"),
        str(folder / "sources/tail.yaml"),
    ]


async def test_the_agents_own_engines_are_not_found(machine, agent, gateway, eventually):
    agent.program = machine.program
    agent.start(VECTOR_BIN=str(machine.program))
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(text=machine.document())])
    await eventually(machine.processes, seconds=30, why="an engine")
    done = await agent.called("adopt", "observe", **machine.environment)
    assert str(machine.program) not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "files", "directories"),
    [
        ([], {}, ("/etc/vector/vector.yaml",), ()),
        (["-c", "a.yaml", "--config", "b.toml,c.json"], {}, ("a.yaml", "b.toml", "c.json"), ()),
        (["--config=a", "-cb", "--config-toml", "d"], {}, ("a", "b", "d"), ()),
        (["-C", "conf.d"], {"VECTOR_CONFIG": "a"}, ("a",), ("conf.d",)),
        ([], {"VECTOR_CONFIG": "a,b"}, ("a", "b"), ()),
        (["-c", "mine"], {"VECTOR_CONFIG": "a"}, ("mine",), ()),
    ],
)
def test_what_flags_and_variables_name(arguments, environment, files, directories):
    told = configuration.told(arguments, environment)
    assert (told.files, told.directories) == (files, directories)


def test_units_as_systemd_reads_them(tmp_path):
    folder = tmp_path / "lib/systemd/system"
    folder.mkdir(parents=True)
    (folder / "vector.service").write_text(
        "[Service]\n; a remark\nUser=vector\nExecStart=/usr/bin/vector -c /old\n"
        "EnvironmentFile=-/etc/default/vector\nEnvironmentFile=/etc/missing\n"
    )
    (folder / "vector.service.d").mkdir()
    (folder / "vector.service.d/z.conf").write_text(
        "[Service]\nExecStart=\nExecStart=-/usr/bin/vector \\\n  -c ${CONF} $MORE\nEnvironment=CONF=/new 'MORE=-q -v'\n"
    )
    (folder / "other.service").write_text("[Service]\nExecStart=/usr/bin/other vector\n")
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    found = list(units.units(tmp_path))
    assert [each.name for each in found] == ["vector.service"]
    variables, files, missing = units.environment(found[0], tmp_path)
    assert units.command(found[0], variables) == ["/usr/bin/vector", "-c", "/new", "-q", "-v"]
    assert (files, missing) == ([], ["/etc/missing"])
    # One of the same name in /etc counts instead, and one that leads to /dev/null is masked.
    (tmp_path / "etc/systemd/system/vector.service").symlink_to("/dev/null")
    assert list(units.units(tmp_path)) == []


def test_journals_have_safe_names_and_damage_is_told(tmp_path):
    for name in ("../x", "a/b", ".hidden", ""):
        with pytest.raises(ValueError, match="not the name of a unit"):
            file_of(tmp_path, name)
    (tmp_path / "adopted").mkdir()
    (tmp_path / "adopted/vector.service.json").write_text("{")
    with pytest.raises(JournalDamaged, match="cannot be read"):
        list(journals(tmp_path))


async def test_what_is_sent_holds_no_secret_and_imports_as_it_was(machine, agent, gateway, eventually):
    document = machine.document()
    document["sinks"]["out"] = {
        "type": "http",
        "inputs": ["in"],
        "uri": "https://user:urlcanary@example.com",
        "auth": {"strategy": "basic", "user": "me", "password": "pwcanary"},
        "request": {"headers": {"X-Key": "headercanary"}},
        "encoding": {"codec": "json"},
        "note": "costs $5",
    }
    machine.configure(document, service="Environment=API_TOKEN=envcanary")
    agent.start(**machine.environment)
    await eventually(lambda: gateway.agent_keys)
    told = {}
    answered = gateway.answered

    def noting(path, headers, body):
        if path == FOUND_PATH:
            told["body"] = body
            return 200, b"{}", []
        return answered(path, headers, body)

    gateway.answered = noting
    environment = machine.environment | {"VECTORFLOW_URL": f"http://127.0.0.1:{agent._served.port}"}
    done = await agent.called("adopt", "observe", "--send", **environment)
    assert done.returncode == 0, done.stderr
    plain = msgspec.json.decode(told["body"], type=FoundVectors)
    one = next(each for each in plain.vectors if each.id == UNIT)
    assert [each.text for each in one.files] == [""]
    done = await agent.called("adopt", "observe", "--send", "--with-configuration", **environment)
    assert done.returncode == 0, done.stderr
    body = told["body"].decode()
    for canary in ("urlcanary", "pwcanary", "headercanary", "envcanary"):
        assert canary not in body
    full = msgspec.json.decode(told["body"], type=FoundVectors)
    one = next(each for each in full.vectors if each.id == UNIT)
    sent = yaml.safe_load(one.files[0].text)
    assert "data_dir" not in sent
    assert sent["sinks"]["out"]["auth"] == {
        "strategy": "basic",
        "user": "${OUT_USER}",
        "password": "${OUT_PASSWORD}",
    }
    assert one.interpolates
