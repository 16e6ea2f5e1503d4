"""The agent as a process, against a gateway on real HTTP and engines that are real processes."""

import os
import signal
import socket
import stat
from pathlib import Path

import msgspec
import psutil
from nacl.signing import SigningKey
from packages.agent.tests.conftest import provokes
from packages.agent.tests.real_agent import files_in, opened

from vectorflow_agent.shell.disk import Layout
from vectorflow_wire import bundles, messages
from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason

HOUR = 3_600_000


async def applied(gateway, eventually, number=1, pipeline="p1"):
    return await eventually(
        lambda: [r for r in gateway.told(ReportKind.APPLIED) if (r.pipeline, r.number) == (pipeline, number)],
        why=lambda: f"revision {number} of {pipeline} applied; told {gateway.reports}",
    )


async def running(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys, why="enrolled")
    gateway.publish([gateway.pipeline(**options)])
    await applied(gateway, eventually)
    return agent.engines()[0]


async def test_enrols_runs_a_pipeline_and_tells_its_counters(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually, rate=5)

    def told():
        components = {each.id: each for each in gateway.status().components}
        counted = "in" in components and components["in"].sent_events.get("_default", 0) > 0
        return gateway.status().pid and counted and gateway.heartbeats[-1].agent.stream_connected

    await eventually(told, why=lambda: gateway.heartbeats[-1:])
    status = gateway.status()
    assert (status.state, status.number, status.pid) == (PipelineState.RUNNING, 1, pid)
    assert {component.id for component in status.components} == {"in", "out"}
    beat = gateway.heartbeats[-1]
    assert beat.engine.kind == messages.EngineKind.VECTOR
    assert beat.engine.version == "0.57.0"
    assert beat.engine.digest.startswith("sha256:")
    assert beat.host.memory_total_bytes > 0
    for private in ("node.json", "identity.key", "sealing.key"):
        assert stat.S_IMODE((agent.state / private).stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.state.stat().st_mode) == 0o700


async def test_reports_are_numbered_without_gaps(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    gateway.publish([gateway.pipeline(number=2, rate=2)])
    await applied(gateway, eventually, 2)
    assert [report.sequence for report in gateway.reports] == list(range(1, len(gateway.reports) + 1))
    assert all(report.node == gateway.node for report in gateway.reports)
    await eventually(lambda: not list(Layout(agent.state).spool.glob("*.json")), why="spool emptied")


async def test_a_killed_agent_leaves_the_engine_and_its_successor_takes_it_back(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    assert agent.engines() == [pid]
    before = len(gateway.heartbeats)
    agent.start()
    await eventually(lambda: len(gateway.heartbeats) > before + 1 and gateway.status().pid == pid)
    assert agent.engines() == [pid]
    assert gateway.enrolments == 1
    os.kill(pid, signal.SIGKILL)
    crashed = await eventually(lambda: gateway.told(ReportKind.CRASHED), why="an adopted engine is watched")
    assert "unknown" in crashed[0].message
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    assert agent.engines() != [pid]


async def test_an_engine_that_is_just_being_started_again_is_taken_back_too(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    agent.start(VECTORFLOW_SETTLE_SECONDS="30")
    await eventually(lambda: "took engine" in agent.log.read_text())
    os.kill(pid, signal.SIGKILL)
    (again,) = await eventually(lambda: [new for new in agent.engines() if new != pid])
    agent.kill()
    agent.start()
    await eventually(lambda: agent.log.read_text().count("took engine") == 2)
    count = len(gateway.heartbeats)
    await eventually(lambda: len(gateway.heartbeats) > count + 2)
    assert agent.engines() == [again]
    await eventually(lambda: gateway.status().pid == again, why=gateway.status)


async def test_told_to_end_it_leaves_engines_or_stops_them(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually, drain=0.5)
    assert agent.end() == 0
    assert agent.engines() == [pid]
    agent.start("--stop-engines")
    await eventually(lambda: "took engine" in agent.log.read_text())
    assert agent.end() == 0
    assert agent.engines() == []


async def test_engines_that_are_stopped_leave_no_opened_secrets(agent, gateway, eventually):
    agent.start("--stop-engines")
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(secrets={"pass": "canary"}, password="SECRET[vectorflow.pass]")])
    await applied(gateway, eventually)
    assert opened(agent, "pass", "canary")
    assert agent.end() == 0
    assert agent.engines() == []
    assert list(agent.runtime.rglob("*")) == []
    agent.start()
    await eventually(agent.engines)
    await eventually(lambda: opened(agent, "pass", "canary"))


async def test_boots_from_disk_without_a_gateway_with_a_secret(agent, gateway, served, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    secrets = {"pass": 'ca"nary\\secret'}
    gateway.publish([gateway.pipeline(secrets=secrets, password="SECRET[vectorflow.pass]")])
    await applied(gateway, eventually)
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)
    await served.down()
    for path in agent.runtime.rglob("pass"):
        path.unlink()
    agent.start()
    await eventually(agent.engines, why="the engine runs without any gateway")
    await eventually(lambda: opened(agent, "pass", r"ca\"nary\\secret"))
    await served.up()
    await eventually(lambda: gateway.told(ReportKind.RESTARTED), seconds=25)


async def test_secrets_and_tokens_stand_nowhere_they_could_be_read(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    canary = "canary-5f2d1c"
    options = {"secrets": {"pass": canary}, "password": "SECRET[vectorflow.pass]"}
    gateway.publish([gateway.pipeline(say="connecting with SECRET[vectorflow.pass]", **options)])
    await applied(gateway, eventually)
    pid = agent.engines()[0]
    gateway.publish(
        [
            gateway.pipeline(
                number=2, say="bad SECRET[vectorflow.pass]", start_exit=1, handover="beside", **options
            )
        ]
    )
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].engine_output == ("ERROR stand-in: bad [secret]",)
    engine, own = psutil.Process(pid), psutil.Process(agent.process.pid)
    words = [engine.cmdline(), list(engine.environ().items()), own.cmdline(), list(own.environ().items())]
    words += [agent.log.read_text(), repr(gateway.reports), repr(gateway.heartbeats)]
    state = [
        content.decode(errors="replace")
        for path, content in files_in(agent.state).items()
        if ".log" not in path.name
    ]
    assert state
    for text in (*map(str, words), *state):
        assert canary not in text
    for text in map(str, words):
        assert gateway.node_token.text[-40:] not in text
        assert gateway.enrolment.text[-40:] not in text
    passed = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "PWD", "OLDPWD", "SHLVL", "_"}
    assert set(engine.environ()) <= passed | {"VECTOR_DISABLE_ENV_VAR_INTERPOLATION"}
    for path in agent.runtime.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


