"""The same stories with the behaviours of four versions of Vector, and with a real one if there is one.

`VECTOR_BIN=/usr/bin/vector pytest packages/agent/tests/test_versions.py` adds the real one to the last of them, which
uses nothing that is the stand-in's own.
"""

import os

import pytest
from packages.agent.tests.real_agent import files_in, running, second

from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason

REAL = os.environ.get("VECTOR_BIN", "")
STANDIN_VERSIONS = ("0.54", "0.55", "0.57", "0.58")


@pytest.fixture(params=STANDIN_VERSIONS)
def version(request):
    return request.param


async def test_dollars_mean_the_same_in_every_version(agent, gateway, eventually, version):
    text = "$HOME ${PATH} $$ $1 SECRET[vectorflow.pass]"
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(say=text, secrets={"pass": "pa$$word"})])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    log = agent.state / "pipelines/p1/engines/1/engine.log"
    assert "ERROR stand-in: $HOME ${PATH} $$ $1 pa$$word" in log.read_text()
    await eventually(lambda: gateway.heartbeats)
    assert gateway.heartbeats[-1].engine.version == f"{version}.0"


@pytest.mark.parametrize("handover", ["beside", "reload", "restart"])
async def test_a_component_that_does_not_come_up_is_no_success(agent, gateway, eventually, handover):
    old = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, missing=["out"], handover=handover)
    assert refused[0].message == "components did not come up: out"
    await eventually(lambda: gateway.status().number == 1 and len(agent.engines()) == 1)
    assert (agent.engines() == [old]) is (handover != "restart")


async def test_an_error_of_configuration_in_a_running_component_is_no_success(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, misconfigured="out", handover="beside")
    assert refused[0].message == "components counted errors of configuration: out"
    await eventually(lambda: agent.engines() == [old])


@pytest.mark.parametrize("version", ["0.54", "0.58"])
async def test_errors_of_configuration_are_found_in_figures_that_come_late(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    wish = {"misconfigured": "out", "mute": 2, "handover": "beside"}
    refused = await second(gateway, eventually, ReportKind.REFUSED, **wish)
    assert refused[0].message == "components counted errors of configuration: out"
    await second(gateway, eventually, ReportKind.APPLIED, mute=2, handover="beside")
    await eventually(lambda: len(agent.engines()) == 1 and agent.engines() != [old])


@pytest.mark.parametrize("version", ["0.57"])
async def test_an_engine_that_never_tells_its_figures_is_no_success(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, mute=60, handover="beside")
    assert refused[0].reason == ReportReason.NOT_HEALTHY
    assert "does not tell its figures" in refused[0].message
    await eventually(lambda: agent.engines() == [old])


async def test_a_secret_with_a_wrong_value_is_found_before_anything_is_touched(agent, gateway, eventually):
    """The check sees the document with the secrets in it, which Vector's own validation does not."""
    wish = {"password": "SECRET[vectorflow.pass]", "must_be": "right", "handover": "restart"}
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(secrets={"pass": "right"}, **wish)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    (pid,) = agent.engines()
    gateway.publish([gateway.pipeline(number=2, secrets={"pass": "canary-wrong"}, version=2, **wish)])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == ReportReason.CONFIG_INVALID
    assert "password '[secret]' is not usable" in refused[0].engine_output[-1]
    assert agent.engines() == [pid]
    on_disk = files_in(agent.state)
    assert on_disk
    assert not [path for path, content in on_disk.items() if b"canary-wrong" in content]
    assert not list(agent.runtime.rglob("*trial*"))


async def test_a_crash_and_a_reload(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.APPLIED, rate=2, handover="reload")
    assert agent.engines() == [pid]
    os.kill(pid, 9)
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    assert gateway.told(ReportKind.CRASHED)[0].reason == ReportReason.KILLED


def _vector(folder, condition="true"):
    return {
        "sources": {"in": {"type": "file", "include": [f"{folder}/in.log"], "read_from": "beginning"}},
        "transforms": {"keep": {"type": "filter", "inputs": ["in"], "condition": condition}},
        "sinks": {
            "out": {
                "type": "file",
                "inputs": ["keep"],
                "path": f"{folder}/SECRET[vectorflow.name].out",
                "encoding": {"codec": "text"},
            }
        },
    }


NO_REAL = pytest.mark.skipif(
    not REAL, reason="VECTOR_BIN names no Vector; with one this story runs on it too"
)


@pytest.mark.parametrize("version", ["0.57"])
@pytest.mark.parametrize(
    "program", [pytest.param("", id="stand-in"), pytest.param(REAL, id="VECTOR_BIN", marks=NO_REAL)]
)
@pytest.mark.parametrize("handover", ["beside", "reload", "restart"])
async def test_with_a_real_vector(agent, gateway, eventually, handover, program):
    program, tmp_path = program or str(agent.program), agent.state.parent
    agent.start(VECTOR_BIN=program, VECTORFLOW_SETTLE_SECONDS="1", VECTORFLOW_START_TIMEOUT_SECONDS="20")
    await eventually(lambda: gateway.agent_keys)
    (tmp_path / "in.log").write_text("one $HOME\n")
    gateway.publish([gateway.pipeline(text=_vector(tmp_path), secrets={"name": "canary"})])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports, seconds=30)
    (pid,) = agent.engines()
    out = tmp_path / "canary.out"
    await eventually(lambda: out.exists() and "one $HOME" in out.read_text(), seconds=30)
    text = _vector(tmp_path, '.message != "two"')
    gateway.publish([gateway.pipeline(number=2, text=text, secrets={"name": "canary"}, handover=handover)])
    await eventually(
        lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports, seconds=40
    )
    assert (pid in agent.engines()) is (handover == "reload") or handover == "beside"
    bad = _vector(tmp_path, ".message ==")
    gateway.publish([gateway.pipeline(number=3, text=bad, secrets={"name": "canary"})])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED), seconds=30)
    assert refused[0].reason == ReportReason.CONFIG_INVALID
    await eventually(lambda: gateway.status().state == PipelineState.RUNNING, why=gateway.status)


