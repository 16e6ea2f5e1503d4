"""The Vector that was there before: stopping it, keeping it from starting, and having it back as it was.

Its unit files are never touched. What keeps a unit from starting is one drop-in file of ours with a condition: that a
mark in the agent's own folder is not there. Removing either is all it takes to have everything as before, whether the
unit was enabled, static or linked; so the old Vector starts again also where the drop-in cannot be removed.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from vectorflow_agent import launch
from vectorflow_agent.adopt.journal import file_of
from vectorflow_agent.adopt.systemctl import Systemctl, UnitFailed
from vectorflow_agent.adopt.types import TakeOver
from vectorflow_agent.shell.disk import write_atomic
from vectorflow_agent.shell.processes import ProcessId, identify

DROP_IN: Final = "zz-vectorflow-adopted.conf"
_TICK: Final = 0.02
_KILL_SECONDS: Final = 5.0
_UP_SECONDS: Final = 1.0


class OldFailed(Exception):
    """The Vector that was there before did not stop, or did not start again; the message says why."""


class Old:
    """One take-over's old Vector. All methods can be called again after a crash, and all of them block."""

    def __init__(self, record: TakeOver, state: Path, root: Path, systemctl: Systemctl) -> None:
        self._record = record
        self._drop_in = root / "etc/systemd/system" / f"{record.unit}.d" / DROP_IN
        self._mark = file_of(state, record.id).with_suffix(".blocked")
        self._systemctl = systemctl

    def stop(self) -> None:
        """End it gracefully and see that it is gone. Raises OldFailed."""
        record = self._record
        if record.unit:
            try:
                self._systemctl.stop(record.unit, record.stop_seconds)
            except UnitFailed as error:
                raise OldFailed(str(error)) from error
        if record.pid:
            self._end(ProcessId(record.pid, record.started))
        if record.unit and self._systemctl.active(record.unit):
            raise OldFailed(f"{record.unit} was stopped and runs again: something else starts it")

    def _end(self, identity: ProcessId) -> None:
        for number, seconds in ((signal.SIGTERM, self._record.stop_seconds), (signal.SIGKILL, _KILL_SECONDS)):
            if identify(identity.pid) != identity:
                return
            os.kill(identity.pid, number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if identify(identity.pid) != identity:
                    return
                time.sleep(_TICK)
        raise OldFailed(f"process {identity.pid} does not end")

    def block(self) -> None:
        """Keep the unit from starting, by hand, at boot or for another unit; what runs goes on. Raises OldFailed."""
        if not self._record.unit:
            return
        text = (
            f"# {self._record.unit} was taken over by vectorflow-agent as the pipeline {self._clean()}.\n"
            f"# To have it back: vectorflow-agent adopt hand-back --unit {self._record.unit}\n"
            f"[Unit]\nConditionPathExists=!{self._mark}\n"
        )
        try:
            self._drop_in.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with self._drop_in.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                # After a power cut it has to hold the old Vector back, or two would use one data folder.
                os.fsync(file.fileno())
            write_atomic(self._mark, b"")
            self._systemctl.reload()
        except OSError as error:
            raise OldFailed(f"{self._drop_in} cannot be written: {_why(error)}") from error
        except UnitFailed as error:
            raise OldFailed(str(error)) from error

    def _clean(self) -> str:
        return "".join(letter for letter in self._record.pipeline if letter.isprintable())

    def unblock(self) -> None:
        """Let the unit start again, and leave its folders as they were. Raises OldFailed."""
        if not self._record.unit:
            return
        try:
            self._mark.unlink(missing_ok=True)
            self._drop_in.unlink(missing_ok=True)
            if self._drop_in.parent.is_dir() and not any(self._drop_in.parent.iterdir()):
                self._drop_in.parent.rmdir()
            self._systemctl.reload()
        except OSError as error:
            raise OldFailed(f"{self._drop_in} cannot be removed: {_why(error)}") from error
        except UnitFailed as error:
            raise OldFailed(str(error)) from error

    def give_back(self) -> None:
        """Let it start again and start it, also when something of ours is left in its folders. Raises OldFailed."""
        failures = []
        for step in (self.unblock, self.start):
            try:
                step()
            except OldFailed as error:
                failures.append(str(error))
        if failures:
            raise OldFailed("; ".join(failures))

    def start(self) -> None:
        """Start it again, if it ran when it was taken over, and see that it stays up. Raises OldFailed."""
        record = self._record
        if not record.was_active:
            return
        if not record.unit:
            self._start_process()
            return
        try:
            self._systemctl.start(record.unit)
        except UnitFailed as error:
            raise OldFailed(str(error)) from error
        time.sleep(_UP_SECONDS)
        if not self._systemctl.active(record.unit):
            raise OldFailed(
                f"{record.unit} was started and does not stay up: see journalctl -u {record.unit}"
            )

    def _start_process(self) -> None:
        record = self._record
        identity = ProcessId(record.pid, record.started)
        if identify(record.pid) == identity:
            return
        orders: dict[str, Any] = {"limits": {}, "environment": sorted(record.process_environment)}
        if os.geteuid() == 0 and record.uid != 0:
            orders |= {"uid": record.uid, "gid": record.gid, "groups": list(record.groups)}
        started = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                launch.__file__,
                msgspec.json.encode(orders).decode(),
                *record.arguments,
            ],
            cwd=record.folder,
            env=record.process_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(_UP_SECONDS)
        if started.poll() is not None:
            raise OldFailed(f"the old process was started again and ended at once with {started.returncode}")


def _why(error: OSError) -> str:
    if error.errno == errno.EROFS:
        return "it is read-only for the agent's service, which needs the folder in ReadWritePaths="
    return error.strerror or str(error)
