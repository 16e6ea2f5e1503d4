"""Gateways as processes of their own: several at once, ended by signals, cut off from bus and database."""

import asyncio
import os
import signal
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
import psycopg
import pytest
from packages.server.tests.gateway.forwarding import proxy_before, status_of
from packages.server.tests.gateway.heads import protected
from tests.patience import patience

from vectorflow.delivery.types import NewRollout
from vectorflow.entry.process import Process
from vectorflow.fleet.signing import BundleSigner
from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import SigningService
from vectorflow.platform.credentials import Role
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.settings import Settings
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.vault.service import VaultService
from vectorflow_wire import messages

COMMAND = [sys.executable, "-m", "vectorflow.entry.cli", "serve", "--role", "gateway"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """A started gateway; `http` speaks to it."""

    def __init__(self, child: asyncio.subprocess.Process, http: httpx2.AsyncClient, port: int) -> None:
        self.child, self.http, self.port = child, http, port

    async def answers(self) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    await self.http.get("/health/live")
                    return
                except httpx2.TransportError:
                    assert self.child.returncode is None
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def gateway(
    database_url: str, state_dir: Path, *, port: int | None = None, **settings: str
) -> AsyncIterator[GatewayProcess]:
    port = port or free_port()
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "VECTORFLOW_DATABASE_URL": database_url,
        "VECTORFLOW_STATE_DIR": str(state_dir),
        "VECTORFLOW_GATEWAY_PORT": str(port),
        "VECTORFLOW_LOG_LEVEL": "error",
        **settings,
    }
    child = await asyncio.create_subprocess_exec(*COMMAND, env=environment)
    try:
        hooks = {"response": [protected]}
        address = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=address, timeout=30, event_hooks=hooks) as http:
            running = GatewayProcess(child, http, port)
            await running.answers()
            yield running
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def status(pipeline_id, count: int, at: int) -> messages.PipelineStatus:
    component = messages.ComponentCounters(id="out", kind="sink", received_events=count)
    return messages.PipelineStatus(
        id=str(pipeline_id), state="running", counters_at=at, counters_since=1000, components=(component,)
    )


async def deployed(world, count: int):
    agents = await world.agents(count)
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())
    await world.sign()
    return agents, pipeline_id


async def test_sigterm_loses_nothing_that_was_acknowledged(world, database_url, state_dir) -> None:
    agents, pipeline_id = await deployed(world, 3)
    async with gateway(database_url, state_dir) as server:
        stop = asyncio.Event()
        counted: dict[str, int] = {}
        acknowledged: list[tuple[str, int]] = []

        async def speak(agent) -> None:
            agent.http = server.http
            for count in range(1, 10_000):
                try:
                    await agent.beat(status(pipeline_id, count, 1000 + count))
                    counted[agent.told.node_id] = count
                    answer = await agent.send(agent.report("restarted"))
                    acknowledged.extend((agent.told.node_id, number) for number in answer.accepted)
                except (httpx2.TransportError, AssertionError):
                    return  # the gateway has gone
                if stop.is_set():
                    return

        speaking = [asyncio.create_task(speak(agent)) for agent in agents]
        while len(acknowledged) < 10:
            await asyncio.sleep(0.02)
        server.child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(server.child.wait(), 30) == 0
        stop.set()
        await asyncio.gather(*speaking)
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        rows = await (
            await owner.execute(
                "select node_id::text, components::jsonb -> 0 ->> 'received_events' from counter_runs "
                "where organization_id = %s",
                [world.organization_id],
            )
        ).fetchall()
        assert {node: int(count) for node, count in rows} == counted
        rows = await (
            await owner.execute(
                "select node_id::text, sequence from reports where organization_id = %s",
                [world.organization_id],
            )
        ).fetchall()
    assert set(acknowledged) <= set(rows)
    assert len(rows) == len(set(rows))


