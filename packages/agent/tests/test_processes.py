import asyncio
import os
import signal
import sys

from vectorflow_agent.core.policy import Limits
from vectorflow_agent.shell import processes
from vectorflow_agent.shell.confinement import Confinement
from vectorflow_agent.shell.processes import Process, ProcessId, find_by_argument, identify, rotate, tail

NONE = Limits()


def begin(tmp_path, code, *, limits=NONE):
    return processes.start(
        [sys.executable, "-c", code, str(tmp_path)],
        folder=tmp_path,
        environment={"ONLY": "this"},
        stdout=tmp_path / "out",
        stderr=tmp_path / "err",
        confinement=Confinement(limits=limits),
    )


async def test_own_exit_codes_and_output(tmp_path):
    process = begin(
        tmp_path, "import os,sys; print(sorted(os.environ)[:9], os.getsid(0)==os.getpid()); sys.exit(7)"
    )
    assert await process.ended() == 7
    assert "'ONLY'" in (tmp_path / "out").read_text()
    assert "True" in (tmp_path / "out").read_text()
    assert not process.alive()
    process.signal(signal.SIGTERM)


async def test_a_process_of_an_earlier_agent_is_recognised_watched_and_ended(tmp_path):
    process = begin(tmp_path, "import time; time.sleep(60)")
    other = Process(ProcessId(process.identity.pid, process.identity.started))
    assert other.alive()
    assert find_by_argument(str(tmp_path), {os.getuid()}) == process.identity
    watching = asyncio.create_task(other.ended())
    assert await process.stop(5) is True
    assert await watching is None
    assert not other.alive()
    assert find_by_argument(str(tmp_path), {os.getuid()}) is None


async def test_the_same_id_with_another_start_is_another_process():
    stranger = Process(ProcessId(os.getpid(), "another boot:1"))
    assert not stranger.alive()
    stranger.signal(signal.SIGKILL)
    assert await stranger.ended() is None
    assert identify(os.getpid()) is not None
    assert identify(2**22 - 1) is None


async def test_one_that_drains_is_signalled_once_however_often_it_is_ended(tmp_path):
    ready = tmp_path / "ready"
    process = begin(
        tmp_path,
        "import os, pathlib, signal, sys, time\n"
        "told = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(9) if told else told.append(1))\n"
        "pathlib.Path(sys.argv[1], 'ready').touch()\n"
        "while not told: time.sleep(0.01)\n"
        "time.sleep(0.5)",
    )
    while not ready.exists():
        await asyncio.sleep(0.02)
    first = asyncio.create_task(process.stop(5))
    await asyncio.sleep(0.1)
    first.cancel()
    assert await process.stop(5) is True
    assert await process.ended() == 0


async def test_one_that_does_not_want_to_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "KILL_GRACE_SECONDS", 0.2)
    ready = tmp_path / "ready"
    process = begin(
        tmp_path,
        f"import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(ready)!r},'w'); time.sleep(60)",
    )
    while not ready.exists():
        await asyncio.sleep(0.01)
    assert await process.stop(0.1) is False
    assert await process.ended() == -signal.SIGKILL


async def test_limits_hold(tmp_path):
    code = "import time; time.sleep(0.3); x = bytearray(600_000_000)"
    process = begin(tmp_path, code, limits=Limits(memory_bytes=300_000_000))
    assert await process.ended() == 1
    assert "MemoryError" in tail(tmp_path / "err")


def test_logs_are_cut_and_the_tail_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_LOG_BYTES", 1000)
    log = tmp_path / "log"
    log.write_text("a" * 600 + "b" * 600)
    rotate(log)
    assert log.read_text() == ""
    assert (tmp_path / "log.1").read_text() == "a" * 400 + "b" * 600
    rotate(tmp_path / "none")
    assert tail(tmp_path / "none") == ""
    log.write_text("x" * 100_000)
    assert len(tail(log)) == 32 * 1024
