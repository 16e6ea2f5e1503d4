"""Two organisations, and the real application with this room's routes over the real database."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import argon2
import httpx2
import msgspec
import pytest
from litestar import Router
from litestar.di import Provide

from vectorflow.audit.service import AuditAppender
from vectorflow.entry.api import build_api
from vectorflow.entry.services import Services
from vectorflow.identity import http as identity
from vectorflow.identity.passwords import Passwords
from vectorflow.identity.service import SignInLimits
from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.library import http as library_http
from vectorflow.library.rules import PolicyRuleService
from vectorflow.library.service import EngineSchemaService
from vectorflow.library.snippets import SnippetService
from vectorflow.library.templates import TemplateService
from vectorflow.pipelines import http as pipelines_http
from vectorflow.pipelines.compiling import Workbench
from vectorflow.pipelines.revisions import RevisionService
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.surroundings import Surroundings
from vectorflow.pipelines.types import Deployed
from vectorflow.pipelines.unit_tests import UnitTestService
from vectorflow.pipelines.vrl import WorkerVrl
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.tenancy.types import OrganizationRole, TeamRole
from vectorflow.vault import http as vault_http
from vectorflow.vault.service import VaultService

PASSWORD = "correct horse battery staple"


class SetDeployed:
    """Says that what a test put here is deployed."""

    def __init__(self) -> None:
        self.known: dict[UUID, Deployed] = {}

    async def deployed(self, txn: Transaction, pipeline_ids: Sequence[UUID]) -> Mapping[UUID, Deployed]:
        assert txn.scoped
        return {each: self.known[each] for each in pipeline_ids if each in self.known}


class House(msgspec.Struct):
    """The rooms under test."""

    services: Services
    keys: KeyService
    vault: VaultService
    pipelines: PipelineService
    revisions: RevisionService
    deployed: SetDeployed


class World(msgspec.Struct):
    """An organisation and what stands in its address."""

    slug: str
    organization_id: UUID
    environment_id: UUID

    @property
    def path(self) -> str:
        """The path of its first environment."""
        return f"/api/v1/orgs/{self.slug}/environments/dev"


class Client:
    """A signed-in browser."""

    def __init__(self, app: Any) -> None:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://vectorflow.test")
        self.csrf = ""

    async def sign_in(self, email: str) -> None:
        answer = await self.http.post("/api/v1/session", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.csrf = answer.json()["csrf_token"]

    async def request(self, method: str, path: str, *, etag: str | None = None, **options: Any) -> Any:
        headers = {"x-csrf-token": self.csrf} | options.pop("headers", {})
        if etag is not None:
            headers["if-match"] = etag
        return await self.http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        return await self.request("GET", path, **options)

    async def post(self, path: str, body: Any, **options: Any) -> Any:
        return await self.request("POST", path, json=body, **options)

    async def put(self, path: str, body: Any, **options: Any) -> Any:
        return await self.request("PUT", path, json=body, **options)

    async def delete(self, path: str, **options: Any) -> Any:
        return await self.request("DELETE", path, **options)


@pytest.fixture(scope="session")
async def database(database_url: str, state_dir: Path, signer: ScopeSigner) -> AsyncIterator[Database]:
    """The database as role app, with the audit log."""
    url = role_url(database_url, Role.APP, state_dir)
    database = Database(url, signer, size=8, audit_sink=AuditAppender())
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
def workbench() -> Iterator[Workbench]:
    """Checks with real VRL."""
    vrl = WorkerVrl(2)
    workbench = Workbench(vrl)
    yield workbench
    workbench.close()
    vrl.close()


@pytest.fixture(scope="session")
def house(
    database: Database, workbench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Every room, wired as a process wires them."""
    provider = LocalKeyFile(tmp_path_factory.mktemp("state"))
    provider.create()
    passwords = Passwords(hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    limits = SignInLimits(per_address=1_000_000)
    keys = KeyService(database, provider)
    vault = VaultService(keys)
    deployed = SetDeployed()
    surroundings = Surroundings(PolicyRuleService(), workbench, deployed)
    pipelines = PipelineService(vault, workbench, deployed, surroundings=surroundings)
    services = Services(Settings(), database, passwords=passwords, limits=limits, keys=keys)
    yield House(services, keys, vault, pipelines, RevisionService(pipelines), deployed)
    keys.close()
    passwords.close()


@pytest.fixture(scope="session")
def app(house: House) -> Any:
    """The application with the routes of vault and pipelines."""
    named = {
        "vault": house.vault,
        "pipelines": house.pipelines,
        "revisions": house.revisions,
        "policy_rules": PolicyRuleService(),
        "engine_schemas": EngineSchemaService(),
        "programs": house.services.rooms.programs,
        "unit_tests": UnitTestService(),
        "templates_kept": TemplateService(),
        "snippets_kept": SnippetService(),
    }
    dependencies = {name: _constant(service) for name, service in named.items()}
    handlers = [*vault_http.routes, *library_http.routes, *pipelines_http.routes]
    ours = Router("/", route_handlers=handlers, dependencies=dependencies)
    return build_api(house.services, routes=[*identity.routes, ours])


def _constant(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


async def _world(house: House) -> World:
    slug = f"w{secrets.token_hex(5)}"
    people = {
        name: await house.services.identity.account_ensure(f"{name}@{slug}.test", name.title(), PASSWORD)
        for name in ("owner", "viewer")
    }
    environments = (NewEnvironment("dev", "Dev"), NewEnvironment("prod", "Prod"))
    new = NewOrganization(slug, slug.upper(), NewEnvironment("core", "Core"), environments)
    organization_id = await house.services.tenancy.organization_create(new, people["owner"], SYSTEM)
    await house.services.tenancy.member_put(
        organization_id, people["viewer"], OrganizationRole.MEMBER, SYSTEM, teams={"core": TeamRole.VIEWER}
    )
    async with house.services.database.transaction(organization_id) as txn:
        await house.keys.create_for_organization(txn)
        environment_id = await txn.value("select id from environments where slug = 'dev'")
    return World(slug, organization_id, environment_id)


@pytest.fixture
async def world(house: House) -> World:
    """The caller's organisation, a new one for each test."""
    return await _world(house)


@pytest.fixture
async def other(house: House) -> World:
    """An organisation the caller does not belong to."""
    return await _world(house)


@pytest.fixture
async def client(app: Any, world: World) -> AsyncIterator[Client]:
    """The organisation's owner."""
    client = Client(app)
    await client.sign_in(f"owner@{world.slug}.test")
    yield client
    await client.http.aclose()


@pytest.fixture
async def viewer(app: Any, world: World) -> AsyncIterator[Client]:
    """Somebody who may only look."""
    client = Client(app)
    await client.sign_in(f"viewer@{world.slug}.test")
    yield client
    await client.http.aclose()


@pytest.fixture
async def stranger(app: Any, other: World) -> AsyncIterator[Client]:
    """The other organisation's owner."""
    client = Client(app)
    await client.sign_in(f"owner@{other.slug}.test")
    yield client
    await client.http.aclose()


@pytest.fixture
def document() -> dict[str, Any]:
    """A small document that is good."""
    sink = {
        "uri": "https://example.com/",
        "encoding": {"codec": "json"},
        "auth": {"strategy": "bearer", "token": "SECRET[token]"},
    }
    return {
        "components": [
            {"id": "lines", "kind": "source", "type": "demo_logs", "options": {"format": "json"}},
            {"id": "parse", "kind": "transform", "type": "remap", "options": {"source": ".seen = true"}},
            {"id": "out", "kind": "sink", "type": "http", "options": sink},
        ],
        "edges": [{"source": "lines", "target": "parse"}, {"source": "parse", "target": "out"}],
        "layout": {"lines": {"x": 0, "y": 0}},
    }