async def test_news_reach_the_agents_of_every_gateway(world, database_url, state_dir) -> None:
    agents = await world.agents(4)
    async with gateway(database_url, state_dir) as one, gateway(database_url, state_dir) as two:
        told: set[str] = set()
        listening = asyncio.Event()
        waiting = len(agents)

        async def listen(agent, http) -> None:
            nonlocal waiting
            agent.http = http
            await agent.poll()
            headers = {"authorization": f"Bearer {agent.told.node_token}"}
            async with http.stream("GET", "/agent/v1/stream", headers=headers) as stream:
                waiting -= 1
                if not waiting:
                    listening.set()
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        hint = msgspec.json.decode(line[5:].encode(), type=messages.DesiredHint)
                        if hint.generation > agent.bundle.generation:
                            told.add(agent.told.node_id)
                            return

        async with asyncio.timeout(30):
            everyone = asyncio.gather(
                *(listen(agent, (one, two)[number % 2].http) for number, agent in enumerate(agents))
            )
            await listening.wait()
            pipeline_id = await world.pipeline()
            async with world.scoped() as txn:
                await world.house.delivery.start_rollout(
                    txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(batch_size=10)
                )
            await world.sign()
            await everyone
        assert told == {agent.told.node_id for agent in agents}


async def test_a_revocation_that_the_bus_did_not_tell_ends_streams_when_the_bus_is_back(
    world, database_url, monkeypatch
) -> None:
    revoked, other = await world.agents(2)
    running = world.house.gateway
    monkeypatch.setattr(
        running, "_options", msgspec.structs.replace(running._options, keep_alive_seconds=60.0)
    )
    async with asyncio.timeout(30):
        async with (
            revoked.http.stream("GET", "/agent/v1/stream", headers=_bearer(revoked)) as ending,
            other.http.stream("GET", "/agent/v1/stream", headers=_bearer(other)) as staying,
            await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner,
        ):
            ended = asyncio.create_task(_until_end(ending))
            kept = asyncio.create_task(_until_end(staying))
            # As if its message had been lost: nobody is told.
            await owner.execute(
                "update node_tokens set revoked_at = now() where node_id = %s", [revoked.node_id]
            )
            await asyncio.sleep(0.3)
            assert not ended.done()
            began = time.monotonic()
            await owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where usename = 'vf_app' and datname = current_database() and query in ('listen vectorflow', 'select 1')"
            )
            await ended
            assert time.monotonic() - began < patience()
            await asyncio.sleep(0.2)
            assert not kept.done()
            kept.cancel()
            await asyncio.gather(kept, return_exceptions=True)
    await world.bus_settled()
    assert (await revoked.call("GET", "/agent/v1/desired")).status_code == 401
    assert (await other.call("GET", "/agent/v1/desired")).status_code == 200


def _bearer(agent) -> dict[str, str]:
    return {"authorization": f"Bearer {agent.told.node_token}"}


async def _until_end(stream) -> None:
    async for _ in stream.aiter_lines():
        pass


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedPostgres, str, str]]:
    """A PostgreSQL of its own, which the test may stop, its address, and an enrolment token of `acme`."""
    tmp_path.chmod(0o755)
    postgres = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    postgres.start()
    try:
        url = postgres.ensure_database("vectorflow")
        migrate(url, tmp_path)
        LocalKeyFile(tmp_path).create()
        settings = Settings(database_url=url, state_dir=tmp_path, cookie_secure="never")
        async with Process.running(settings) as process:
            yield postgres, url, await _settled(process, tmp_path)
    finally:
        postgres.stop()


