"""Engines as users of their own: what a `file` source on the agent's and the neighbours' things delivers."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from packages.agent.tests.real_agent import STANDIN, RealAgent, opened

from vectorflow_agent.shell.users import Account, Users, UsersExhausted, hand_over, obstacle
from vectorflow_wire.messages import ReportKind, ReportReason

CANARY = "canary-7c1e55"
SITE = sysconfig.get_paths()["purelib"]


def _python():
    """An interpreter of this version that every user of the machine can run, or None."""
    for candidate in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        if Path(candidate).exists() and obstacle(Path(candidate).resolve()) is None:
            said = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, check=False
            ).stdout
            if said.split()[-1:] and said.split()[1].startswith(f"3.{sys.version_info[1]}."):
                return candidate
    return None


PYTHON = _python()
privileged = pytest.mark.skipif(
    os.geteuid() != 0 or PYTHON is None or obstacle(Path(SITE)) is not None,
    reason="needs root, and a Python that other users can run",
)
PROGRAMS = {
    "vector": f'#!/bin/sh\nPYTHONPATH={SITE} exec {PYTHON} -S {STANDIN} --as 0.57 "$@"\n',
    "embedded": (
        f"#!/bin/sh\nexec {PYTHON} -c \"import site; site.addsitedir('{SITE}'); "
        'from vectorflow_engine.cli import main; main()" "$@"\n'
    ),
}


@pytest.fixture(params=["vector", "embedded"])
def kind(request):
    return request.param


@pytest.fixture
def open_agent(gateway, served, kind):
    """An agent whose folders lie where other users can pass through, as on a real machine."""
    folder = Path(tempfile.mkdtemp(prefix="vectorflow-users-", dir="/tmp"))
    folder.chmod(0o711)
    made = RealAgent(folder, gateway, served)
    made.program.write_text(PROGRAMS[kind])
    made.program.chmod(0o755)
    yield made
    made.clean_up()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(made.runtime, ignore_errors=True)


def _environment(agent, kind, users):
    chosen = {"VECTORFLOW_ENGINE": kind, "VECTORFLOW_ENGINE_USERS": users}
    return chosen | ({"VECTORFLOW_ENGINE_BIN": str(agent.program)} if kind == "embedded" else {})


def _reader(include):
    return {
        "sources": {
            "in": {
                "type": "file",
                "include": [str(path) for path in include],
                "read_from": "beginning",
                "max_line_bytes": 1_000_000,
            }
        },
        "sinks": {
            "out": {"type": "console", "inputs": ["in"], "target": "stdout", "encoding": {"codec": "json"}}
        },
    }


def _owner(kind):
    """A pipeline with a secret, which in a hidden place of its configuration it needs."""
    return {
        "sources": {"in": {"type": "demo_logs", "format": "shuffle", "lines": ["x"], "interval": 60.0}},
        "sinks": {
            "out": {
                "type": "http",
                "inputs": ["in"],
                "uri": "http://127.0.0.1:9/",
                "encoding": {"codec": "json"},
                "auth": {"strategy": "bearer", "token": "SECRET[vectorflow.pass]"},
            }
        },
    }


async def _both(agent, gateway, eventually, kind, users):
    """Run a reader of everything beside a pipeline with a secret; give what the reader has delivered."""
    agent.start(**_environment(agent, kind, users))
    await eventually(lambda: gateway.agent_keys, why=agent.log.read_text)
    positive = agent.state.parent / "everybody.log"
    positive.write_text("for everybody\n")
    positive.chmod(0o644)
    gateway.publish([gateway.pipeline(name="owner", text=_owner(kind), secrets={"pass": CANARY})])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports, seconds=30)
    owner = agent.engines("owner")
    include = [
        *(path for path in agent.state.rglob("*") if path.is_file()),
        *(path for path in agent.runtime.rglob("*") if path.is_file()),
        *(path for path in (agent.state / "pipelines").resolve().rglob("*") if path.is_file()),
        f"{agent.state}/**/*",
        f"/proc/{agent.process.pid}/environ",
        f"/proc/{owner[0]}/environ",
        positive,
    ]
    gateway.publish(
        [
            gateway.pipeline(name="owner", text=_owner(kind), secrets={"pass": CANARY}),
            gateway.pipeline(name="reader", text=_reader(include)),
        ]
    )
    await eventually(
        lambda: [r for r in gateway.told(ReportKind.APPLIED) if r.pipeline == "reader"],
        why=lambda: gateway.reports,
        seconds=30,
    )
    output = (agent.state / "pipelines").resolve() / "reader/engines/1/output.log"
    return await eventually(
        lambda: output.read_text(errors="replace") if "for everybody" in output.read_text() else "",
        seconds=30,
    )


@privileged
async def test_nothing_of_the_agent_or_of_a_neighbour_is_delivered(open_agent, gateway, eventually, kind):
    delivered = await _both(open_agent, gateway, eventually, kind, "on")
    secrets = [CANARY, gateway.node_token.text, (open_agent.state / "sealing.key").read_text()]
    for secret in (*secrets, "VECTORFLOW_ENROLMENT", "token_digest", "vf_metrics", "/proc/"):
        assert secret not in delivered
    who = [psutil.Process(pid).uids().real for pid in open_agent.engines()]
    assert len(set(who)) == 2
    assert 0 not in who


@privileged
async def test_without_users_of_their_own_all_of_it_would_be(open_agent, gateway, eventually, kind):
    """The other test can fail: the same source reads it all where engines are the agent's own user."""
    await _both(open_agent, gateway, eventually, kind, "off")
    await eventually(lambda: "vf_metrics" in _delivered(open_agent), seconds=20)
    if kind == "vector":
        # The embedded engine, like Vector, waits for the end of a line, which these files do not have.
        await eventually(lambda: CANARY in _delivered(open_agent), seconds=20)
        await eventually(lambda: gateway.node_token.text in _delivered(open_agent))