def _sink(**sink):
    return {
        "sources": {"in": {"type": "stand_in"}},
        "sinks": {"out": {"inputs": ["in"], **sink}},
    }


REFUSED_SINCE = {
    "gone": (58, {"type": "logdna"}),
    "confined": (57, {"type": "file", "path": "{{ host }}.log"}),
}


@pytest.mark.parametrize("what", REFUSED_SINCE)
async def test_what_a_version_does_not_take_leaves_what_runs(agent, gateway, eventually, version, what):
    since, sink = REFUSED_SINCE[what]
    pid = await running(agent, gateway, eventually)
    if int(version.split(".")[1]) < since:
        await second(gateway, eventually, ReportKind.APPLIED, text=_sink(**sink))
        return
    refused = await second(gateway, eventually, ReportKind.REFUSED, text=_sink(**sink))
    assert refused[0].reason == ReportReason.CONFIG_INVALID
    assert any(word in refused[0].engine_output[-1] for word in ("logdna", "literal prefix"))
    assert agent.engines() == [pid]


@pytest.mark.parametrize("version", ["0.54", "0.57"])
async def test_global_options_do_not_change_by_a_reload(agent, gateway, eventually, version):
    pid = await running(agent, gateway, eventually)
    text = _sink(type="blackhole") | {"timezone": "Europe/Berlin"}
    refused = await second(gateway, eventually, ReportKind.REFUSED, text=text, handover="reload")
    assert refused[0].reason == ReportReason.RELOAD_REFUSED
    assert agent.engines() == [pid]
    await eventually(lambda: gateway.status().number == 1)


@pytest.mark.parametrize("version", ["0.57"])
@pytest.mark.parametrize("handover", ["reload", "restart"])
async def test_an_empty_secret_is_found_before_anything_is_touched(
    agent, gateway, eventually, version, handover
):
    pid = await running(agent, gateway, eventually)
    refused = await second(
        gateway,
        eventually,
        ReportKind.REFUSED,
        secrets={"pass": ""},
        password="SECRET[vectorflow.pass]",
        handover=handover,
    )
    assert refused[0].reason in {ReportReason.CONFIG_INVALID, ReportReason.SECRET_UNREADABLE}
    assert agent.engines() == [pid]


async def test_times_and_buffers_are_told_as_far_as_the_version_measures_them(
    agent, gateway, eventually, version
):
    text = {
        "sources": {"in": {"type": "stand_in"}},
        "transforms": {"change": {"type": "remap", "inputs": ["in"], "source": "."}},
        "sinks": {"out": {"type": "blackhole", "inputs": ["change"]}},
    }
    await running(agent, gateway, eventually, text=text)

    def told():
        rows = {row.id: row for row in gateway.status().components if row.received_events}
        # Gauges are those of the engine that has been found healthy.
        return rows if rows and any(row.buffer_events for row in rows.values()) else None

    rows = await eventually(told, seconds=30, why=gateway.status)
    assert set(rows) == {"in", "change", "out"}
    assert (rows["out"].buffer_events, rows["out"].buffer_max_events) == (9, 500)
    assert (rows["in"].buffer_events, rows["in"].buffer_max_events) == (0, 0)
    for row, name in ((rows["in"], "lag"), (rows["change"], "latency"), (rows["out"], "wait")):
        took = getattr(row, name)
        assert took.buckets == {"0.03125": took.count}
        assert took.total_us == took.count * 20_000
    assert rows["out"].latency is None
