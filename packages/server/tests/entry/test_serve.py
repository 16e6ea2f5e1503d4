"""The command itself: real processes, a real database, real signals."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from tests.patience import patience

from vectorflow.entry import cli, listeners, process, roles, serve
from vectorflow_wire.messages import KEEP_ALIVE_SECONDS

COMMAND = [sys.executable, "-m", "vectorflow.entry.cli"]


@pytest.fixture
def environment(database_url: str, state_dir: Path, tmp_path: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {
        "VECTORFLOW_DATABASE_URL": database_url,
        "VECTORFLOW_STATE_DIR": str(state_dir),
        "VECTORFLOW_PORT": "0",
        "VECTORFLOW_GATEWAY_PORT": "0",
        "VECTORFLOW_METRICS_PORT": "0",
        "VECTORFLOW_ACCESS_LOG": str(tmp_path / "access.jsonl"),
        "VECTORFLOW_LOG_FORMAT": "json",
    }


class Running:
    """A started server and the lines it has logged so far."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.lines: list[dict] = []

    async def wait_for(self, event: str) -> dict:
        async with asyncio.timeout(90):  # a start takes long where many tests run at once
            while True:
                line = await self.child.stderr.readline()
                assert line, self.lines
                self.lines.append(json.loads(line))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]


@asynccontextmanager
async def running(environment: dict[str, str], *arguments: str) -> AsyncIterator[Running]:
    child = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", *arguments, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Running(child)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_the_server_starts_serves_and_stops(environment, tmp_path) -> None:
    async with running(environment | {"VECTORFLOW_SPELT_WRONG": "hunter2"}, "--role", "api") as server:
        metrics_port = (await server.wait_for("metrics.listening"))["port"]
        seen = {line["event"]: line for line in server.lines}
        listening = seen.get("api.listening") or await server.wait_for("api.listening")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{listening['port']}") as http:
            async with asyncio.timeout(60):
                while (await http.get("/api/health/ready")).status_code != 200:
                    await asyncio.sleep(0.05)
            ready = (await http.get("/api/health/ready")).json()
            assert ready["checks"] == {"database": "ok", "bus": "ok", "keys": "ok"}
            assert (await http.get("/api/health/live")).json()["version"] == ready["version"]
            await http.get(
                "/api/v1/orgs/%0d%0ainjected%1b[31m?token=hunter3", headers={b"user-agent": b"a\x9bb"}
            )
            await asyncio.sleep(0.1)  # a request is counted after its answer
            metrics = await http.get(f"http://127.0.0.1:{metrics_port}/metrics")
            assert 'route="/api/v1/orgs/{org}"' in metrics.text
            assert "injected" not in metrics.text
            assert (await http.get(f"http://127.0.0.1:{metrics_port}/")).status_code == 404
        began = time.monotonic()
        server.child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(server.child.wait(), 60) == 0
        assert time.monotonic() - began < 5 * patience()
        rest = (await server.child.stderr.read()).decode()
    assert "Traceback" not in rest
    assert any("VECTORFLOW_SPELT_WRONG" in line.get("message", "") for line in server.lines)
    assert "hunter2" not in json.dumps(server.lines)
    lines = (tmp_path / "access.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    hostile = [record for record in records if "injected" in record["path"]]
    assert len(hostile) == 1
    assert "hunter3" not in str(records)
    assert b"\x1b" not in b"".join(lines)
    assert "\x9b" not in str(records)
    assert b"\x9b" not in b"".join(lines)
    assert set(hostile[0]) == {
        "at", "method", "path", "status", "duration_ms", "bytes", "request_id", "address", "user_agent"
    }  # fmt: skip


async def test_a_port_in_use_is_said_in_a_sentence(environment) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with running(environment | {"VECTORFLOW_PORT": str(port)}, "--role", "api") as server:
            said = (await asyncio.wait_for(server.child.stderr.read(), 60)).decode()
            assert await server.child.wait() == 1
    assert f"port {port}" in said
    assert "VECTORFLOW_PORT" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"VECTORFLOW_PORT": "many"}, "VECTORFLOW_PORT"),
        ({"VECTORFLOW_DATABASE_URL": ""}, "vectorflow up"),
        ({"VECTORFLOW_STATE_DIR": "/nonexistent"}, "vectorflow migrate"),
    ],
)
async def test_what_a_person_can_mend_is_said_without_a_trace(environment, change, said) -> None:
    async with running(environment | change, "--role", "api") as server:
        told = (await asyncio.wait_for(server.child.stderr.read(), 60)).decode()
        assert await server.child.wait() == 1
    assert said in told
    assert "Traceback" not in told
    assert "many" not in told


async def test_the_description_is_printed_without_a_database() -> None:
    child = await asyncio.create_subprocess_exec(
        *COMMAND, "openapi", stdout=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    )
    printed, _ = await asyncio.wait_for(child.communicate(), 60)
    assert json.loads(printed)["openapi"].startswith("3.1")
    assert cli.api_description() == json.loads(printed)


async def test_a_role_that_ends_by_itself_ends_the_process(
    environment, database_url, state_dir, monkeypatch
) -> None:
    async def ends(_process: process.Process) -> None:
        return

    monkeypatch.setattr(serve, "ROLES", {"api": ends})
    settings = cli.load_settings(environment)[0]
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(serve.serve_roles(settings, ["api"], asyncio.Event()), 60)
    assert isinstance(raised.value.exceptions[0], serve.RoleEndedError)


async def test_roles_end_when_they_are_asked(environment) -> None:
    stop = asyncio.Event()
    settings = cli.load_settings(environment)[0]
    serving = asyncio.create_task(serve.serve_roles(settings, list(roles.ROLES)[:1], stop))
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.wait_for(serving, 60)


def test_a_socket_is_bound_once() -> None:
    first = listeners.bind("127.0.0.1", 0, "VECTORFLOW_PORT")
    try:
        first.listen()
        with pytest.raises(listeners.PortInUseError, match="VECTORFLOW_PORT"):
            listeners.bind("127.0.0.1", first.getsockname()[1], "VECTORFLOW_PORT")
    finally:
        first.close()


def test_a_silent_connection_is_given_up_by_the_agent_first() -> None:
    assert listeners.KEEP_ALIVE_SECONDS >= KEEP_ALIVE_SECONDS + 10
