"""A real gateway on a free port, a real signer, the real roles, and agents that speak the protocol."""

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import argon2
import httpx2
import msgspec
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from packages.server.tests.gateway.heads import protected

from vectorflow.audit.service import AuditAppender
from vectorflow.delivery import jobs as delivery_jobs
from vectorflow.delivery.service import DeliveryService
from vectorflow.entry.api import build_api
from vectorflow.entry.gateway import Gateway, GatewayOptions
from vectorflow.entry.listeners import bind, serve
from vectorflow.entry.services import Services
from vectorflow.fleet.engines import EnginesOfNodes
from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.lifecycle import LifecycleService
from vectorflow.fleet.service import AssignedLookup, FleetService
from vectorflow.fleet.signing import BundleSigner
from vectorflow.fleet.statement_signing import StatementSigner
from vectorflow.fleet.statements import StatementService
from vectorflow.identity.passwords import Passwords
from vectorflow.identity.service import SignInLimits
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.clock import SystemClock
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import SigningService
from vectorflow.library.service import EngineSchemaService
from vectorflow.pipelines.compiling import Workbench
from vectorflow.pipelines.engines import TargetEngines
from vectorflow.pipelines.revisions import RevisionService
from vectorflow.pipelines.service import PipelineService
from vectorflow.platform.bus import Bus
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.http.headers import PROGRAM_HEADERS
from vectorflow.platform.jobs import Jobs
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings
from vectorflow.telemetry.service import TelemetryService
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.tenancy.types import OrganizationRole, TeamRole
from vectorflow.vault.service import VaultService
from vectorflow_topology.document import document_from_json
from vectorflow_wire import envelope, keys, messages, verify
from vectorflow_wire.bundles import Bundle, DesiredAnswer

PASSWORD = "correct horse battery staple"


class House(msgspec.Struct):
    """Every room, wired as processes wire them."""

    app: Database
    worker: Database
    signer: Database
    telemetry_writer: Database
    services: Services
    provider: LocalKeyFile
    keys: KeyService
    vault: VaultService
    pipelines: PipelineService
    revisions: RevisionService
    fleet: FleetService
    telemetry: TelemetryService
    delivery: DeliveryService
    bundles: BundleSigner
    statement_signer: StatementSigner
    statements: StatementService
    lifecycle: LifecycleService
    groups: GroupService
    jobs: Jobs
    bus: Bus
    address: str = ""
    gateway: Any = None
    http: Any = None


class World(msgspec.Struct):
    """An organisation with one environment."""

    house: House
    slug: str
    organization_id: UUID
    environment_id: UUID

    def scoped(self) -> Any:
        return self.house.app.transaction(self.organization_id)

    async def token(self, **options: Any) -> str:
        values = {"name": "t", "expires_in_seconds": 3600, "max_uses": 100, "labels": {}} | options
        async with self.scoped() as txn:
            made = await self.house.fleet.enrolment_token_create(
                txn, self.slug, self.environment_id, actor=SYSTEM, **values
            )
        return made.token

    async def agents(self, count: int) -> list["Agent"]:
        token = await self.token()
        made = [Agent(self.house, f"node-{number}") for number in range(count)]
        for agent in made:
            await agent.enroll(token)
        await self.sign()
        return made

    async def sign(self) -> int:
        await self.house.statement_signer.sign(self.organization_id)
        stored = await self.house.bundles.sign(self.organization_id)
        await self.bus_settled()
        return stored

    async def bus_settled(self) -> None:
        """Wait until the gateway has heard everything that was said so far."""
        for database in (self.house.app, self.house.signer):
            await database.hints.close()
        heard = asyncio.Event()
        end = self.house.bus.subscribe(f"test.{self.slug}", lambda _: heard.set())
        async with self.scoped() as txn:
            await txn.notify(f"test.{self.slug}")
        async with asyncio.timeout(60):
            await heard.wait()
        end()

    async def pipeline(self, message: str = "hello", secret: str | list[str] | None = None) -> UUID:
        async with self.scoped() as txn:
            draft = await self.house.pipelines.create(
                txn,
                SYSTEM,
                self.environment_id,
                name=f"p{secrets.token_hex(3)}",
                document=document(message, secret),
            )
        return draft.row.id

    async def change(self, pipeline_id: UUID, message: str) -> None:
        async with self.scoped() as txn:
            row = await self.house.pipelines.for_change(txn, self.environment_id, pipeline_id)
            await self.house.pipelines.update(
                txn, SYSTEM, row, name=row.name, description="", document=document(message)
            )

    async def advance(self) -> None:
        await delivery_jobs.advance_all(self.house.worker, self.house.delivery, self.organization_id)


