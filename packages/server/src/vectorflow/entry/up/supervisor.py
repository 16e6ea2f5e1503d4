"""Keeps child processes running: starts them again when they die, and ends them in order."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from vectorflow.platform.credentials import write_private
from vectorflow.platform.pauses import jittered

Say = Callable[[str], None]
_STABLE_SECONDS = 20.0
_LONGEST_PAUSE = 10.0


class Child:
    """One child process: its command, environment and log file."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        stop_seconds: float = 15.0,
    ) -> None:
        self.name = name
        self.command = command
        self.environment = dict(environment)
        self.log = log
        self.stop_seconds = stop_seconds
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process, its output going to the log file."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def stop(self) -> None:
        """Ask the process to end; kill it when it does not within its time."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.stop_seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def supervise(self, say: Say, started: Callable[[], None]) -> None:
        """Start the process again whenever it ends, with growing, jittered pauses; ``started`` hears of each."""
        pause = 0.2
        while True:
            if self.process is None:
                await self.start()
                started()
            assert self.process is not None  # noqa: S101  # start() has just made it
            began = time.monotonic()
            code = await self.process.wait()
            if time.monotonic() - began > _STABLE_SECONDS:
                pause = 0.2
            say(f"{self.name} ended unexpectedly ({_ending(code)}); starting it again. Its log: {self.log}")
            await asyncio.sleep(jittered(pause))
            pause = min(pause * 2, _LONGEST_PAUSE)
            self.process = None


def remember(path: Path, children: Sequence[Child]) -> None:
    """Write down which processes run, so that the next start can end what a killed one left behind."""
    running = [child.process.pid for child in children if child.process and child.process.returncode is None]
    known = []
    for pid in running:
        with contextlib.suppress(psutil.NoSuchProcess):
            known.append((pid, psutil.Process(pid).create_time()))
    write_private(path, msgspec.json.encode(known))


def end_leftovers(path: Path, seconds: float = 20.0) -> int:
    """End the processes that an earlier run wrote down and did not end; return how many there were."""
    if not path.exists():
        return 0
    found = []
    for pid, created in msgspec.json.decode(path.read_bytes(), type=list[tuple[int, float]]):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.create_time() == created:
                process.terminate()
                found.append(process)
    for stubborn in psutil.wait_procs(found, timeout=seconds)[1]:
        stubborn.kill()
    path.unlink()
    return len(found)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
