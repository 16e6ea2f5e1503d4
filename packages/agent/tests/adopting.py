"""A machine in a folder, with a Vector that a unit starts: the embedded engine under Vector's name."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import yaml

FAKE = Path(__file__).with_name("fake_systemctl.py")
UNIT = "vector.service"
EMBEDDED = {
    "VECTORFLOW_ENGINE": "embedded",
    "VECTORFLOW_ENGINE_BIN": str(Path(sys.executable).with_name("vectorflow-engine")),
}


class Machine:
    """Folders, a `systemctl`, and a unit."""

    def __init__(self, folder):
        self.root = folder / "machine"
        self.units = self.root / "etc/systemd/system"
        self.data = self.root / "var/lib/vector"
        self.config = self.root / "etc/vector/vector.yaml"
        self.source, self.out = self.root / "in.log", self.root / "out.log"
        for path in (
            self.units / "multi-user.target.wants",
            self.data,
            self.config.parent,
            self.root / "bin",
        ):
            path.mkdir(parents=True)
        self.program = self.root / "bin/vector"
        self.program.write_text(f"#!{sys.executable}\nfrom vectorflow_engine.cli import main\n\nmain()\n")
        self.systemctl = self.root / "bin/systemctl"
        self.systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} -E {FAKE} --root {self.root} "$@"\n')
        for path in (self.program, self.systemctl):
            path.chmod(0o755)

    @property
    def environment(self):
        return {"VECTORFLOW_HOST_ROOT": str(self.root), "VECTORFLOW_SYSTEMCTL": str(self.systemctl)}

    def document(self, **source):
        """The same configuration as a pipeline has it, without what belongs to the node."""
        read = {"type": "file", "include": [str(self.source)], "read_from": "beginning", **source}
        write = {
            "type": "file",
            "inputs": ["in"],
            "path": str(self.out),
            "encoding": {"codec": "text"},
            "acknowledgements": {"enabled": True},
        }
        return {"sources": {"in": read}, "sinks": {"out": write}}

    def configure(self, document=None, *, exec_start="", service=""):
        """Write configuration and unit, enabled."""
        document = {"data_dir": str(self.data), **(document or self.document())}
        self.config.write_text(yaml.safe_dump(document))
        start = exec_start or f"{self.program} --config {self.config}"
        path = self.units / UNIT
        path.write_text(
            f"[Unit]\nDescription=Vector\n\n[Service]\nExecStart={start}\n{service}\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
        wants = self.units / "multi-user.target.wants" / UNIT
        if not wants.is_symlink():
            wants.symlink_to(path)

    def call(self, *words):
        return subprocess.run([self.systemctl, *words], capture_output=True, text=True, check=True).stdout

    def pid(self):
        return int(self.call("show", UNIT, "-p", "MainPID").strip().partition("=")[2])

    def write(self, first, count):
        with self.source.open("a") as file:
            file.writelines(f"line {number}\n" for number in range(first, first + count))

    def lines(self):
        return self.out.read_text().splitlines() if self.out.exists() else []

    def tree(self):
        """Every file with its content, every link with its target, and every mode."""
        found = {}
        for path in sorted([*self.units.rglob("*"), *self.config.parent.rglob("*")]):
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_file():
                found[str(path)] = (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
            else:
                found[str(path)] = path.stat().st_mode
        return found

    def processes(self):
        """The Vectors that run on this machine, by id and arguments; not those that are asked for their version."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if process.info["status"] == psutil.STATUS_ZOMBIE or "--version" in words:
                continue
            if str(self.program) in words:
                found.append((process.pid, tuple(words)))
        return sorted(found)

    def clean_up(self):
        for pid, _ in self.processes():
            os.kill(pid, signal.SIGKILL)


def journal(agent, name=UNIT):
    path = agent.state / "adopted" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {"step": ""}
