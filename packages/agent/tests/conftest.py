"""A gateway in miniature and agents as real processes, for the tests to ask for."""

import shutil
import sys

import pytest
from packages.agent.tests.mini_gateway import MiniGateway, Served
from packages.agent.tests.real_agent import STANDIN, RealAgent, until


def provokes(*codes, told=True):
    """Marks a test that makes an agent refuse with these codes; that it really told them (or not) is looked up."""
    return pytest.mark.provokes(*codes, told=told)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """What a test says that it provokes has really reached the gateway by its end."""
    result = yield
    for mark in item.iter_markers("provokes"):
        reasons = {report.reason for report in item.funcargs["gateway"].reports}
        assert {code: code in reasons for code in mark.args} == dict.fromkeys(mark.args, mark.kwargs["told"])
    return result


@pytest.fixture
def eventually():
    return until


@pytest.fixture
async def served():
    gateway = MiniGateway()
    server = Served(gateway)
    await server.up()
    yield server
    await server.down()


@pytest.fixture
def gateway(served):
    return served.app


@pytest.fixture
def version():
    """The version of Vector that the stand-in behaves like."""
    return "0.57"


@pytest.fixture
def agent(tmp_path, gateway, served, version):
    program = tmp_path / "vector"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -E {STANDIN} --as {version} "$@"\n')
    program.chmod(0o700)
    made = RealAgent(tmp_path, gateway, served)
    yield made
    made.clean_up()
    shutil.rmtree(made.runtime, ignore_errors=True)
