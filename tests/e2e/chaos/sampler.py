"""Looks at the process table ten times a second and writes down every engine that appeared or went.

A process of its own, that knows nothing of the product but what an engine's command line looks like. One line
a sample: the time (monotonic), and for each engine process that was there its id, start, node and pipeline.
"""

import json
import os
import sys
import time
from pathlib import Path

PERIOD = 0.1
LOOKS = 30


class Table:
    """The engines of one chaos run; a process is known by id and start time."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: dict[int, tuple[str, tuple[str, str] | None]] = {}
        self._looked: dict[int, int] = {}

    def engines(self) -> list[tuple[int, str, str, str]]:
        """Pid, start, node and pipeline of every engine that runs now."""
        now: dict[int, tuple[str, tuple[str, str] | None]] = {}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            pid = int(name)
            known = self._known.get(pid)
            looked = self._looked.get(pid, 0)
            if known is not None and known[1] is None and looked >= LOOKS:
                now[pid] = known
                continue
            state, started = self._stat(pid)
            if state in {"", "Z", "X"}:
                continue
            if known is None or known[0] != started or known[1] is None:
                # A process is a copy of its parent for a moment, so nothing is concluded from one look.
                self._looked[pid] = looked + 1 if known is not None and known[0] == started else 1
                known = (started, self._label(pid))
            now[pid] = known
        self._known = now
        self._looked = {pid: count for pid, count in self._looked.items() if pid in now}
        return [(pid, started, *label) for pid, (started, label) in now.items() if label is not None]

    def _stat(self, pid: int) -> tuple[str, str]:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return "", ""
        return fields[0], fields[19]

    def _label(self, pid: int) -> tuple[str, str] | None:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return None
        if "--config" not in words:
            return None
        file = words[words.index("--config") + 1]
        if not file.startswith(self._root):
            return None
        parts = Path(file).parts
        place = parts.index("pipelines")
        return parts[place - 2], parts[place + 1]


def main(root: str, output: str) -> None:
    table = Table(root)
    with open(output, "w", buffering=1, encoding="ascii") as file:
        due = time.monotonic()
        while True:
            at = time.monotonic()
            file.write(json.dumps([round(at, 3), table.engines()]) + "\n")
            due += PERIOD
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
