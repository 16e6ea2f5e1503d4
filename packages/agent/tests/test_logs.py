"""Log lines of a real agent and a stand-in engine: what goes to the control plane, what never does, and how often."""
# shell/logs.py, shell/logtail.py

import os
import signal

import msgspec
import pytest

from vectorflow_agent.shell.disk import PipelineLayout, write_atomic
from vectorflow_agent.shell.instances import Instance
from vectorflow_agent.shell.logtail import Tail
from vectorflow_agent.shell.tidying import scrub
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.logs import LINE_BYTES
from vectorflow_wire.messages import ReportKind
from vectorflow_wire.sealing import SealedSecret


@pytest.fixture
def version(request):
    return getattr(request, "param", "0.57")


async def running(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(**options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    await eventually(lambda: gateway.heartbeats)
    return agent.state / "pipelines/p1/engines/1/engine.log"


def write(log, *lines):
    with log.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def texts(gateway, pipeline="p1"):
    return [line.text for line in gateway.lines if line.pipeline == pipeline]


@pytest.mark.parametrize("version", ["0.54", "0.55", "0.57"], indirect=True)
async def test_what_an_engine_says_arrives_without_secrets_and_its_events_stay(agent, gateway, eventually):
    say = "password SECRET[vectorflow.pass] was refused"
    await running(agent, gateway, eventually, say=say, secrets={"pass": "hunter2-and-more"})
    await eventually(lambda: texts(gateway), why=agent.log.read_text)
    (line,) = [line for line in gateway.lines if line.pipeline == "p1"]
    assert (line.level, line.text, line.sequence) == ("error", "stand-in: password [secret] was refused", 1)
    everything = str(gateway.lines)
    # An info line, and what a console sink printed.
    assert "has started" not in everything
    assert "personal data" not in everything


@pytest.mark.parametrize("known", [False, True])
def test_no_line_is_sent_of_an_engine_whose_secrets_were_removed_before_they_were_known(tmp_path, known):
    layout, runtime = PipelineLayout(tmp_path / "p1"), tmp_path / "runtime"
    sealed = SealedSecret(name="pass", version=1, key="k", sealed="c2VhbGVk")
    spec = BundlePipeline(id="p1", name="p1", state="run", secrets=(sealed,))
    folder = layout.instance(1)
    record = Instance(instance=1, spec=spec, api_port=1, metrics_port=2)
    write_atomic(folder / "engine.json", msgspec.json.encode(record))
    tail = Tail(folder, "p1", 0)

    def said():
        return [line.text for line in tail.read(lambda spec: ["hunter2"] if spec.secrets else [])]

    log = folder / "engine.log"
    if known:
        write(log, b"ERROR x: begins with hunter2")
        assert said() == ["x: begins with [secret]"]
    scrub(layout, runtime, set())
    write(log, b"ERROR x: ends with hunter2")
    assert said() == (["x: ends with [secret]"] if known else [])
    assert tail.unclean == (0 if known else 1)


async def test_the_last_words_of_an_engine_arrive_after_a_reboot(agent, gateway, eventually):
    log = await running(agent, gateway, eventually, secrets={"pass": "hunter2-and-more"})
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)
    write(log, b"ERROR x: ends with hunter2-and-more")
    agent.start()
    await eventually(lambda: "x: ends with [secret]" in texts(gateway), seconds=20, why=agent.log.read_text)
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    # However late they are read: what they must not hold is known as long as the record is there.
    assert b'"sealed"' in log.with_name("engine.json").read_bytes()


async def test_hostile_lines_are_cleaned_cut_and_kept_apart(agent, gateway, eventually):
    log = await running(agent, gateway, eventually)
    write(
        log,
        b"2030-05-01T10:00:00Z ERROR sink{component_id=out}: \x1b[31mred\x1b[0m <script>alert(1)</script>\r",
        b"WARN x: " + b"m" * 1_000_000,
        b"ERROR x: " + bytes(range(1, 10)) + bytes(range(128, 256)),
    )
    found = await eventually(lambda: len(texts(gateway)) == 3 and gateway.lines)
    first, long, binary = [line for line in found if line.pipeline == "p1"]
    assert (first.component, first.at) == ("out", 1903860000000)
    assert first.text == "sink{component_id=out}: red <script>alert(1)</script>"
    assert long.text.endswith("…[cut, 1000008 bytes]")
    assert len(long.text.encode()) < LINE_BYTES + 100
    assert all(line.text.isprintable() for line in (first, long, binary))


async def test_every_line_comes_once_over_kills_refusals_and_a_gateway_that_is_away(
    agent, gateway, served, eventually
):
    log = await running(agent, gateway, eventually)
    for number in range(5):
        write(log, b"ERROR x: a%d" % number)
    await eventually(lambda: len(texts(gateway)) == 5)
    gateway.log_answer = (429, [(b"retry-after", b"1")])
    write(log, b"ERROR x: refused at first")
    await eventually(lambda: gateway.log_calls >= 3)
    agent.kill()
    write(log, b"ERROR x: while the agent was gone")
    gateway.log_answer = (503, [])
    agent.start()
    write(log, b"ERROR x: while the gateway was ill")
    await eventually(lambda: gateway.log_calls >= 5)
    await served.down()
    write(log, b"ERROR x: while the gateway was away")
    gateway.log_answer = None
    await served.up()
    await eventually(lambda: len(texts(gateway)) >= 9, seconds=60)
    assert texts(gateway) == [
        *(f"x: a{number}" for number in range(5)),
        "x: refused at first",
        "x: while the agent was gone",
        "x: while the gateway was ill",
        "x: while the gateway was away",
    ]
    assert [line.sequence for line in gateway.lines if line.pipeline == "p1"] == list(range(1, 10))
    assert any("logs:" in line for line in texts(gateway, "")), "the agent says itself that it could not send"


async def test_a_flood_is_bounded_and_what_was_not_sent_is_counted(agent, gateway, eventually):
    log = await running(agent, gateway, eventually)
    write(log, *(b"WARN x: n%d" % number for number in range(3000)))

    def all_told():
        lines = [line for line in gateway.lines if line.pipeline == "p1"]
        return sum(line.dropped or 1 for line in lines) >= 3000 and lines

    lines = await eventually(all_told, why=lambda: len(gateway.lines))
    assert sum(line.dropped or 1 for line in lines) == 3000
    gap = next(line for line in lines if line.dropped)
    assert gap.text == f"{gap.dropped} lines were not sent: more than 20 lines a second"
    assert 500 <= len(lines) < 1000


async def test_a_statement_lowers_the_level_of_a_pipelines_lines_for_a_while(agent, gateway, eventually):
    log = await running(agent, gateway, eventually)
    write(log, b"INFO x: before")
    until = gateway.heartbeats[-1].at + 600_000
    told = gateway.tell("log-level", {"level": "info", "until": until, "pipeline": "p1"})
    await eventually(lambda: gateway.answers(told))
    assert gateway.answers(told)[0].kind == ReportKind.STATEMENT_DONE
    write(log, b"INFO x: after", b"DEBUG x: still too little")
    await eventually(lambda: "x: after" in texts(gateway))
    assert not {"x: still too little"} & set(texts(gateway))


async def test_a_line_without_an_end_arrives_as_well(agent, gateway, eventually):
    log = await running(agent, gateway, eventually)
    with log.open("ab") as file:
        file.write(b"thread 'main' panicked at src/main.rs:1:1")
    await eventually(lambda: [line for line in texts(gateway) if "panicked" in line], seconds=30)


async def test_the_nodes_policy_keeps_its_logs_to_itself(agent, gateway, eventually):
    agent.policy.write_text("logs: false\n")
    agent.policy.chmod(0o600)
    log = await running(agent, gateway, eventually, say="something is wrong")
    write(log, b"ERROR x: ours")
    told = gateway.tell("log-level", {"level": "info", "pipeline": "p1"})
    await eventually(lambda: gateway.answers(told))
    assert gateway.answers(told)[0].reason == "policy"
    assert gateway.log_calls == 0
