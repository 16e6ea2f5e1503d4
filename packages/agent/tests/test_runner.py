"""A runner that fails by surprise is run again, and takes up what it held itself."""

import asyncio
import json
import logging
import os
import signal
import sys

import psutil
import pytest
from nacl.signing import SigningKey
from packages.agent.tests.real_agent import STANDIN

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.confinement import Confiner
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import sha256_hex
from vectorflow_agent.shell.identity import Identity
from vectorflow_agent.shell.runner import Runner
from vectorflow_agent.shell.sealing_keys import Protection, SealingKeys
from vectorflow_agent.shell.spool import Spool
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import PipelineState

TEXT = json.dumps({"sources": {"in": {"type": "stand_in"}}, "sinks": {}}).encode()


@pytest.fixture
async def runner(tmp_path):
    async def fetch(_):
        return TEXT

    program = tmp_path / "vector"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -E {STANDIN} "$@"\n')
    program.chmod(0o700)
    context = Context(
        Settings(state_dir=str(tmp_path / "state"), vector_bin=str(program), settle_seconds=0.2),
        Policy(),
        identity=Identity(SigningKey.generate(), SealingKeys(tmp_path, Protection("")), "m"),
        runtime=tmp_path / "runtime",
        spool=Spool(tmp_path / "spool"),
        fetch=fetch,
        confiner=Confiner(Policy(), None, None),
    )
    made = Runner(context, "p")
    yield made
    await made.stop_engines()
    await context.loopback.close()


@pytest.fixture
async def run(runner):
    """Runs it as a task that ends before its engines do."""
    tasks = []

    def begun():
        tasks.append(asyncio.create_task(runner.run()))
        return tasks[-1]

    yield begun
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_runner_that_failed_by_surprise_goes_on_with_the_process_it_holds(
    runner, run, eventually, caplog
):
    caplog.set_level(logging.INFO)
    spool = runner._context.spool
    runner.desire(BundlePipeline(id="p", name="p", state="run", revision=sha256_hex(TEXT)))
    first = run()
    await eventually(lambda: runner.status().state == PipelineState.RUNNING, why=runner.status)
    await runner.counters_read()
    pid, counters = runner.status().pid, runner._counting.book
    await runner._events.put(object())
    with pytest.raises(KeyError):
        await first
    run()
    await eventually(lambda: "took engine" in caplog.text, why=lambda: caplog.text)
    assert runner.status().pid == pid
    assert runner._counting.book is counters
    # Only who started a process learns how it ended.
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: spool.waiting(9)[1:], why=lambda: spool.waiting(9))
    assert spool.waiting(9)[1].message == "the engine was killed by SIGKILL"
    await eventually(lambda: runner.status().pid not in {0, pid}, why=runner.status)


async def test_what_ended_while_the_runner_was_down_is_collected_and_its_ports_are_given_back(
    runner, run, eventually
):
    runner.desire(BundlePipeline(id="p", name="p", state="run", revision=sha256_hex(TEXT)))
    first = run()
    await eventually(lambda: runner.status().state == PipelineState.RUNNING, why=runner.status)
    pid = runner.status().pid
    await runner._events.put(object())
    with pytest.raises(KeyError):
        await first
    os.kill(pid, signal.SIGKILL)
    run()
    await eventually(lambda: runner.status().pid not in {0, pid}, why=runner.status)
    await eventually(lambda: len(runner._running) == 1 and len(runner._context.ports.taken) == 2)
    assert not psutil.pid_exists(pid)