async def waited_for(txn: Any) -> None:
    """Return when another transaction waits for a lock of this one."""
    async with asyncio.timeout(60):
        while not await txn.value(
            """select exists (select from pg_stat_activity
                where datname = current_database() and pg_backend_pid() = any(pg_blocking_pids(pid)))"""
        ):
            await asyncio.sleep(0.01)


def document(message: str, secret: str | list[str] | None = None) -> Any:
    """A pipeline with a sink for each secret."""
    sinks: list[dict[str, Any]] = [{"id": "out", "kind": "sink", "type": "blackhole", "options": {}}]
    if secret is not None:
        sinks = [
            {
                "id": f"out{number or ''}",
                "kind": "sink",
                "type": "http",
                "options": {
                    "uri": "https://example.com/",
                    "encoding": {"codec": "json"},
                    "auth": {"strategy": "bearer", "token": f"SECRET[{name}]"},
                },
            }
            for number, name in enumerate([secret] if isinstance(secret, str) else secret)
        ]
    return document_from_json(
        {
            "components": [
                {
                    "id": "lines",
                    "kind": "source",
                    "type": "demo_logs",
                    "options": {"format": "shuffle", "lines": [message]},
                },
                *sinks,
            ],
            "edges": [{"source": "lines", "target": sink["id"]} for sink in sinks],
        }
    )


class Agent:
    """Speaks the protocol as a node does."""

    def __init__(self, house: House, hostname: str) -> None:
        self.house = house
        self.hostname = hostname
        self.identity = SigningKey.generate()
        self.sealing = PrivateKey.generate()
        self.sequence = 0
        self.beats = 0
        self.etag: str | None = None
        self.bundle: Bundle | None = None
        self.host: str | None = None
        self.http = house.http
        self.extra_headers: dict[str, str] = {}

    async def enroll(self, token: str, **options: Any) -> messages.EnrollAnswer:
        answer = await self.try_enroll(token, **options)
        assert answer.status_code == 200, answer.text
        self.told = msgspec.json.decode(answer.content, type=messages.EnrollAnswer)
        return self.told

    async def try_enroll(self, token: str, **options: Any) -> Any:
        request = messages.EnrollRequest(
            machine_id=options.pop("machine_id", f"m-{self.hostname}"),
            hostname=self.hostname,
            agent_version="0.1.0",
            keys=messages.AgentKeys(
                identity=_b64(bytes(self.identity.verify_key)), sealing=_b64(bytes(self.sealing.public_key))
            ),
            platform=messages.Platform(os="linux", arch="x86_64"),
            engine=messages.EngineFacts(kind="embedded", version="0.1.0"),
            **options,
        )
        return await self.call("POST", "/agent/v1/enroll", token=token, content=msgspec.json.encode(request))

    @property
    def node_id(self) -> UUID:
        return UUID(self.told.node_id)

    async def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Any:
        headers = {"authorization": f"Bearer {token or self.told.node_token}"} | options.pop("headers", {})
        headers |= self.extra_headers
        if self.host is not None:
            headers["host"] = self.host
        return await self.http.request(method, path, headers=headers, **options)

    async def poll(self) -> Bundle | None:
        """Fetch and believe the bundle; None when unchanged."""
        headers = {"if-none-match": self.etag} if self.etag else {}
        answer = await self.call("GET", "/agent/v1/desired", headers=headers)
        if answer.status_code == 304:
            return None
        assert answer.status_code == 200, answer.text
        body = msgspec.json.decode(answer.content, type=DesiredAnswer)
        now = int(time.time() * 1000)
        known = keys.key_list_verify(
            bytes(body.keys),
            root_public=base64.b64decode(self.told.root_key),
            organization=self.told.organization,
            last_version=0,
            now=now,
        )
        self.key_list = known
        last = self.bundle.order if self.bundle else None
        self.bundle = verify.verify_bundle(
            bytes(body.bundle),
            trust=verify.Trust(keys=known),
            node=self.told.node_id,
            organization=self.told.organization,
            last=last,
            now=now,
        )
        assert answer.headers["etag"] == self.bundle.etag
        self.etag = self.bundle.etag
        return self.bundle

    def report(self, kind: str, pipeline_id: UUID | str = "", **options: Any) -> envelope.Envelope:
        self.sequence += 1
        fields = {
            "at": int(time.time() * 1000),
            "sequence": self.sequence,
            "generation": self.bundle.generation if self.bundle else 0,
        }
        wanted = (
            [each for each in self.bundle.pipelines if each.id == str(pipeline_id)] if self.bundle else []
        )
        if wanted:
            fields |= {"number": wanted[0].number, "revision": wanted[0].revision}
        report = messages.Report(
            node=self.told.node_id, kind=kind, pipeline=str(pipeline_id), **(fields | options)
        )
        return envelope.sign(
            envelope.REPORT,
            report,
            envelope.MemorySigner(self.identity, keys.key_id(bytes(self.identity.verify_key))),
        )

    async def send(self, *reports: envelope.Envelope) -> messages.ReportsAnswer:
        body = msgspec.json.encode(messages.ReportsRequest(reports=reports))
        answer = await self.call("POST", "/agent/v1/reports", content=body)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=messages.ReportsAnswer)

    async def apply(self, pipeline_id: UUID) -> None:
        """Poll and report that it was applied."""
        await self.poll()
        await self.send(self.report("applied", pipeline_id))

    async def beat(self, *pipelines: messages.PipelineStatus, **options: Any) -> messages.HeartbeatAnswer:
        self.beats += 1
        request = messages.HeartbeatRequest(
            at=int(time.time() * 1000), sequence=self.beats, pipelines=pipelines, **options
        )
        answer = await self.call("POST", "/agent/v1/heartbeat", content=msgspec.json.encode(request))
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=messages.HeartbeatAnswer)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class NoVrl:
    """These documents hold no VRL."""

    def compile(self, program: str, *, kind: str) -> list[Any]:
        del program, kind
        return []