def _delivered(agent):
    return (agent.state / "pipelines").resolve().joinpath("reader/engines/1/output.log").read_text()


@privileged
@pytest.mark.parametrize("kind", ["vector"])
async def test_an_engine_has_no_privilege_left_and_keeps_its_user(open_agent, gateway, eventually, kind):
    open_agent.start(**_environment(open_agent, kind, "auto"))
    await eventually(lambda: gateway.agent_keys)
    options = {"secrets": {"pass": CANARY}, "password": "SECRET[vectorflow.pass]"}
    gateway.publish([gateway.pipeline(**options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    (pid,) = open_agent.engines()
    told = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    uid = int(told["Uid"].split()[0])
    assert told["Uid"].split() == [str(uid)] * 4
    assert told["Gid"].split() == [str(uid)] * 4
    assert uid in range(60600, 61184)
    assert told["Groups"].strip() == ""
    assert told["NoNewPrivs"] == "1"
    for mask in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(told[mask], 16) == 0, mask
    assert "0" in Path(f"/proc/{pid}/limits").read_text().split("Max core file size")[1].split("\n")[0]
    _folders_are_as_said(open_agent, uid)
    os.kill(pid, 9)
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    assert [psutil.Process(pid).uids().real for pid in open_agent.engines()] == [uid]
    # A secret's new version reaches an engine of another user by reload.
    options = {"secrets": {"pass": "second"}, "password": "SECRET[vectorflow.pass]", "handover": "reload"}
    gateway.publish([gateway.pipeline(version=2, **options)])
    (path,) = await eventually(lambda: opened(open_agent, "pass", "second"))
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (0, uid, 0o640)


def _folders_are_as_said(agent, uid):
    engines = agent.state.with_name("state-engines")
    assert (agent.state / "pipelines").resolve() == engines
    assert stat.S_IMODE(agent.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(engines.stat().st_mode) == 0o711
    own = engines / "p1"
    assert (own.stat().st_uid, own.stat().st_gid, stat.S_IMODE(own.stat().st_mode)) == (0, uid, 0o750)
    assert (own / "data").stat().st_uid == uid
    assert stat.S_IMODE((own / "data").stat().st_mode) == 0o700
    for name in ("applied.json", "engines/1/engine.json", "engines/1/engine.log"):
        assert (own / name).stat().st_uid == 0
        assert stat.S_IMODE((own / name).stat().st_mode) == 0o600


@privileged
@pytest.mark.parametrize("kind", ["vector"])
async def test_engines_that_ran_as_the_agent_go_on_when_users_are_turned_on(
    open_agent, gateway, eventually, kind
):
    open_agent.start(**_environment(open_agent, kind, "off"))
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told(ReportKind.APPLIED))
    (pid,) = open_agent.engines()
    open_agent.kill()
    open_agent.start(**_environment(open_agent, kind, "on"))
    await eventually(lambda: "took engine" in open_agent.log.read_text())
    assert psutil.Process(pid).is_running()
    gateway.publish([gateway.pipeline(number=2, rate=2, handover="reload")])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports)
    assert psutil.Process(pid).uids().real == 0
    os.kill(pid, 9)
    (new,) = await eventually(lambda: [p for p in open_agent.engines() if p != pid])
    # It is still root for the moment in which it gives that up.
    await eventually(lambda: psutil.Process(new).uids().real != 0)
    assert psutil.Process(new).uids().saved != 0


@privileged
@pytest.mark.parametrize("kind", ["vector"])
async def test_a_program_that_others_cannot_reach_is_told_and_never_run_as_root(
    open_agent, gateway, eventually, kind
):
    open_agent.program.chmod(0o700)
    open_agent.start(**_environment(open_agent, kind, "auto"))
    await eventually(lambda: gateway.agent_keys)
    await eventually(lambda: "must be readable and executable for others" in open_agent.log.read_text())
    gateway.publish([gateway.pipeline()])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED), why=lambda: gateway.reports)
    assert refused[0].reason == "permission-denied"
    assert open_agent.engines() == []


