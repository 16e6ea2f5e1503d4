"""The few words of `systemctl` that are needed. Where it is absent, everything answers that nothing is known."""

import shutil
import subprocess
from collections.abc import Mapping
from typing import Final

_QUICK_SECONDS: Final = 15.0
_SLOW_SECONDS: Final = 120.0


class UnitFailed(Exception):
    """systemctl did not do what was asked; the message is its own."""


class Systemctl:
    """Calls the program; `program` "" means the one on PATH."""

    def __init__(self, program: str = "") -> None:
        self._program = program or shutil.which("systemctl") or ""

    @property
    def there(self) -> bool:
        """Whether there is a systemctl that has a systemd to talk to."""
        return bool(self._program) and bool(self._show("-p", "Version"))

    def enabled(self, unit: str) -> str:
        """`enabled`, `disabled`, `static`, …; empty when nobody knows."""
        return self._show(unit, "-p", "UnitFileState").get("UnitFileState", "")

    def main_pid(self, unit: str) -> int:
        """The unit's main process, or 0."""
        pid = self._show(unit, "-p", "MainPID").get("MainPID", "")
        return int(pid) if pid.isdigit() else 0

    def active(self, unit: str) -> bool:
        """Whether the unit runs or is just starting."""
        return self._show(unit, "-p", "ActiveState").get("ActiveState", "") in {
            "active",
            "activating",
            "reloading",
        }

    def stop(self, unit: str, seconds: float) -> None:
        """Stop the unit and wait until it has stopped. Raises UnitFailed."""
        self._do("stop", unit, seconds=seconds + _QUICK_SECONDS)

    def start(self, unit: str) -> None:
        """Start the unit. Raises UnitFailed."""
        self._do("start", unit, seconds=_SLOW_SECONDS)

    def reload(self) -> None:
        """Have systemd read its unit files anew. Raises UnitFailed."""
        self._do("daemon-reload", seconds=_SLOW_SECONDS)

    def _show(self, *words: str) -> Mapping[str, str]:
        if not self._program:
            return {}
        try:
            done = self._call("show", *words, seconds=_QUICK_SECONDS)
        except UnitFailed:
            return {}
        if done.returncode != 0:
            return {}
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _do(self, *words: str, seconds: float) -> None:
        done = self._call(*words, seconds=seconds)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()[:300]
            raise UnitFailed(f"systemctl {' '.join(words)} failed: {said or done.returncode}")

    def _call(self, *words: str, seconds: float) -> "subprocess.CompletedProcess[bytes]":
        if not self._program:
            raise UnitFailed("there is no systemctl on this machine")
        try:
            return subprocess.run(
                [self._program, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnitFailed(f"systemctl {' '.join(words)}: {error}") from error