@pytest.fixture(scope="session")
async def house(
    database_url: str, state_dir: Path, signer: ScopeSigner, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    jobs = Jobs()
    opened: list[Database] = []

    async def open_as(role: Role) -> Database:
        database = Database(
            role_url(database_url, role, state_dir), signer, size=6, audit_sink=AuditAppender(), job_sink=jobs
        )
        await database.open()
        opened.append(database)
        return database

    app, worker = await open_as(Role.APP), await open_as(Role.WORKER)
    signing_database, writer = await open_as(Role.SIGNER), await open_as(Role.TELEMETRY)
    clock = SystemClock()
    provider = LocalKeyFile(tmp_path_factory.mktemp("keys"))
    provider.create()
    app_keys, signer_keys = KeyService(app, provider), KeyService(signing_database, provider)
    vault = VaultService(app_keys)
    workbench = Workbench(NoVrl())
    targets = TargetEngines(EnginesOfNodes(), EngineSchemaService(), workbench)
    pipelines = PipelineService(vault, workbench, AssignedLookup(), targets)
    revisions = RevisionService(pipelines)
    signing = SigningService(app_keys, clock)
    bus = Bus(role_url(database_url, Role.APP, state_dir))
    passwords = Passwords(hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    services = Services(
        Settings(cookie_secure="never"),
        app,
        passwords=passwords,
        limits=SignInLimits(per_address=1_000_000),
        keys=app_keys,
    )
    made = House(
        app=app,
        worker=worker,
        signer=signing_database,
        telemetry_writer=writer,
        services=services,
        provider=provider,
        keys=app_keys,
        vault=vault,
        pipelines=pipelines,
        revisions=revisions,
        fleet=FleetService(signing, clock, lambda slug: f"https://{slug}.agents.example.com"),
        telemetry=TelemetryService(app, pipelines, clock),
        delivery=DeliveryService(pipelines, revisions, GroupService(clock), clock),
        bundles=BundleSigner(
            signing_database, VaultService(signer_keys), SigningService(signer_keys, clock), clock
        ),
        statement_signer=StatementSigner(signing_database, SigningService(signer_keys, clock), clock),
        statements=StatementService(clock),
        lifecycle=LifecycleService(StatementService(clock)),
        groups=GroupService(clock),
        jobs=jobs,
        bus=bus,
    )
    delivery_jobs.register(jobs, worker, made.delivery)
    listening = asyncio.create_task(bus.run())
    await bus.connected.wait()
    stop = asyncio.Event()
    gateway = Gateway(
        app,
        writer,
        bus=bus,
        signing=signing,
        clock=clock,
        options=GatewayOptions(keep_alive_seconds=1.0),
        reported=delivery_jobs.defer_advance,
    )
    listener = bind("127.0.0.1", 0, "none")
    made.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    made.gateway = gateway
    async with gateway.running():
        serving = asyncio.create_task(serve(gateway, listener, stop, headers=PROGRAM_HEADERS))
        hooks = {"response": [protected]}
        async with httpx2.AsyncClient(base_url=made.address, timeout=10, event_hooks=hooks) as made.http:
            yield made
        stop.set()
        gateway.streams.close_all()
        await serving
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    for database in opened:
        await database.close()
    workbench.close()
    await services.close()
    signer_keys.close()


@pytest.fixture
async def new_world(house: House) -> Callable[[], Any]:
    """Makes organisations."""

    async def make() -> World:
        slug = f"w{secrets.token_hex(5)}"
        people = {
            name: await house.services.identity.account_ensure(f"{name}@{slug}.test", name.title(), PASSWORD)
            for name in ("owner", "deployer", "editor")
        }
        new = NewOrganization(
            slug, slug.upper(), NewEnvironment("core", "Core"), (NewEnvironment("dev", "Dev"),)
        )
        organization_id = await house.services.tenancy.organization_create(new, people["owner"], SYSTEM)
        for name, role in (("deployer", TeamRole.DEPLOYER), ("editor", TeamRole.EDITOR)):
            await house.services.tenancy.member_put(
                organization_id, people[name], OrganizationRole.MEMBER, SYSTEM, teams={"core": role}
            )
        async with house.app.transaction(organization_id) as txn:
            environment_id = await txn.value("select id from environments")
        await house.bundles.ensure_keys(organization_id)
        return World(house, slug, organization_id, environment_id)

    return make


@pytest.fixture
async def world(new_world: Callable[[], Any]) -> World:
    """A new organisation for each test."""
    return await new_world()


@pytest.fixture
def make_agent(house: House) -> Callable[[str], Agent]:
    """Makes agents that have not enrolled."""
    return lambda hostname: Agent(house, hostname)


@pytest.fixture(scope="session")
async def api(house) -> AsyncIterator[str]:
    """The address of the real API."""
    house.services.rooms.live.attach(house.bus)
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0, "none")
    serving = asyncio.create_task(serve(build_api(house.services), listener, stop))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    house.services.streams.close_all()
    stop.set()
    await serving


class Browser:
    """Somebody who has signed in."""

    def __init__(self, http: httpx2.AsyncClient, base: str) -> None:
        self.http, self.base, self.csrf = http, base, ""

    async def sign_in(self, email: str) -> None:
        answer = await self.http.post("/api/v1/session", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.csrf = answer.json()["csrf_token"]

    async def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"x-csrf-token": self.csrf} | options.pop("headers", {})
        return await self.http.request(method, self.base + path, headers=headers, **options)


@pytest.fixture
async def sign_in(api, world) -> AsyncIterator[Any]:
    """Signs somebody of the organisation in."""
    clients: list[httpx2.AsyncClient] = []

    async def make(name: str, of=world) -> Browser:
        clients.append(httpx2.AsyncClient(base_url=api, timeout=10))
        browser = Browser(clients[-1], f"/api/v1/orgs/{world.slug}/environments/dev")
        await browser.sign_in(f"{name}@{of.slug}.test")
        return browser

    yield make
    for client in clients:
        await client.aclose()
