"""Several pipelines on one node: one that fails again and again hides none, and each keeps its own ports."""
# shell/starting.py, shell/prepare.py

import json
import os
import signal
import socket

from vectorflow_wire.messages import PipelineState, ReportKind


async def both(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline(), gateway.pipeline(name="p2", **options)])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports)


async def test_a_pipeline_that_crashes_again_and_again_hides_no_other(agent, gateway, eventually):
    await both(agent, gateway, eventually, die_after=1.0, die_code=1)
    (pid,) = agent.engines("p1")
    await eventually(lambda: gateway.status("p2").restarts >= 2, why=lambda: gateway.reports)
    await eventually(lambda: gateway.status("p2").state != PipelineState.RUNNING)
    assert gateway.status("p1").state == PipelineState.RUNNING
    assert agent.engines("p1") == [pid]
    await eventually(
        lambda: len([each for each in gateway.told(ReportKind.CRASHED) if each.pipeline == "p2"]) >= 2
    )
    wish = gateway.pipeline(number=2, rate=2, handover="reload")
    gateway.publish([wish, gateway.pipeline(name="p2", die_after=1.0, die_code=1)])
    await eventually(
        lambda: [r for r in gateway.told(ReportKind.APPLIED) if (r.pipeline, r.number) == ("p1", 2)]
    )
    assert agent.engines("p1") == [pid]


def ports(agent, pipeline):
    """The ports in the newest of the agent's own files for an engine: its API's and its exporter's."""
    files = (agent.state / "pipelines" / pipeline / "engines").glob("*/node.yaml")
    node = json.loads(max(files, key=lambda file: file.stat().st_mtime_ns).read_text())
    addresses = (node["api"]["address"], node["sinks"]["vf_exporter"]["address"])
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    return tuple(int(address.rpartition(":")[2]) for address in addresses)


async def test_ports_are_ones_own_and_had_again_unless_somebody_took_them(agent, gateway, eventually):
    await both(agent, gateway, eventually)
    before = ports(agent, "p1"), ports(agent, "p2")
    assert len({*before[0], *before[1]}) == 4
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not agent.engines())
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", before[1][0]))
        taken.listen()
        agent.start()
        await eventually(lambda: agent.engines("p1") and agent.engines("p2"), why=agent.log.read_text)
        await eventually(lambda: len(gateway.told(ReportKind.RESTARTED)) == 2, why=lambda: gateway.reports)
        assert ports(agent, "p1") == before[0]
        assert before[1][0] not in ports(agent, "p2")
