"""`shell.judging`: a condition never holds the agent up, whatever its process does."""

import asyncio
import json
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from vectorflow_agent.shell import judging
from vectorflow_agent.shell.confinement import Confinement
from vectorflow_agent.shell.engines import Engine, EngineMissing
from vectorflow_agent.shell.judging import Judge, JudgeFailed
from vectorflow_wire.messages import EngineFacts, EngineKind


def judges():
    """The processes that judge for this one."""
    return [each for each in psutil.Process().children() if "judge" in each.cmdline()]


READY = 'sys.stdin.readline(); print("{}", flush=True); sys.stdin.readline(); '


def context_of(program):
    engine = Engine(facts=EngineFacts(kind=EngineKind.EMBEDDED), binary=str(program))

    async def found(_):
        return engine

    return SimpleNamespace(engine=found, confiner=SimpleNamespace(of=lambda _: Confinement()))


@pytest.fixture
def program(tmp_path):
    """Make a program that does what it is told instead of judging."""

    def make(does):
        path = tmp_path / "engine"
        path.write_text(f"#!{sys.executable}\nimport sys, time\n{does}\n")
        path.chmod(0o700)
        return path

    return make


async def test_events_are_judged_by_the_embedded_engine() -> None:
    judge = Judge(context_of(judging._BESIDE), "p1", '.level == "error"')
    events = [json.dumps({"level": level}).encode() for level in ("error", "info", "error")]
    try:
        assert await judge.judged(events) == [True, False, True]
        (child,) = judges()
        assert await judge.judged(events[:2]) == [True, False]
        assert [each.pid for each in judges()] == [child.pid]
        assert child.environ() == {}
    finally:
        await judge.close()
    assert judges() == []


async def test_one_that_hangs_is_killed_in_time_and_the_loop_goes_on(program, monkeypatch) -> None:
    monkeypatch.setattr(judging, "BATCH_SECONDS", 0.5)
    judge = Judge(context_of(program(READY + "time.sleep(600)")), "p1", "true")
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.02)
            beats += 1

    beating = asyncio.create_task(beat())
    began = time.monotonic()
    with pytest.raises(JudgeFailed, match="took too long"):
        await judge.judged([b"{}"])
    beating.cancel()
    assert time.monotonic() - began < 30
    assert beats > 10
    assert judges() == []


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("sys.exit(3)", "ended"),
        (READY + "sys.exit(3)", "ended"),
        (READY + 'print("[true", flush=True); time.sleep(5)', "could not be judged"),
        (READY + 'print("[true,true]", flush=True); time.sleep(5)', "not every event"),
        (READY + 'print("x" * 1000000, flush=True); time.sleep(5)', "could not be judged"),
        ("""sys.stdin.readline(); print('{"error":"no such function"}', flush=True)""", "no such function"),
    ],
)
async def test_whatever_it_answers_is_a_failure_with_words(program, does, says) -> None:
    judge = Judge(context_of(program(does)), "p1", "true")
    with pytest.raises(JudgeFailed, match=says):
        await judge.judged([b"{}"])
    assert judges() == []


async def test_without_an_engine_it_fails_with_words() -> None:
    async def missing(_):
        raise EngineMissing("no engine was found")

    judge = Judge(SimpleNamespace(engine=missing), "p1", "true")
    with pytest.raises(JudgeFailed, match="no engine was found"):
        await judge.judged([b"{}"])
