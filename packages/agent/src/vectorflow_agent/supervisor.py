"""`vectorflow-agent supervise`: starts the agent from the right slot, and goes back when a new version fails.

It stays small, because it is the one part that an update does not change. Engines do not notice any of this: they
belong to no agent process. A new version is on trial until it says that it works; when it ends before, or says
nothing for too long, the slot just left runs again. So it does when a slot that had worked turns out to be damaged.
What was decided counts also when the disk has no room for it: it is written as soon as that works.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.core.slots import INSTALLED, Slots
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import folder
from vectorflow_agent.shell.slot_files import EXIT_UPDATE, SUPERVISED, SlotFiles
from vectorflow_wire.messages import ReportReason

_LOOK_SECONDS: Final = 0.25
_END_SECONDS: Final = 20.0
_AGAIN_SECONDS: Final = 5.0
_PREFLIGHT_SECONDS: Final = 60.0
_PREFLIGHTS: Final = 3
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


class Supervisor:
    """Runs one agent at a time."""

    def __init__(self, settings: Settings, arguments: list[str]) -> None:
        self._files = SlotFiles(folder(settings.state))
        self._arguments = arguments
        self._confirm_seconds = settings.update_confirm_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._told = False
        self._unwritten: Slots | None = None

    def run(self) -> int:
        """Run until told to end, or until the agent ends by itself; gives its exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        slots = self._files.read()
        if slots.trial is not None and slots.trial.begun:
            # Whatever ended it (the machine, a person): what is not proven does not run.
            self._return(slots, ReportReason.NOT_CONFIRMED, "it was ended while it was on trial")
        while True:
            slots = self._slots()
            code = self._try(slots) if slots.trial is not None else self._usual(slots)
            if code is not None and (self._told or code != EXIT_UPDATE):
                return code

    def _usual(self, slots: Slots) -> int | None:
        """Run what is proven. Gives the agent's exit code, None when another slot is to run instead."""
        slot = self._files.to_run(slots)
        code = self._wait(self._start(slot))
        ended_oddly = slot != INSTALLED and not self._told and code != EXIT_UPDATE
        return None if ended_oddly and self._left(slot) else code

    def _left(self, slot: str) -> bool:
        """Leave a slot that is damaged for one that starts; tells whether there was one.

        A slot counts as damaged only when another starts with the same settings where it does not.
        """
        slots = self._slots()
        held = slots.held.get(slot)
        if held is None or any(self._starts(slot, held.version) for _ in range(_PREFLIGHTS)):
            return False
        for earlier in slots.earlier():
            version = slots.held[earlier].version if earlier != INSTALLED else __version__
            if self._starts(earlier, version):
                words = f"agent {held.version} does not start any more, its files are damaged"
                _say(f"{words}; {version} runs instead")
                self._keep(slots.left(earlier, ReportReason.DOES_NOT_START, words))
                return True
        return False

    def _starts(self, slot: str, version: str) -> bool:
        """Whether the agent in a slot is whole enough to read this node's settings and say its version."""
        if self._told:
            return False
        self._child = child = subprocess.Popen(
            self._files.command(slot, "preflight", self._arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output, _ = child.communicate(timeout=_PREFLIGHT_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return False
        return child.returncode == 0 and output.decode("utf-8", "replace").split()[-1:] == [version]

    def _try(self, slots: Slots) -> int | None:
        """Run the slot on trial. Gives the agent's exit code once it has worked, None when it was returned from."""
        trial = slots.trial
        assert trial is not None  # noqa: S101  asked by who calls
        digest = slots.held[trial.slot].digest
        slots = msgspec.structs.replace(slots, trial=msgspec.structs.replace(trial, begun=True))
        try:
            self._files.unconfirm()
            self._files.write(slots)
        except OSError as error:
            words = f"it was not tried, as that cannot be written down: {error.strerror}"
            self._return(slots, ReportReason.DISK_FULL, words)
            return None
        child = self._start(trial.slot)
        deadline = time.monotonic() + self._confirm_seconds
        while not self._files.is_confirmed(digest):
            code = self._ended(child)
            if code is not None:
                if not self._told:
                    words = f"it ended with code {code} before it had confirmed that it works"
                    self._return(slots, ReportReason.DOES_NOT_START, words)
                    return None
                return code
            if time.monotonic() > deadline:
                self._end(child)
                words = f"it did not confirm within {self._confirm_seconds:g} s that it works"
                self._return(slots, ReportReason.NOT_CONFIRMED, words)
                return None
        self._keep(slots.confirmed())
        with contextlib.suppress(OSError):
            self._files.unconfirm()
        return self._wait(child)

    def _return(self, slots: Slots, reason: str, words: str) -> None:
        self._keep(slots.returned(reason, words))

    def _slots(self) -> Slots:
        """The slots as decided last, whether that is on disk or not yet."""
        return self._unwritten or self._files.read()

    def _keep(self, slots: Slots) -> None:
        self._unwritten = slots
        self._write()
        if self._unwritten is not None:
            _say("which version runs cannot be written down; it counts all the same")

    def _write(self) -> None:
        if self._unwritten is not None:
            with contextlib.suppress(OSError):
                self._files.write(self._unwritten)
                self._unwritten = None

    def _wait(self, child: "subprocess.Popen[bytes]") -> int:
        """Wait until the agent ends, and meanwhile write what could not be written before."""
        while self._unwritten is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_AGAIN_SECONDS)
            self._write()
        return child.wait()

    def _start(self, slot: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, SUPERVISED: str(os.getpid())}
        command = self._files.command(slot, "run", self._arguments)
        # This process has one thread, so a little Python between fork and exec does no harm.
        self._child = subprocess.Popen(command, env=environment, preexec_fn=_end_with_parent)  # noqa: PLW1509
        if self._told:
            self._child.terminate()
        return self._child

    def _ended(self, child: "subprocess.Popen[bytes]") -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(_LOOK_SECONDS)
        return None

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        child.terminate()
        try:
            child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._told = True
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)


def _say(words: str) -> None:
    sys.stderr.write(f"vectorflow-agent: {words}\n")
    sys.stderr.flush()


def _end_with_parent() -> None:
    """Have the agent told to end when its supervisor dies: two agents would want the same state folder."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def is_supervised(state: Path) -> bool:
    """Whether a supervisor would try another slot when this agent ends."""
    return os.environ.get(SUPERVISED) == str(os.getppid()) and state.is_dir()
