"""Agents as real processes, and what a test looks for around them."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from vectorflow_wire import (
    messages,
)

STANDIN = Path(__file__).with_name("standin_vector.py")
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


class RealAgent:
    """The agent as a process of its own, on a state folder that outlives it."""

    def __init__(self, folder, gateway, served):
        self.state = folder / "state"
        self.runtime = Path(tempfile.mkdtemp(prefix="vectorflow-test-", dir=MEMORY))
        self.log = folder / "agent.log"
        self.policy = folder / "policy.yaml"
        self.program = folder / "vector"
        self._gateway, self._served = gateway, served
        self.process = None
        self.launcher = ["-m", "vectorflow_agent"]
        self.before = ()
        """What the agent is started with, like `setpriv`."""

    def start(self, *arguments, command="run", **environment):
        token_file = self.state.parent / "token"
        if not token_file.exists():
            token_file.write_text(self._gateway.enrolment.text + "\n")
        if not self.policy.exists():
            self.policy.write_text("{}\n")
            self.policy.chmod(0o600)
        settings = {
            "PATH": os.environ["PATH"],
            "VECTORFLOW_URL": f"http://127.0.0.1:{self._served.port}",
            "VECTORFLOW_ENROLMENT_TOKEN_FILE": str(token_file),
            "VECTORFLOW_ROOT_FINGERPRINT": self._gateway.fingerprint,
            "VECTORFLOW_AGENT_STATE_DIR": str(self.state),
            "VECTORFLOW_AGENT_RUNTIME_DIR": str(self.runtime),
            "VECTORFLOW_POLICY": str(self.policy),
            "VECTORFLOW_ENGINE": "vector",
            "VECTORFLOW_ENGINE_USERS": "off",
            "VECTORFLOW_KEY_PROTECTION": "off",
            "VECTORFLOW_SETTLE_SECONDS": "0.2",
            "VECTORFLOW_START_TIMEOUT_SECONDS": "5",
            "VECTOR_BIN": str(self.program),
            **environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.before, sys.executable, *self.launcher, command, *arguments],
                env=settings,
                stdout=log,
                stderr=log,
            )

    async def called(self, *arguments, **environment):
        """Another command on the same state folder."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "vectorflow_agent", *arguments, "--state-dir", str(self.state)],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        return self.process.wait(20)

    def engines(self, pipeline=""):
        """Ids of the engines that run on this state folder."""
        folder = self.state / "pipelines"
        parts = {str(folder / pipeline), str(folder.resolve() / pipeline)}
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if process.info["status"] != psutil.STATUS_ZOMBIE and "--config" in words:
                found += [process.pid] if any(part in word for word in words for part in parts) else []
        return sorted(found)

    def clean_up(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for pid in self.engines():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def until(condition, *, seconds=60.0, why=""):
    """Wait until something is true; fail with what was awaited."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, (
            f"not within {seconds} s: {why() if callable(why) else why or condition.__code__.co_names}"
        )
        await asyncio.sleep(0.05)
    return value


async def running(agent, gateway, eventually, **options):
    """Start an agent and have it run a first revision; gives the engine's process id."""
    agent.start()
    await eventually(lambda: gateway.agent_keys, why="enrolled")
    gateway.publish([gateway.pipeline(**options)])
    await eventually(
        lambda: gateway.told(messages.ReportKind.APPLIED), why=lambda: f"applied; told {gateway.reports}"
    )
    return agent.engines()[0]


async def second(gateway, eventually, kind, **options):
    """Order a second revision, and give what was told of it."""
    gateway.publish([gateway.pipeline(number=2, **options)])
    return await eventually(
        lambda: [report for report in gateway.told(kind) if report.number == 2],
        why=lambda: f"{kind}; told {gateway.reports}",
    )


def files_in(folder):
    """The files below a folder by path, with their content; what goes away meanwhile is left out."""
    found = {}
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                found[path] = path.read_bytes()
    return found


def opened(agent, name, text):
    """The files in which a secret of this name stands open with this text."""
    return [
        path
        for path, content in files_in(agent.runtime).items()
        if (path.name, content) == (name, text.encode())
    ]
