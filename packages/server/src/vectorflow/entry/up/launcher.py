"""Brings everything up in order, writes down how to reach it, and takes it down again."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from vectorflow.entry.client import ApiClient
from vectorflow.entry.up import demo
from vectorflow.entry.up.seed import load_info, seed
from vectorflow.entry.up.supervisor import Child, end_leftovers, remember
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.platform.credentials import write_private
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.settings import Settings

DATABASE = "vectorflow"
_READY_SECONDS = 60.0


class UpFailed(Exception):
    """VectorFlow could not be brought up."""


class Ports(msgspec.Struct, frozen=True):
    """The loopback ports of this installation."""

    api: int
    gateway: int
    receiver: int


class Launcher:
    """One run of `vectorflow up` in a state directory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = settings.state_dir.absolute()
        self._logs = self._state / "log"
        self._postgres: EmbeddedPostgres | None = None
        self._children: list[Child] = []
        self._ports = Ports(settings.port, settings.gateway_port, 0)

    async def run(self) -> None:
        """Start everything, supervise it until a signal, stop everything. Raises `UpFailed`."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_one(self._state / "up.lock"):
            if await asyncio.to_thread(end_leftovers, self._state / "children.json"):
                _say("Ended what an earlier run left behind.")
            self._check_ports()
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(each, stop.set)
            supervision: list[asyncio.Task[None]] = []
            try:
                waiting = asyncio.create_task(stop.wait())
                starting = asyncio.create_task(self._start(supervision))
                await asyncio.wait({waiting, starting}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    await waiting
                else:
                    starting.cancel()
                    await asyncio.gather(starting, return_exceptions=True)
                waiting.cancel()
            finally:
                _say("Stopping …")
                for task in supervision:
                    task.cancel()
                await asyncio.gather(*supervision, return_exceptions=True)
                await self._stop()

    async def _start(self, supervision: list[asyncio.Task[None]]) -> None:
        owner_url = await self._database(supervision)
        await asyncio.to_thread(migrate, owner_url, self._state)
        LocalKeyFile(self._state).create()
        info = load_info(self._demo_file())
        await seed(self._serving_settings(owner_url), info)
        token = self._token("receiver-token")
        url = f"http://127.0.0.1:{self._ports.api}"
        server = self._child("server", ["vectorflow", "serve"], self._server_environment(owner_url), 20)
        receiver = self._child("receiver", self._receiver_command(), {}, 5)
        await self._begin(supervision, server, receiver)
        await self._wait_ready(server, f"{url}/api/health/ready")
        with ApiClient(url) as client:
            await asyncio.to_thread(client.sign_in, info["email"], info["password"])
            content = demo.Demo(client, info["organization"], info["environment"])
            await self._agent(supervision, content, info)
            fresh = await asyncio.to_thread(self._make_demo, content, token)
            if not await asyncio.to_thread(content.wait_for_node):
                _say(f"The local agent has not reported yet; see {self._logs / 'agent.log'}.")
            elif fresh is not None:
                await asyncio.to_thread(content.deploy, fresh)
            await asyncio.to_thread(self._other_token, url, info)
        info |= {"url": url, "gateway_url": f"http://127.0.0.1:{self._ports.gateway}"}
        info["other"] |= {"url": url, "gateway_url": info["gateway_url"]}
        write_private(self._demo_file(), msgspec.json.format(msgspec.json.encode(info)))
        self._announce(info)

    async def _database(self, supervision: list[asyncio.Task[None]]) -> str:
        configured = self._settings.database_owner_url or self._settings.database_url
        if configured:
            return configured
        postgres = EmbeddedPostgres(self._state / "postgres")
        await asyncio.to_thread(postgres.start)
        self._postgres = postgres
        supervision.append(asyncio.create_task(self._supervise_postgres(postgres)))
        return await asyncio.to_thread(postgres.ensure_database, DATABASE)

    async def _supervise_postgres(self, postgres: EmbeddedPostgres) -> None:
        while True:
            await asyncio.sleep(0.25)
            process = postgres.process
            if process is not None and process.poll() is not None:
                _say("PostgreSQL ended unexpectedly; starting it again. Committed data is safe.")
                try:
                    await asyncio.to_thread(postgres.start)
                except Exception as error:  # whatever it was, the next round tries again
                    _say(f"PostgreSQL did not start: {error}")
                    await asyncio.sleep(2)

    async def _agent(
        self, supervision: list[asyncio.Task[None]], content: demo.Demo, info: dict[str, Any]
    ) -> None:
        token_file = self._state / "agent" / "enrolment-token"
        if not info.get("token"):
            info["token"] = await asyncio.to_thread(content.enrolment_token, "Local agents")
        write_private(token_file, str(info["token"]).encode())
        environment = {
            "VECTORFLOW_URL": f"http://127.0.0.1:{self._ports.gateway}",
            "VECTORFLOW_ENROLMENT_TOKEN_FILE": str(token_file),
            "VECTORFLOW_AGENT_STATE_DIR": str(self._state / "agent" / "state"),
            "VECTORFLOW_STOP_ENGINES": "1",
        }
        for name in ("VECTOR_BIN", "VECTORFLOW_ENGINE", "VECTORFLOW_POLICY"):
            if name in os.environ:
                environment[name] = os.environ[name]
        agent = self._child("agent", ["vectorflow-agent", "run"], environment, 75)
        await self._begin(supervision, agent)

    def _make_demo(self, content: demo.Demo, receiver_token: str) -> str | None:
        content.secret(receiver_token)
        return content.pipeline(
            demo.document(
                self._logs / "access.jsonl",
                self._state / "demo" / "errors.jsonl",
                f"http://127.0.0.1:{self._ports.receiver}/",
            )
        )

    def _other_token(self, url: str, info: dict[str, Any]) -> None:
        other = info["other"]
        if other.get("token"):
            return
        with ApiClient(url) as client:
            client.sign_in(other["email"], other["password"])
            other["token"] = demo.Demo(client, other["organization"], other["environment"]).enrolment_token(
                "Agents"
            )

    async def _begin(self, supervision: list[asyncio.Task[None]], *children: Child) -> None:
        for child in children:
            await child.start()
            self._children.append(child)
            supervision.append(asyncio.create_task(child.supervise(_say, self._remember)))
        self._remember()

    def _remember(self) -> None:
        remember(self._state / "children.json", self._children)

    async def _wait_ready(self, server: Child, url: str) -> None:
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        with ApiClient(url.removesuffix("/api/health/ready")) as client:
            while asyncio.get_running_loop().time() < deadline:
                if await asyncio.to_thread(client.ready):
                    return
                await asyncio.sleep(0.1)
        tail = server.log.read_text(errors="replace")[-1500:] if server.log.exists() else ""
        message = (
            f"The server was not ready within {_READY_SECONDS:.0f} s. Its log, {server.log}, ends:\n{tail}"
        )
        raise UpFailed(message)

    async def _stop(self) -> None:
        for child in reversed(self._children):
            await child.stop()
        (self._state / "children.json").unlink(missing_ok=True)
        if self._postgres is not None:
            await asyncio.to_thread(self._postgres.stop)

    def _child(
        self, name: str, command: list[str], environment: dict[str, str], stop_seconds: float
    ) -> Child:
        program = Path(sys.executable).parent / command[0]
        inherited = {
            key: os.environ[key]
            for key in ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
            if key in os.environ
        }
        return Child(
            name,
            [str(program), *command[1:]],
            environment=inherited | environment,
            log=self._logs / f"{name}.log",
            stop_seconds=stop_seconds,
        )

    def _receiver_command(self) -> list[str]:
        return [
            "python",
            "-m",
            "vectorflow.entry.up.receiver",
            f"--port={self._ports.receiver}",
            f"--directory={self._state / 'demo'}",
            f"--token-file={self._state / 'receiver-token'}",
        ]

    def _server_environment(self, owner_url: str) -> dict[str, str]:
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("VECTORFLOW_") and name != "VECTORFLOW_DATABASE_OWNER_URL"
        }
        return passed | {
            "VECTORFLOW_DATABASE_URL": self._base_url(owner_url),
            "VECTORFLOW_STATE_DIR": str(self._state),
            "VECTORFLOW_PORT": str(self._ports.api),
            "VECTORFLOW_GATEWAY_PORT": str(self._ports.gateway),
            "VECTORFLOW_ACCESS_LOG": str(self._logs / "access.jsonl"),
            "VECTORFLOW_LOG_FORMAT": "json",
            "VECTORFLOW_HEARTBEAT_SECONDS": os.environ.get("VECTORFLOW_HEARTBEAT_SECONDS", "2"),
        }

    def _serving_settings(self, owner_url: str) -> Settings:
        return msgspec.structs.replace(
            self._settings, database_url=self._base_url(owner_url), state_dir=self._state
        )

    @staticmethod
    def _base_url(owner_url: str) -> str:
        """The database's address without the owner's login, which no serving process needs."""
        parts = urllib.parse.urlsplit(owner_url)
        return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def _demo_file(self) -> Path:
        return self._state / "demo.json"

    def _token(self, name: str) -> str:
        path = self._state / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24).encode())
        return path.read_text()

    def _check_ports(self) -> None:
        for port, setting in (
            (self._ports.api, "VECTORFLOW_PORT"),
            (self._ports.gateway, "VECTORFLOW_GATEWAY_PORT"),
        ):
            if not _is_free(port):
                message = f"Port {port} is in use. Stop what listens there, or choose another: {setting}=9000 make up"
                raise UpFailed(message)
        remembered = self._state / "receiver-port"
        known = int(remembered.read_text()) if remembered.exists() else 0
        receiver = known if known and _is_free(known) else _free_port()
        remembered.write_text(str(receiver))
        self._ports = msgspec.structs.replace(self._ports, receiver=receiver)

    def _announce(self, info: dict[str, Any]) -> None:
        vector = os.environ.get("VECTOR_BIN") or shutil.which("vector")
        engine = (
            f"Vector ({vector})"
            if vector
            else "the embedded engine, because no Vector is installed here. It runs a subset of Vector's components "
            "and is for trying only; production nodes run Vector."
        )
        _say("")
        _say("VectorFlow is ready")
        _say(f"  Open      {info['url']}")
        _say(f"  Sign in   {info['email']}  {info['password']}")
        _say(f"  Engine    {engine}")
        _say(f"  Data      {self._state} (sign-in also in demo.json)")
        _say("  Stop      Ctrl-C")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"VectorFlow is already running with the data in {path.parent}."
            raise UpFailed(message) from error
        yield


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
