"""What the chaos run lives in: PostgreSQL, the server's roles as processes of their own, agents, a receiver."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import psutil
import psycopg

from tests.e2e.stack import PROGRAMS, Api, free_port, wait_until
from vectorflow.entry.up.seed import load_info, seed
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.settings import Settings

HERE = Path(__file__).parent
ROLES = {"api": ["api", "worker"], "gateway": ["gateway"], "signer": ["signer"]}
MUTANT = (
    "import vectorflow_agent.core.supervise as supervise\n"
    "supervise._handover = lambda *_: 'restart'\n"
    "from vectorflow_agent.cli import main\n"
    "main(['run'])\n"
)
"""The agent without its hand-over: it always stops the old engine before it starts the new one."""


class Receiver:
    """Takes ids over UDP and remembers, for each node and pipeline, the last one."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.seen: dict[tuple[str, str], tuple[int, int]] = {}
        self.count = self.doubled = 0
        self._numbers: dict[tuple[str, str, int], int] = {}
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                node, pipeline, mark, pid, number = json.loads(self._socket.recv(2048))
            except ValueError:
                # Somebody else's datagram.
                continue
            except OSError:
                return
            self.count += 1
            self.doubled += number <= self._numbers.get((node, pipeline, pid), 0)
            self._numbers[(node, pipeline, pid)] = number
            self.seen[(node, pipeline)] = (mark, pid)

    def close(self) -> None:
        self._socket.close()


class House:
    """Everything of one run, in one folder. Whatever dies is started again by `tend`."""

    def __init__(self, folder: Path, agents: int, *, mutant: bool) -> None:
        self.folder = folder
        self.receiver = Receiver()
        self.names = [f"node-{number:02d}" for number in range(agents)]
        self.ports = {"api": free_port(), "gateway": free_port()}
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.owner = ""
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.api: Api
        self._mutant = mutant
        self._due: dict[str, float] = {}
        self._token = ""
        self._sampler: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Bring everything up, and wait until every agent is enrolled."""
        self.postgres.start()
        self.owner = self.postgres.ensure_database("vectorflow")
        migrate(self.owner, self.folder)
        LocalKeyFile(self.folder).create()
        info = load_info(self.folder / "demo.json")
        base = self.owner.split("//")[0] + "//" + self.owner.rpartition("@")[2]
        asyncio.run(seed(Settings(database_url=base, state_dir=self.folder), info))
        for role in ROLES:
            self._start(role)
        info |= {"url": f"http://127.0.0.1:{self.ports['api']}"}
        wait_until(
            lambda: httpx2.get(f"{info['url']}/api/health/ready").is_success,
            seconds=90,
            what="the API is ready",
        )
        self.api = Api(info)
        # The signer makes the organisation's keys first, and without them nobody can enrol.
        made = wait_until(self._token_made, seconds=60, what="an enrolment token")
        self._token = str(made["token"])
        for name in self.names:
            self._start(name)
        wait_until(
            lambda: len(self.nodes()) == len(self.names), seconds=180, what="all agents are enrolled", pause=1
        )

    def _token_made(self) -> Any:
        answer = self.api.raw(
            "POST",
            f"{self.api.base}/enrolment-tokens",
            json={"name": secrets.token_hex(4), "expires_in_seconds": 86_400, "max_uses": 1000, "labels": {}},
        )
        return answer.json() if answer.is_success else None

    def nodes(self) -> dict[str, str]:
        """The name of each node by its id, from the agents' own folders."""
        found = {}
        for name in self.names:
            file = self.folder / "agents" / name / "state" / "node.json"
            if file.exists():
                found[json.loads(file.read_text())["node_id"]] = name
        return found

    def sample(self, output: Path) -> None:
        """Begin to look at the process table from outside."""
        command = [sys.executable, "-S", str(HERE / "sampler.py"), str(self.folder / "agents"), str(output)]
        self._sampler = subprocess.Popen(command)

    def kill(self, name: str) -> None:
        """Kill a role, an agent or PostgreSQL, as `kill -9` does; `tend` starts it again a little later."""
        if name == "postgres":
            process = self.postgres.process
            assert process is not None
            # The program that gives up root stands before it: what is below it is PostgreSQL.
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for each in family:
                each.kill()
            process.wait()
        else:
            self.children[name].kill()
            self.children[name].wait()

    def tend(self, pause: float) -> None:
        """Start again what has been dead for `pause` seconds."""
        now = time.monotonic()
        dead = [name for name, child in self.children.items() if child.poll() is not None]
        if self.postgres.process is not None and self.postgres.process.poll() is not None:
            dead.append("postgres")
        for name in dead:
            if now < self._due.setdefault(name, now + pause):
                continue
            del self._due[name]
            if name == "postgres":
                self.postgres.start()
            else:
                self._start(name)

    def _start(self, name: str) -> None:
        command, environment = self._role(name) if name in ROLES else self._agent(name)
        log = self.folder / "log" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            self.children[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _role(self, name: str) -> tuple[list[str], dict[str, str]]:
        roles = [word for role in ROLES[name] for word in ("--role", role)]
        base = self.owner.split("//")[0] + "//" + self.owner.rpartition("@")[2]
        environment = {
            "PATH": os.environ["PATH"],
            "VECTORFLOW_DATABASE_URL": base,
            "VECTORFLOW_STATE_DIR": str(self.folder),
            "VECTORFLOW_PORT": str(self.ports["api"]),
            "VECTORFLOW_GATEWAY_PORT": str(self.ports["gateway"]),
            "VECTORFLOW_HEARTBEAT_SECONDS": "3",
            "VECTORFLOW_LOG_LEVEL": "warning",
        }
        return [str(PROGRAMS / "vectorflow"), "serve", *roles], environment

    def _agent(self, name: str) -> tuple[list[str], dict[str, str]]:
        folder = self.folder / "agents" / name
        folder.mkdir(parents=True, exist_ok=True)
        engine = folder / "vector"
        if not engine.exists():
            engine.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {HERE / "engine.py"} "$@"\n')
            engine.chmod(0o755)
            (folder / "token").write_text(self._token)
        environment = {
            "PATH": os.environ["PATH"],
            "VECTORFLOW_URL": f"http://127.0.0.1:{self.ports['gateway']}",
            "VECTORFLOW_ENROLMENT_TOKEN_FILE": str(folder / "token"),
            "VECTORFLOW_AGENT_STATE_DIR": str(folder / "state"),
            "VECTORFLOW_HOSTNAME": name,
            "VECTORFLOW_ENGINE": "vector",
            "VECTORFLOW_ENGINE_USERS": "off",
            "VECTORFLOW_SETTLE_SECONDS": "0.7",
            "VECTOR_BIN": str(engine),
        }
        program = (
            [sys.executable, "-c", MUTANT] if self._mutant else [str(PROGRAMS / "vectorflow-agent"), "run"]
        )
        return program, environment

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows read as the superuser: the outside judge of what was stored."""
        with psycopg.connect(self.owner, connect_timeout=5) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]

    def end(self) -> None:
        """Stop all of it, and the engines that agents left running, as they should."""
        if self._sampler is not None:
            self._sampler.kill()
            self._sampler.wait()
        for child in self.children.values():
            child.kill()
            child.wait()
        self.receiver.close()
        if hasattr(self, "api"):
            self.api.close()
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "--config" in words and any(word.startswith(str(self.folder)) for word in words):
                process.kill()
        self.postgres.stop()
