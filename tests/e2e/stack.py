"""The real product for a test: ``vectorflow up`` in a directory of its own, and ways to use and to hurt it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx2
import psutil

PROGRAMS = Path(sys.executable).parent


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str, pause: float = 0.1) -> Any:
    """Return the first true value of ``condition``; fail saying ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            value = condition()
        except (httpx2.HTTPError, OSError, KeyError, json.JSONDecodeError) as error:
            last, value = error, None
        if value:
            return value
        time.sleep(pause)
    message = f"not within {seconds} s: {what}" + (f" (last error: {last!r})" if last else "")
    raise AssertionError(message)


class Api:
    """A signed-in client of the public API that comes back when the server was restarted."""

    def __init__(self, demo: dict[str, Any]) -> None:
        self.base = f"/orgs/{demo['organization']}/environments/{demo['environment']}"
        self.organization = f"/orgs/{demo['organization']}"
        self._demo = demo
        self._http = httpx2.Client(base_url=f"{demo['url']}/api/v1", timeout=30)
        self.sign_in()

    def sign_in(self) -> None:
        answer = self._http.post(
            "/session", json={"email": self._demo["email"], "password": self._demo["password"]}
        )
        answer.raise_for_status()
        self._http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]

    def raw(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self._http.request(method, path, **options)

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self.raw(method, path, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, json={} if body is None else body, **options)

    def close(self) -> None:
        self._http.close()


class Stack:
    """One running ``vectorflow up``; `settings` are more of its settings, without ``VECTORFLOW_``."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.settings = {f"VECTORFLOW_{name}": value for name, value in settings.items()}
        self.state = directory / "var"
        self.port = free_port()
        self.gateway_port = free_port()
        self.output = directory / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.demo: dict[str, Any] = {}

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VECTORFLOW_", "PYTEST"))}
        return kept | {
            "VECTORFLOW_STATE_DIR": str(self.state),
            "VECTORFLOW_PORT": str(self.port),
            "VECTORFLOW_GATEWAY_PORT": str(self.gateway_port),
            **self.settings,
        }

    def start(self, seconds: float = 120) -> Self:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [str(PROGRAMS / "vectorflow"), "up"],
                env=self.environment(),
                stdout=output,
                stderr=output,
                cwd=self.directory,
            )
        began = self.output.read_text().count("VectorFlow is ready")

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.output.read_text()[-4000:]
            return self.output.read_text().count("VectorFlow is ready") > began

        wait_until(ready, seconds=seconds, what="VectorFlow is ready")
        self.demo = json.loads((self.state / "demo.json").read_text())
        return self

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=120)
        self.process = None

    def end(self) -> None:
        """Stop, and kill whatever is left of this stack."""
        try:
            self.stop()
        finally:
            for process in self.processes(str(self.directory)):
                process.kill()

    def api(self) -> Api:
        return Api(self.demo)

    @staticmethod
    def processes(*words: str) -> list[psutil.Process]:
        """Return the processes whose command line or environment holds every word."""
        found = []
        for process in psutil.process_iter():
            try:
                text = " ".join(process.cmdline())
                if not all(word in text for word in words):
                    text += " ".join(f"{k}={v}" for k, v in process.environ().items())
                if all(word in text for word in words) and process.pid != os.getpid():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def agents(self) -> list[psutil.Process]:
        return self.processes("vectorflow-agent run", str(self.directory))

    def servers(self) -> list[psutil.Process]:
        return self.processes("vectorflow serve", str(self.directory))

    def engines(self, *words: str) -> list[psutil.Process]:
        """Return the engines: with words, those alone whose command line or environment holds every one."""
        return self.processes("vectorflow-engine", "--config", str(self.directory), *words)

    def kill(self, kind: str) -> int:
        """Kill -9 every process of a kind: ``agents``, ``servers`` or ``engines``; return how many."""
        victims = getattr(self, kind)()
        for victim in victims:
            victim.kill()
        return len(victims)

    def logs(self) -> str:
        """Everything that the processes of this stack wrote down as logs."""
        return "\n".join(
            path.read_text(errors="replace")
            for path in self.state.rglob("*")
            if path.is_file() and ".log" in path.name
        )
