"""After a reboot without a network every pipeline runs again within ten seconds, from what is on disk."""

import os
import shutil
import signal
import time
import urllib.error
import urllib.request

import psutil
from tests.patience import patience

from vectorflow_wire.messages import ReportKind

PIPELINES = 5
MOST_SECONDS = 10.0


def healthy(agent) -> int:
    """How many engines answer that they are healthy: asked of them, not of the agent."""
    return sum(any(_says_so(port) for port in _ports(pid)) for pid in agent.engines())


def _ports(pid):
    try:
        listening = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return []
    return [each.laddr.port for each in listening if each.status == psutil.CONN_LISTEN]


def _says_so(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def end_all(agent):
    """End agent and engines at one moment, as a reboot does."""
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)


def empty_runtime(agent):
    """What was in memory is gone."""
    shutil.rmtree(agent.runtime)
    agent.runtime.mkdir(mode=0o700)


async def test_five_pipelines_are_back_within_ten_seconds(agent, gateway, served, eventually, capsys):
    agent.start()
    await eventually(lambda: gateway.agent_keys, seconds=60)
    secret = {"secrets": {"pass": "canary"}, "password": "SECRET[vectorflow.pass]"}
    gateway.publish(
        [gateway.pipeline(name=f"p{number}", rate=number, **secret) for number in range(PIPELINES)]
    )
    await eventually(
        lambda: len(gateway.told(ReportKind.APPLIED)) == PIPELINES, seconds=90, why=lambda: gateway.reports
    )
    end_all(agent)
    await served.down()
    empty_runtime(agent)
    began = time.monotonic()
    agent.start()
    await eventually(lambda: healthy(agent) == PIPELINES, seconds=120, why=agent.log.read_text)
    seconds = time.monotonic() - began
    load = patience()
    with capsys.disabled():
        print(  # noqa: T201  the measured time is the point
            f"\nno network, from the agent's start to {PIPELINES} healthy engines: {seconds:.1f} s "
            f"(at most {MOST_SECONDS:.0f}), load {load:.1f} for each core"
        )
    # Where other work takes the cores, it takes so much longer.
    assert seconds <= MOST_SECONDS * load, seconds