UNBELIEVABLE = {
    "bundle-signature": {"key": SigningKey.generate()},
    "bundle-node": {"node": "another"},
    "bundle-organization": {"organization": "another"},
    "bundle-outdated": {"generation": 1, "issue": 0},
    "bundle-expired": {"expires_at": 1},
    "bundle-keys-outdated": {"keys_version": 9},
    "bundle-format": {"format": 9},
    "keys-refused": {"keys_envelope": b'{"payload":"","payloadType":"","signatures":[]}'},
}


@provokes(*UNBELIEVABLE)
async def test_a_bundle_that_must_not_be_believed_is_refused_and_told(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    for number, (reason, change) in enumerate(UNBELIEVABLE.items(), start=1):
        gateway.publish([gateway.pipeline(state="stop")], **change)
        refused = await eventually(lambda number=number: gateway.told(ReportKind.REFUSED)[number - 1 :])
        assert (refused[0].reason, refused[0].pipeline) == (reason, "")
        assert refused[0].message
        assert agent.engines() == [pid]
    gateway.publish([gateway.pipeline(number=2, rate=2)])
    await applied(gateway, eventually, 2)
    assert len(gateway.told(ReportKind.REFUSED)) == len(UNBELIEVABLE)


async def test_whatever_the_gateway_answers_what_runs_goes_on(agent, gateway, served, eventually):
    pid = await running(agent, gateway, eventually)
    for mode in ("403", "503", "garbage", "401", "nothing"):
        gateway.mode = mode
        if mode == "nothing":
            await served.down()
        agent.kill()
        agent.log.unlink()
        agent.start()
        await eventually(lambda: "took engine" in agent.log.read_text())
        await eventually(lambda: "what runs goes on" in agent.log.read_text())
        assert agent.engines() == [pid]
        assert "\x1b" not in agent.log.read_text()
    gateway.mode = "ok"
    await served.up()
    gateway.publish([gateway.pipeline(number=2, rate=2)])
    await applied(gateway, eventually, 2)


async def test_absence_never_means_stop_but_an_order_does(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    gateway.publish([])
    kept = await eventually(lambda: gateway.told(ReportKind.KEPT))
    assert kept[0].pipeline == "p1"
    assert agent.engines() == [pid]
    gateway.publish([gateway.pipeline(state="hold", reason="a variable is missing")])
    held = await eventually(lambda: gateway.told(ReportKind.HELD))
    assert held[0].message == "a variable is missing"
    assert agent.engines() == [pid]
    gateway.publish([gateway.pipeline(state="stop", reason="by order")])
    await eventually(lambda: gateway.told(ReportKind.STOPPED))
    assert agent.engines() == []
    agent.kill()
    agent.start()
    count = len(gateway.heartbeats)
    await eventually(lambda: len(gateway.heartbeats) > count + 2)
    assert agent.engines() == []
    assert len(gateway.told(ReportKind.STOPPED)) == 1
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2)


async def test_a_token_that_was_revoked_enrols_again_only_with_another(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    gateway.node_token = type(gateway.node_token)(
        prefix="vfn", slug="acme", id=gateway.node_token.id, secret=b"x" * 32
    )
    agent.start()
    await eventually(lambda: "not accepted" in agent.log.read_text())
    assert gateway.enrolments == 1
    agent.kill()
    gateway.enrolment = type(gateway.enrolment)(
        prefix="vfe", slug="acme", id=gateway.enrolment.id, secret=b"y" * 32
    )
    (agent.state.parent / "token").write_text(gateway.enrolment.text)
    agent.start()
    await eventually(lambda: gateway.enrolments == 2, seconds=20)
    assert agent.engines() == [pid]


async def test_another_root_key_than_the_fingerprint_says_is_not_believed(agent, gateway, eventually):
    agent.start(VECTORFLOW_ROOT_FINGERPRINT="sha256:" + "0" * 64)
    await eventually(lambda: "fingerprint" in agent.log.read_text())
    assert not (agent.state / "node.json").exists()
    assert agent.process.poll() is None


async def test_a_mistyped_token_is_told_without_quoting_it(agent, gateway, eventually):
    (agent.state.parent / "token").write_text(gateway.enrolment.text[:-1] + "_")
    agent.start()
    await eventually(lambda: "mistyped" in agent.log.read_text())
    assert gateway.enrolments == 0
    assert gateway.enrolment.text[:-1] not in agent.log.read_text()


async def test_two_agents_never_share_a_state_folder(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    first = agent.process
    agent.start()
    assert agent.process.wait(20) == 1
    assert "Another agent" in agent.log.read_text()
    agent.process = first


async def test_five_kills_in_a_row_restart_no_engine(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    for _ in range(5):
        agent.kill()
        agent.start()
        count = len(gateway.heartbeats)
        await eventually(lambda count=count: len(gateway.heartbeats) > count)
    assert agent.engines() == [pid]
    assert not gateway.told(ReportKind.RESTARTED)


async def test_a_tampered_bundle_on_disk_is_not_used_but_what_was_applied_runs(
    agent, gateway, served, eventually
):
    await running(agent, gateway, eventually)
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)
    await served.down()
    stored: Path = agent.state / "desired.json"
    answer = msgspec.json.decode(stored.read_bytes(), type=bundles.DesiredAnswer)
    stored.write_bytes(bytes(bundles.desired_answer(b'{"payload":"AAAA"}', bytes(answer.keys))))
    agent.start()
    await eventually(agent.engines)
    assert "stored bundle" in agent.log.read_text()


async def test_one_pipeline_that_drains_slowly_holds_up_nothing(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    slow = gateway.pipeline(name="slow", drain=6, drain_seconds=60)
    gateway.publish([slow, gateway.pipeline()])
    await applied(gateway, eventually, pipeline="slow")
    await applied(gateway, eventually)
    count = len(gateway.heartbeats)
    gateway.publish([msgspec.structs.replace(slow, state="stop"), gateway.pipeline(number=2, rate=2)])
    await eventually(lambda: gateway.status("slow").state == PipelineState.STOPPING, why=gateway.status)
    await applied(gateway, eventually, 2)
    assert len(gateway.heartbeats) > count
    await eventually(lambda: gateway.told(ReportKind.STOPPED))
    told = [(each.pipeline, each.kind) for each in gateway.reports[2:]]
    assert told == [("p1", ReportKind.APPLIED), ("slow", ReportKind.STOPPED)]


@provokes(ReportReason.PORT_IN_USE)
async def test_a_port_in_use_is_told_apart_and_taken_when_free(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    taken = socket.create_server(("127.0.0.1", 0))
    with taken:
        port = taken.getsockname()[1]
        gateway.publish([gateway.pipeline(), gateway.pipeline(name="p2", listen=port)])
        refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert (refused[0].pipeline, refused[0].reason) == ("p2", ReportReason.PORT_IN_USE)
    assert "already in use" in refused[0].engine_output[-1]
    await applied(gateway, eventually, pipeline="p2")
