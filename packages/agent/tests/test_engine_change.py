"""Another engine by the signed index: checked, taken by one pipeline after another, returned from as a whole."""

import json

import pytest

from vectorflow_wire.bundles import VersionWanted
from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason

from .releasing import Shelf, engine_program


@pytest.fixture
def version():
    return "0.55"


@pytest.fixture
def shelf(gateway):
    return Shelf(gateway)


async def running(agent, gateway, eventually, shelf, **options):
    agent.policy.write_text(json.dumps({"release_keys": [shelf.public]}))
    agent.policy.chmod(0o600)
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    pipelines = [gateway.pipeline(name=name, rate=5, **options) for name in ("p1", "p2")]
    gateway.publish(pipelines)
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports)
    return pipelines


def engine_told(gateway):
    return gateway.heartbeats[-1].engine.version


async def told(gateway, eventually, kind):
    (report,) = await eventually(
        lambda: gateway.told(kind), seconds=60, why=lambda: f"{kind}; told {gateway.reports}"
    )
    return report


async def test_all_pipelines_go_to_the_engine_that_the_bundle_wants(agent, gateway, eventually, shelf):
    digest = shelf.add(engine_program("0.57"), "0.57.0", program="vector")
    pipelines = await running(agent, gateway, eventually, shelf)
    before = agent.engines()
    gateway.publish(pipelines, engine=VersionWanted(version="0.57.0", digest=digest))
    report = await told(gateway, eventually, ReportKind.UPDATED)
    assert (report.program, report.version) == ("engine", "0.57.0")
    await eventually(lambda: engine_told(gateway) == "0.57.0")
    assert gateway.heartbeats[-1].engine.digest == digest
    after = agent.engines()
    assert len(after) == 2
    assert not set(before) & set(after)
    # The choice outlives the agent.
    agent.kill()
    count = len(gateway.heartbeats)
    agent.start()
    await eventually(lambda: len(gateway.heartbeats) > count and engine_told(gateway) == "0.57.0")
    assert agent.engines() == after


async def test_an_engine_that_does_not_run_is_left_again_by_all(agent, gateway, eventually, shelf):
    # Validates everything, and runs only the first pipeline.
    breaks = 'case "$*" in */p2/*) echo no; exit 4 ;; esac'
    digest = shelf.add(engine_program("0.57", breaks=breaks), "0.57.0", program="vector")
    pipelines = await running(agent, gateway, eventually, shelf)
    gateway.publish(pipelines, engine=VersionWanted(version="0.57.0", digest=digest))
    report = await told(gateway, eventually, ReportKind.UPDATE_RETURNED)
    assert (report.program, report.reason) == ("engine", ReportReason.NOT_HEALTHY)

    def both_run():
        states = {gateway.status(name).state for name in ("p1", "p2")}
        return states == {PipelineState.RUNNING} and len(agent.engines()) == 2

    await eventually(both_run, why=lambda: gateway.heartbeats[-1])
    assert engine_told(gateway) == "0.55.0"
    assert not (agent.state / "engine.json").exists()
    # It is not tried again by itself.
    gateway.publish(pipelines, engine=VersionWanted(version="0.57.0", digest=digest), generation=99)
    await eventually(lambda: gateway.heartbeats[-1].generation == 99)
    assert len(gateway.told(ReportKind.UPDATE_RETURNED)) == 1


async def test_an_engine_that_refuses_a_configuration_disturbs_nothing(agent, gateway, eventually, shelf):
    program = b'#!/bin/sh\ncase "$1" in --version) echo "vector 0.57.0 (stand-in)";; *) exit 78;; esac\n'
    digest = shelf.add(program, "0.57.0", program="vector")
    pipelines = await running(agent, gateway, eventually, shelf)
    before = agent.engines()
    gateway.publish(pipelines, engine=VersionWanted(version="0.57.0", digest=digest))
    report = await told(gateway, eventually, ReportKind.UPDATE_REFUSED)
    assert report.reason == ReportReason.CONFIG_INVALID
    assert "p1" in report.message
    assert agent.engines() == before


@pytest.mark.parametrize(
    "program",
    [b"\x7fELF is not enough\n", b'#!/bin/sh\necho "vector 0.56.0 (stand-in)"\n'],
    ids=["no-program", "another-version"],
)
async def test_a_file_that_is_not_that_engine_is_refused(agent, gateway, eventually, shelf, program):
    digest = shelf.add(program, "0.57.0", program="vector")
    pipelines = await running(agent, gateway, eventually, shelf)
    before = agent.engines()
    gateway.publish(pipelines, engine=VersionWanted(version="0.57.0", digest=digest))
    report = await told(gateway, eventually, ReportKind.UPDATE_REFUSED)
    assert report.reason == ReportReason.DOES_NOT_START
    assert agent.engines() == before