async def _settled(process: Process, state_dir: Path) -> str:
    owner = await process.services.identity.account_ensure("o@acme.test", "O", "correct horse battery")
    new = NewOrganization("acme", "Acme", NewEnvironment("core", "Core"), (NewEnvironment("dev", "Dev"),))
    organization_id = await process.services.tenancy.organization_create(new, owner, SYSTEM)
    database = await process.open_database(Role.SIGNER)
    keys = KeyService(database, LocalKeyFile(state_dir))
    clock = process.services.clock
    signer = BundleSigner(database, VaultService(keys), SigningService(keys, clock), clock)
    await signer.ensure_keys(organization_id)
    async with process.database.transaction(organization_id) as txn:
        environment_id = await txn.value(
            "select id from environments where organization_id = %(organization_id)s"
        )
        made = await process.services.rooms.fleet.enrolment_token_create(
            txn,
            "acme",
            environment_id,
            name="t",
            expires_in_seconds=3600,
            max_uses=5,
            labels={},
            actor=SYSTEM,
        )
    keys.close()
    return made.token


OWN, OTHER = "acme.agents.example.com", "umbrella.agents.example.com"
PATH = "/agent/v1/desired"
# How a request can name a host, and whether it is refused straight and through a proxy, which takes the host of
# an absolute target. What is not refused gets as far as the database.
ASKED = {
    "another host": (PATH, OTHER, {}, True, True),
    "x-forwarded-host": (PATH, OTHER, {"x-forwarded-host": OWN}, True, True),
    "forwarded": (
        PATH,
        OTHER,
        {"forwarded": f"host={OWN}", "x-host": OWN, "x-original-host": OWN},
        True,
        True,
    ),
    "a port and capitals": (PATH, OTHER.upper() + ":80", {}, True, True),
    "own host in the target alone": (f"http://{OWN}{PATH}", OTHER, {}, True, False),
    "another host in the target": (f"http://{OTHER}{PATH}", OWN, {}, False, True),
    "a user in the target": (f"http://{OWN}@{OTHER}{PATH}", OTHER, {}, True, True),
}
DOMAIN = {"VECTORFLOW_AGENT_DOMAIN": "example.com", "VECTORFLOW_TRUSTED_PROXIES": "127.0.0.1/32"}


async def test_a_token_on_another_host_is_refused_while_the_database_is_stopped(
    alone, make_agent, tmp_path
) -> None:
    postgres, url, token = alone
    agent = make_agent("a")
    async with gateway(url, tmp_path, **DOMAIN) as server:
        agent.http, agent.host = server.http, OWN
        await agent.enroll(token)
        assert (await agent.beat()).at > 0  # a valid token on its own host
    bearer = ("authorization", f"Bearer {agent.told.node_token}")
    await asyncio.to_thread(postgres.stop)
    async with gateway(url, tmp_path, **DOMAIN) as cold, proxy_before(cold.port) as proxy:
        took: list[float] = []
        for name, (target, host, more, straight, proxied) in ASKED.items():
            for port, refused in ((cold.port, straight), (proxy, proxied)):
                if refused:
                    began = time.monotonic()
                    status = await status_of(port, target, ("host", host), bearer, *more.items())
                    took.append(time.monotonic() - began)
                    assert status == 401, (name, port == proxy)
        while len(took) < 21:
            began = time.monotonic()
            assert await status_of(cold.port, PATH, ("host", OTHER), bearer) == 401
            took.append(time.monotonic() - began)
        assert statistics.median(took) < 0.05 * patience(), took
        assert max(took) < 8.0, took  # one that waited for the database waits ten seconds
        assert await status_of(cold.port, PATH, ("host", OWN), ("host", OTHER), bearer) == 400
        await asyncio.to_thread(postgres.start)
        agent.http = cold.http
        async with asyncio.timeout(60):
            while (
                answer := await agent.call("POST", "/agent/v1/heartbeat", content=b'{"at":1,"sequence":1}')
            ).status_code == 503:
                await asyncio.sleep(0.2)
        assert answer.status_code == 200, answer.text
        for port, name in (
            (proxy, "own host in the target alone"),
            (cold.port, "another host in the target"),
        ):
            # The token is on its own host by what the gateway is told: let in, and asked to wait for a bundle.
            target, host, *_ = ASKED[name]
            assert await status_of(port, target, ("host", host), bearer) == 503, name