def test_ids_are_given_once_and_remembered(tmp_path):
    users = Users(tmp_path / "users.json", range(60600, 60602))
    first, second = users.account("a"), users.account("b")
    assert (first.uid, second.uid) == (60600, 60601)
    with pytest.raises(UsersExhausted, match="VECTORFLOW_ENGINE_UIDS"):
        users.account("c")
    again = Users(tmp_path / "users.json", range(60600, 60700))
    assert again.account("b") == second
    assert again.account("c").uid == 60602


def test_another_range_is_for_new_pipelines_and_takes_no_id_from_those_that_have_one(tmp_path):
    given = Users(tmp_path / "users.json", range(60600, 60601)).account("a").uid
    users = Users(tmp_path / "users.json", range(66000, 100000))
    assert (users.account("a").uid, users.account("b").uid) == (given, 66000)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_ids_are_found_again_by_whom_the_data_belongs_to(tmp_path):
    (tmp_path / "users.json").write_bytes(b"{")
    for name, uid in (("a", 60601), ("b", 60600), ("root", 0)):
        (tmp_path / "engines" / name / "data").mkdir(parents=True)
        os.chown(tmp_path / "engines" / name / "data", uid, uid)
    users = Users(tmp_path / "users.json", range(60600, 60700), tmp_path / "engines")
    given = {name: users.account(name).uid for name in ("c", "b", "a", "root")}
    assert given == {"c": 60602, "b": 60600, "a": 60601, "root": 60603}


def test_an_id_that_the_system_knows_is_left_out(tmp_path):
    given = Users(tmp_path / "users.json", range(500)).account("a").uid
    assert given not in {entry.pw_uid for entry in pwd.getpwall()}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_handing_over_follows_no_link(tmp_path):
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "inner").mkdir(parents=True)
    outside.write_text("not the engine's")
    (data / "inner/link").symlink_to(outside)
    (data / "inner/file").write_text("x")
    hand_over(data, Account(60600, 60600))
    assert outside.stat().st_uid == 0
    assert (data / "inner/file").stat().st_uid == 60600
    assert (data / "inner/link").lstat().st_uid == 60600


def test_the_folder_in_the_way_is_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    found = obstacle(closed / "inner")
    assert found is not None
    assert closed.resolve().is_relative_to(found)


def test_ids_asked_for_at_one_moment_are_all_different(tmp_path):
    users = Users(tmp_path / "users.json", range(60600, 60700))
    names = [f"p{number}" for number in range(24)]
    with ThreadPoolExecutor(len(names)) as pool:
        given = dict(zip(names, pool.map(users.account, names), strict=True))
    assert len(set(given.values())) == len(names)
    again = Users(tmp_path / "users.json", range(60600, 60700))
    assert {name: again.account(name) for name in names} == given


@privileged
@pytest.mark.parametrize("kind", ["vector"])
async def test_without_an_id_left_only_that_pipeline_is_refused(open_agent, gateway, eventually, kind):
    environment = {**_environment(open_agent, kind, "on"), "VECTORFLOW_ENGINE_UIDS": "60600-60600"}
    open_agent.start(**environment)
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(name="first")])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    gateway.publish([gateway.pipeline(name="first", number=2, rate=2), gateway.pipeline(name="second")])
    (refused,) = await eventually(lambda: gateway.told(ReportKind.REFUSED), seconds=20)
    assert (refused.pipeline, refused.reason) == ("second", ReportReason.PERMISSION_DENIED)
    assert "VECTORFLOW_ENGINE_UIDS" in refused.message
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports)
    assert open_agent.engines("second") == []


@privileged
@pytest.mark.parametrize("kind", ["vector"])
async def test_ids_of_engines_that_go_on_after_leaving_stay_theirs(open_agent, gateway, eventually, kind):
    open_agent.start(**_environment(open_agent, kind, "on"))
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    gateway.tell("wipe", {"engines": "keep"})
    await eventually(lambda: "are removed" in open_agent.log.read_text())
    (pid,) = open_agent.engines()
    users = Users(open_agent.state / "users.json", range(60600, 61184))
    assert users.account("another").uid != psutil.Process(pid).uids().real
