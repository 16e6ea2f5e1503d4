"""Workers: answers, and what happens to those that hang or die."""

import asyncio
import time

import pytest
from tests.patience import patience

from vectorflow_engine.vrl import VrlError, VrlPool, WorkerVrlCompiler
from vectorflow_engine.vrl.timestamps import Timestamp

APPEND_BOMB = "a = [1]\n" + "\n".join(["a = append(a, a)"] * 24)


def doubling(steps):
    return '.s = "xxxxxxxxxxxxxxxx"\n' + "\n".join([".s = string!(.s) + string!(.s)"] * steps)


NESTED_LOOPS = (
    "l = [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]\nn = 0\n"
    + "".join(f"for_each(l) -> |_i, _v{n}| {{\n" for n in range(6))
    + "n = n + 1\n"
    + "}\n" * 6
)


async def test_compiles_and_runs():
    async with VrlPool(size=1) as pool:
        assert await pool.compile(".a = 1") == []
        [found] = await pool.compile(".a = foo")
        assert (found.line, found.column, found.code) == (1, 6, "E701")
        [first, second] = await pool.run(".b = to_int!(.a)", [{"a": "1"}, {"a": "x"}])
        assert first.events == [{"a": "1", "b": 1}]
        assert second.outcome == "error"
        [typed] = await pool.run(".ok = is_timestamp(.t)", [{"t": Timestamp("2026-01-01T00:00:00Z")}])
        assert typed.events[0]["ok"] is True
        assert type(typed.events[0]["t"]) is Timestamp


@pytest.mark.parametrize("bomb", [APPEND_BOMB, doubling(40), NESTED_LOOPS, '.a = get_env_var!("HOME")'])
async def test_killers_end_in_time_and_the_pool_lives_on(bomb):
    async with VrlPool(size=1, timeout=1.5, memory_bytes=512 * 1024 * 1024) as pool:
        assert await pool.compile("true", kind="condition") == []
        began = time.monotonic()
        with pytest.raises(VrlError) as caught:
            await pool.run(bomb, [{}])
        assert time.monotonic() - began < 2 * patience()
        assert caught.value.diagnostics[0].code in {"vrl.timeout", "vrl.crashed", "vrl.forbidden"}
        assert (await pool.run(".a = 1", [{}]))[0].events == [{"a": 1}]


async def test_the_worker_has_no_environment(monkeypatch):
    monkeypatch.setenv("CANARY", "secret")
    async with VrlPool(size=1, service=False) as pool:
        [result] = await pool.run('.e = get_env_var("CANARY") ?? "none"', [{}])
        assert result.events == [{"e": "none"}]


async def test_owners_never_share_a_worker():
    async with VrlPool(size=1) as pool:
        pids = []
        for owner in ("a", "a", "b"):
            await pool.run(".", [{}], owner=owner)
            pids.append(pool._idle[0].process.pid)
        assert pids[0] == pids[1] != pids[2]


async def test_a_cancelled_request_costs_only_its_worker():
    async with VrlPool(size=1, timeout=30) as pool:
        task = asyncio.create_task(pool.run(NESTED_LOOPS, [{}]))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pool.compile(".a = 1") == []


def test_plain_compiler():
    with WorkerVrlCompiler(timeout=1.0) as compiler:
        assert compiler.compile(".a = 1") == []
        assert compiler.compile(".a", kind="condition")[0].code == "E102"
        began = time.monotonic()
        assert compiler.compile(APPEND_BOMB)[0].code == "vrl.timeout"
        assert time.monotonic() - began < 2 * patience()
        assert compiler.compile(".a = 1") == []
