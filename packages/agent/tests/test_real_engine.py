"""The agent with the embedded engine instead of the stand-in: the two really fit together."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from vectorflow_wire.messages import EngineKind, ReportKind, ReportReason

ENGINE = Path(sys.executable).with_name("vectorflow-engine")
EMBEDDED = {
    "VECTORFLOW_ENGINE": "embedded",
    "VECTORFLOW_ENGINE_BIN": str(ENGINE),
    "VECTORFLOW_SETTLE_SECONDS": "1.5",
}
pytestmark = pytest.mark.skipif(not ENGINE.exists(), reason="the embedded engine is not installed")


def configuration(folder, condition="true", **source):
    source = {"type": "file", "include": [f"{folder}/in.log"], "read_from": "beginning"} | source
    return {
        "sources": {"in": source},
        "transforms": {"keep": {"type": "filter", "inputs": ["in"], "condition": condition}},
        "sinks": {
            "out": {
                "type": "file",
                "inputs": ["keep"],
                "path": f"{folder}/SECRET[vectorflow.name].out",
                "encoding": {"codec": "text"},
                "acknowledgements": {"enabled": True},
            }
        },
    }


def write(folder, first, count):
    with (folder / "in.log").open("a") as file:
        file.writelines(f"line {number}\n" for number in range(first, first + count))


def lines(folder):
    out = folder / "canary.out"
    return set(out.read_text().splitlines()) if out.exists() else set()


def wanted(count):
    return {f"line {number}" for number in range(count)}


async def began(agent, gateway, eventually, folder):
    agent.start(**EMBEDDED)
    await eventually(lambda: gateway.agent_keys)
    write(folder, 0, 200)
    gateway.publish([gateway.pipeline(text=configuration(folder), secrets={"name": "canary"})])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    await eventually(lambda: lines(folder) == wanted(200))
    return agent.engines()[0]


async def test_events_flow_are_counted_and_survive_kills(agent, gateway, eventually, tmp_path):
    pid = await began(agent, gateway, eventually, tmp_path)
    assert gateway.heartbeats[-1].engine.kind == EngineKind.EMBEDDED

    def counted(component):
        rows = {row.id: row for row in gateway.status().components}
        return rows[component].sent_events if component in rows else {}

    await eventually(lambda: counted("keep") == {"_default": 200}, why=gateway.status)
    agent.kill()
    os.kill(pid, signal.SIGKILL)
    write(tmp_path, 200, 100)
    gateway.mode = "503"
    agent.start(**EMBEDDED)
    await eventually(lambda: lines(tmp_path) == wanted(300))
    assert "canary" not in agent.log.read_text() + repr(gateway.reports) + repr(gateway.heartbeats)


@pytest.mark.parametrize("handover", ["reload", "restart"])
async def test_a_new_revision_is_handed_over_without_losing_a_line(
    agent, gateway, eventually, tmp_path, handover
):
    pid = await began(agent, gateway, eventually, tmp_path)
    text = configuration(tmp_path, '!contains(string!(.message), "250")')
    gateway.publish([gateway.pipeline(number=2, text=text, secrets={"name": "canary"}, handover=handover)])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports)
    write(tmp_path, 200, 100)
    await eventually(lambda: lines(tmp_path) == wanted(300) - {"line 250"})
    assert (agent.engines() == [pid]) is (handover == "reload")


async def test_what_the_engine_says_about_a_bad_revision_reaches_the_report(
    agent, gateway, eventually, tmp_path
):
    pid = await began(agent, gateway, eventually, tmp_path)
    text = configuration(tmp_path, ".message ==")
    gateway.publish([gateway.pipeline(number=2, text=text, secrets={"name": "canary"})])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == ReportReason.CONFIG_INVALID
    assert "keep" in "\n".join(refused[0].engine_output)
    assert agent.engines() == [pid]


async def test_a_port_that_another_program_has_is_named(agent, gateway, eventually, tmp_path):
    pid = await began(agent, gateway, eventually, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = configuration(tmp_path)
        text["sources"]["more"] = {"type": "http_server", "address": address}
        text["transforms"]["keep"]["inputs"].append("more")
        gateway.publish([gateway.pipeline(number=2, text=text, secrets={"name": "canary"})])
        refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == ReportReason.PORT_IN_USE
    assert address in "\n".join(refused[0].engine_output)
    await eventually(lambda: gateway.told(ReportKind.RESTARTED) or agent.engines() == [pid])
    await eventually(lambda: len(agent.engines()) == 1)
