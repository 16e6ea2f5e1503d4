"""Control groups (version 2) for engines, where systemd hands a part of its tree to this process.

A group limits what an engine really uses, which `ulimit`s cannot. The unit says `Delegate=yes` and
`DelegateSubgroup=agent`: a group that hands limits on may hold no process itself, so the agent sits
in one below, and engines get groups beside it. Elsewhere the limits of single processes stay.
"""

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

from vectorflow_agent.core.policy import Limits

_log = logging.getLogger(__name__)
_PERIOD_MICROSECONDS: Final = 100_000
_OWN: Final = "agent"


class Cgroups:
    """The groups of one agent, below the group it was started in."""

    def __init__(self, root: Path, controllers: frozenset[str]) -> None:
        self._root = root
        self.controllers = controllers

    def make(self, pipeline: str, limits: Limits) -> str:
        """The folder of a pipeline's group with its limits set, or "" when there is nothing to limit."""
        wanted = {
            name: text for name, text in _files(limits).items() if _controller(name) in self.controllers
        }
        if not wanted:
            return ""
        group = self._root / f"engine-{pipeline}"
        group.mkdir(exist_ok=True)
        for name, text in wanted.items():
            (group / name).write_text(text, encoding="ascii")
        return str(group)

    def remove(self, pipeline: str) -> None:
        """Remove a pipeline's group; one that still holds processes stays."""
        with contextlib.suppress(OSError):
            (self._root / f"engine-{pipeline}").rmdir()


def cgroups_open(*, proc: Path = Path("/proc/self")) -> Cgroups | None:
    """The groups this agent may make, or None where it may make none."""
    root = _root(proc)
    if root is None or not os.access(root, os.W_OK):
        return None
    try:
        wanted = {"memory", "cpu", "pids"} & set((root / "cgroup.controllers").read_text().split())
        if not wanted:
            return None
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(wanted)))
    except OSError as error:
        _log.info("no control groups for engines: %s", error)
        return None
    return Cgroups(root, frozenset(wanted))


def _root(proc: Path) -> Path | None:
    try:
        lines = (proc / "cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (proc / "mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    mount = next((line.split()[4] for line in mounts if " - cgroup2 " in line), None)
    if mount is None or own is None or not own.endswith(f"/{_OWN}"):
        return None
    root = Path(mount) / own.removesuffix(f"/{_OWN}").lstrip("/")
    return root if root.is_dir() else None


def _files(limits: Limits) -> dict[str, str]:
    found: dict[str, str] = {}
    if limits.memory_bytes is not None:
        found |= {"memory.max": str(limits.memory_bytes), "memory.swap.max": "0"}
    if limits.processes is not None:
        found["pids.max"] = str(limits.processes)
    if limits.cpus is not None:
        found["cpu.max"] = f"{round(limits.cpus * _PERIOD_MICROSECONDS)} {_PERIOD_MICROSECONDS}"
    return found


def _controller(file: str) -> str:
    return file.partition(".")[0]
