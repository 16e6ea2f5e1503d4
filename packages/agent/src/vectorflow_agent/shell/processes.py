"""Engine processes: started detached, recognised after the agent's own death, watched, ended.

An engine belongs to its own session and writes to files, so that it neither notices nor minds when
the agent dies. A process is known by its id together with its start time and the machine's boot:
an id alone may long belong to something else.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from vectorflow_agent import launch
from vectorflow_agent.shell.confinement import Confinement

KILL_GRACE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2
_LOG_BYTES: Final = 4 * 1024 * 1024
_TAIL_BYTES: Final = 32 * 1024


class ProcessId(msgspec.Struct, frozen=True):
    """A process that can be told from a later one with the same id."""

    pid: int
    started: str


class Process:
    """A running engine, started by this agent or by an earlier one."""

    def __init__(
        self,
        identity: ProcessId,
        popen: "subprocess.Popen[bytes] | None" = None,
        *,
        ends_at: float = 0.0,
    ) -> None:
        self.identity = identity
        self.ends_at = ends_at
        """Till when it may drain (seconds of this boot's monotonic clock), 0 when it was never told to end."""
        self._popen = popen
        self._beginning = threading.Lock()

    @property
    def pid(self) -> int:
        """The process id."""
        return self.identity.pid

    def alive(self) -> bool:
        """Tell whether the process runs; one that has ended but was not collected does not."""
        if self._popen is not None:
            return self._popen.poll() is None
        return identify(self.identity.pid) == self.identity

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is still the same one."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.identity.pid, number)

    async def ended(self) -> int | None:
        """Wait for the end. Gives the exit code (negative: signal), None when it cannot be known."""
        await self._wait_gone()
        if self._popen is None:
            return None
        # The process has ended, so collecting it does not block.
        return self._popen.wait()

    async def stop(
        self, drain_seconds: float, note: Callable[[float, bool], None] = lambda _at, _signalled: None
    ) -> bool:
        """End it: gracefully for the drain time and a little more, then by force. True: gracefully.

        One that drains already, by this agent's word or an earlier one's, has the rest of its time: a second
        signal would make it quit with events in flight. `note` is told `ends_at` before the signal and once
        more after it (`signalled`), in a thread.
        """
        # A thread is not cut off when its task is cancelled, so a word that was left is followed by the signal.
        await asyncio.to_thread(self._begin_end, drain_seconds, note)
        try:
            async with asyncio.timeout(max(0.0, self.ends_at - time.monotonic()) + KILL_GRACE_SECONDS):
                await self._wait_gone()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._wait_gone()
            return False
        return True

    def _begin_end(self, drain_seconds: float, note: Callable[[float, bool], None]) -> None:
        with self._beginning:
            # One that has outlived its own limit never heard the signal, or need not be spared a second.
            if self.ends_at and time.monotonic() < self.ends_at + KILL_GRACE_SECONDS:
                return
            self.ends_at = time.monotonic() + drain_seconds
            note(self.ends_at, False)
            self.signal(signal.SIGTERM)
            note(self.ends_at, True)

    async def _wait_gone(self) -> None:
        try:
            descriptor = os.pidfd_open(self.identity.pid)
        except (AttributeError, OSError):
            while self.alive():  # noqa: ASYNC110  there is no event to wait for
                await asyncio.sleep(_POLL_SECONDS)
            return
        try:
            # Opened first, compared after: now the descriptor cannot mean a later process.
            if self.alive():
                await _readable(descriptor)
        finally:
            os.close(descriptor)
            if self._popen is not None:
                # Collects what is left of it, so that no remains stay behind.
                self._popen.poll()


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def set_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, set_ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def identify(pid: int) -> ProcessId | None:
    """The identity of a running process, or None when there is none (or only its remains)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessId(pid, _started(process))
    except psutil.Error:
        return None


def find_by_argument(part: str, uids: Collection[int]) -> ProcessId | None:
    """The process that has this text in its arguments, for one whose id was never written down.

    Only processes of these users count: anybody may start one with any arguments.
    """
    for process in psutil.process_iter(["cmdline", "uids"]):
        if process.info["uids"] is None or process.info["uids"].real not in uids:
            continue
        if any(part in argument for argument in process.info["cmdline"] or []):
            return identify(process.pid)
    return None


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdout: Path,
    stderr: Path,
    confinement: Confinement,
) -> Process:
    """Start a detached, confined process that writes to two files. Raises OSError.

    A program that cannot be executed ends at once, and says why on its standard error.
    """
    launched = [sys.executable, "-I", "-S", launch.__file__, confinement.orders(environment), *arguments]
    with open(stdout, "ab", opener=_private) as out, open(stderr, "ab", opener=_private) as err:
        popen = subprocess.Popen(
            launched,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    # One that has ended already has no start time any more; it is still ours to collect.
    return Process(identify(popen.pid) or ProcessId(popen.pid, "ended"), popen)


def tail(path: Path) -> str:
    """The last 32 KiB of a log, or nothing when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def rotate(path: Path) -> None:
    """Keep a log that a process has open below about twice 4 MiB.

    The process appends, so its file is copied aside and cut, not moved. What it writes between the
    two is lost from the log.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size <= _LOG_BYTES:
            return
        with path.open("rb") as file:
            file.seek(-_LOG_BYTES, os.SEEK_END)
            kept = file.read()
        older = path.with_name(path.name + ".1")
        with open(older, "wb", opener=_private) as file:
            file.write(kept)
        os.truncate(path, 0)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _started(process: psutil.Process) -> str:
    try:
        # Ticks since boot: unlike wall-clock times they never move when the clock is set.
        with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as file:
            ticks = file.read().rpartition(")")[2].split()[19]
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}:{ticks}"
    except (OSError, IndexError):
        return f"{process.create_time():.2f}"
