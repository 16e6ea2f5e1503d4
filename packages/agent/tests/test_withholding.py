"""Secrets leave a node that has had no word of its control plane for longer than its organisation allows."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

import msgspec
import pytest

from vectorflow_agent.core.offline import WITHHELD
from vectorflow_wire.messages import PipelineState, ReportKind

CANARY = "canary-b7e1"
FOR_LONG = 3600


def secret(gateway, name="p1", **more):
    more = {"secrets": {"pass": CANARY}, "password": "SECRET[vectorflow.pass]", **more}
    return gateway.pipeline(name=name, **more)


def limited(gateway, seconds, **more):
    """The same once more, with secrets that may stay for so many seconds."""
    gateway.publish([secret(gateway), gateway.pipeline(name="p2")], max_offline_seconds=seconds, **more)


async def both_run(agent, gateway, eventually):
    """A pipeline with a secret and one without run; there is a limit that no test reaches."""
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    limited(gateway, FOR_LONG)
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=agent.log.read_text)


async def taken(agent, eventually, seconds):
    """The agent has the shorter limit on disk, and the bundle too."""
    record = agent.state / "contact.json"
    await eventually(lambda: json.loads(record.read_bytes())["contact"]["limit"] == seconds * 1000)


def holding(folder, text):
    """Files that hold a text; one that is being replaced meanwhile is looked at next time."""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found += [path] if path.is_file() and text in path.read_bytes() else []
    return found


def opened(agent):
    return holding(agent.runtime, CANARY.encode())


def sealed(agent):
    """Files of the state folder that hold something sealed."""
    return holding(agent.state, b'"sealed"')


def end_all(agent):
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)


async def gone(agent, eventually):
    """No engine with secrets, and no secret, opened or sealed, is left; the other pipeline runs."""
    await eventually(
        lambda: not agent.engines("p1") and not opened(agent) and not sealed(agent), why=agent.log.read_text
    )
    assert len(agent.engines("p2")) == 1


async def test_secrets_go_by_themselves_and_come_back_with_the_next_bundle(
    agent, gateway, served, eventually
):
    await both_run(agent, gateway, eventually)
    other = agent.engines("p2")
    assert opened(agent)
    assert sealed(agent)
    limited(gateway, 8)
    await taken(agent, eventually, 8)
    await served.down()
    await eventually(lambda: "this node removes its secrets and stops" in agent.log.read_text())
    await gone(agent, eventually)
    assert agent.engines("p2") == other
    said = await agent.called("doctor")
    assert "secrets.withheld" in said.stdout, said.stdout + said.stderr
    # What `status` shows is written every other second.
    await eventually(lambda: WITHHELD in (agent.state / "status.json").read_text())
    assert WITHHELD in (await agent.called("status")).stdout
    await served.up()
    # An answer with what the node had before says nothing new: whoever copied it could give it.
    await eventually(lambda: gateway.told(ReportKind.STOPPED))
    assert [report.message for report in gateway.told(ReportKind.STOPPED)] == [WITHHELD]
    await eventually(lambda: any(WITHHELD in beat.agent.message for beat in gateway.heartbeats))
    asked = gateway.calls.count("GET /agent/v1/desired")
    limited(gateway, FOR_LONG)
    await eventually(lambda: gateway.status("p1").state == PipelineState.RUNNING, why=agent.log.read_text)
    assert gateway.calls.count("GET /agent/v1/desired") > asked
    assert agent.engines("p2") == other
    assert "contact: the control plane is heard" in agent.log.read_text()


async def test_the_same_bundle_again_brings_nothing_back(agent, gateway, served, eventually):
    gateway.intervals = msgspec.structs.replace(gateway.intervals, poll_seconds=0.3)
    await both_run(agent, gateway, eventually)
    limited(gateway, 2)
    await gone(agent, eventually)
    asked = gateway.calls.count("GET /agent/v1/desired")
    await eventually(lambda: gateway.calls.count("GET /agent/v1/desired") >= asked + 1)
    await eventually(lambda: gateway.status("p1").state == PipelineState.STOPPED)
    await gone(agent, eventually)


async def test_a_reboot_without_a_network_opens_nothing_any_more(agent, gateway, served, eventually):
    await both_run(agent, gateway, eventually)
    limited(gateway, 4, keys_envelope=gateway.key_list(version=2))
    await taken(agent, eventually, 4)
    end_all(agent)
    await served.down()
    await asyncio.sleep(4)
    agent.start()
    await eventually(lambda: len(agent.engines("p2")) == 1, why=agent.log.read_text)
    await gone(agent, eventually)
    assert not json.loads((agent.state / "pipelines/p1/applied.json").read_text()).get("spec")
    assert not (agent.state / "desired.json").exists()
    agent.kill()
    agent.start()
    # The bundle is gone from the disk; that a lower one must not be believed is not.
    listed = gateway.key_list(version=2)
    gateway.publish([secret(gateway)], generation=1, max_offline_seconds=FOR_LONG, keys_envelope=listed)
    await served.up()
    await eventually(lambda: any(each.reason == "bundle-outdated" for each in gateway.reports))
    # Neither is the list of keys that came with it: a key that was taken off signs no more.
    limited(gateway, FOR_LONG, keys_envelope=gateway.key_list(version=1))
    await eventually(lambda: any(each.reason == "keys-refused" for each in gateway.reports))
    await gone(agent, eventually)


@pytest.mark.parametrize("harm", ["removed", "changed"])
async def test_without_a_record_that_can_be_believed_nothing_is_opened(
    agent, gateway, served, eventually, harm
):
    await both_run(agent, gateway, eventually)
    end_all(agent)
    for path in opened(agent):
        path.unlink()
    await served.down()
    record = agent.state / "contact.json"
    if harm == "removed":
        record.unlink()
    else:
        later = json.loads(record.read_bytes())
        later["contact"]["limit"] *= 100
        record.write_text(json.dumps(later))
    agent.start()
    await eventually(lambda: len(agent.engines("p2")) == 1, why=agent.log.read_text)
    await eventually(lambda: WITHHELD in agent.log.read_text())
    assert not opened(agent)
    assert not agent.engines("p1")
    await served.up()
    limited(gateway, FOR_LONG)
    await eventually(lambda: opened(agent) and agent.engines("p1"), seconds=90, why=agent.log.read_text)


async def test_a_removed_record_stops_nothing_that_runs(agent, gateway, served, eventually):
    await both_run(agent, gateway, eventually)
    running = agent.engines()
    agent.kill()
    await served.down()
    (agent.state / "contact.json").unlink()
    agent.start()
    await eventually(lambda: "the record of the last word" in agent.log.read_text(), why=agent.log.read_text)
    assert agent.engines() == running


async def test_the_clock_set_back_over_a_reboot_gains_nothing(agent, gateway, served, eventually):
    await both_run(agent, gateway, eventually)
    limited(gateway, 10)
    await taken(agent, eventually, 10)
    end_all(agent)
    await served.down()
    agent.launcher = [str(Path(__file__).with_name("clock_back_agent.py"))]
    agent.start()
    await eventually(lambda: len(agent.engines("p2")) == 1, why=agent.log.read_text)
    await gone(agent, eventually)


async def test_without_a_limit_secrets_stay_and_a_taken_off_limit_is_forgotten(
    agent, gateway, served, eventually
):
    await both_run(agent, gateway, eventually)
    assert (agent.state / "contact.json").exists()
    gateway.publish([secret(gateway), gateway.pipeline(name="p2")])
    await eventually(lambda: not (agent.state / "contact.json").exists())
    end_all(agent)
    await served.down()
    agent.start()
    await eventually(lambda: len(agent.engines()) == 2, why=agent.log.read_text)
