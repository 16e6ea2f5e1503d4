"""Two organisations with somebody in every role, and the real application over the real database."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import argon2
import httpx2
import pytest

from vectorflow.audit.service import AuditAppender
from vectorflow.entry.api import build_api
from vectorflow.entry.services import Services
from vectorflow.identity.passwords import Passwords
from vectorflow.identity.service import SignInLimits
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database, JobSink
from vectorflow.platform.jobs import Jobs
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings
from vectorflow.tenancy import store
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.tenancy.types import OrganizationRole, TeamRef, TeamRole

PASSWORD = "correct horse battery staple"
HOST = "vectorflow.test"

# (name, role in the organisation, role in the team `core`)
PEOPLE = (
    ("owner", OrganizationRole.OWNER, None),
    ("admin", OrganizationRole.ADMIN, None),
    ("auditor", OrganizationRole.AUDITOR, None),
    ("member", OrganizationRole.MEMBER, None),
    ("viewer", OrganizationRole.MEMBER, TeamRole.VIEWER),
    ("editor", OrganizationRole.MEMBER, TeamRole.EDITOR),
    ("deployer", OrganizationRole.MEMBER, TeamRole.DEPLOYER),
    ("team-admin", OrganizationRole.MEMBER, TeamRole.ADMIN),
)


@dataclass
class World:
    """One organisation: its slug, its people by name, the environments `dev` (theirs) and `far` (another team's)."""

    slug: str
    organization_id: UUID
    people: dict[str, UUID] = field(default_factory=dict)

    def email(self, name: str) -> str:
        return f"{name}@{self.slug}.test"


class Client:
    """A browser: keeps its cookie, sends the CSRF token it was given."""

    def __init__(self, app: Any, **headers: str) -> None:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}", headers=headers)
        self.csrf = ""

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx2.Response:
        answer = await self.http.post("/api/v1/session", json={"email": email, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer

    async def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx2.Response:
        sent = {"x-csrf-token": self.csrf} | dict(headers or {})
        return await self.http.request(method, path, headers=sent, **options)

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.request("GET", path, **options)


@pytest.fixture(scope="session")
async def database(database_url: str, state_dir: Path, signer: ScopeSigner) -> AsyncIterator[Database]:
    """The database as role app, with the audit log."""
    url = role_url(database_url, Role.APP, state_dir)
    database = Database(url, signer, size=8, audit_sink=AuditAppender(), job_sink=cast("JobSink", Jobs()))
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def passwords() -> AsyncIterator[Passwords]:
    """Argon2id with the least cost, so that tests sign in quickly."""
    passwords = Passwords(hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield passwords
    passwords.close()


NewServices = Callable[..., Services]


@pytest.fixture(scope="session")
def new_services(database: Database, passwords: Passwords, state_dir: Path) -> NewServices:
    """Make the services of another process over the same database."""

    def make(settings: Settings | None = None, **options: Any) -> Services:
        options.setdefault("limits", SignInLimits(per_address=1_000_000))
        options.setdefault("address_buckets", TokenBuckets(burst=1e9, per_second=1e9))
        options.setdefault("keys", KeyService(database, LocalKeyFile(state_dir)))
        return Services(settings or Settings(), database, passwords=passwords, **options)

    return make


@pytest.fixture(scope="session")
def services(new_services: NewServices) -> Services:
    """The services of the process under test."""
    return new_services()


@pytest.fixture(scope="session")
def app(services: Services) -> Any:
    """The application of the process under test."""
    return build_api(services)


@pytest.fixture(scope="session")
async def world(services: Services) -> World:
    """The organisation of the caller."""
    return await make_world(services)


@pytest.fixture(scope="session")
async def other(services: Services) -> World:
    """An organisation the caller does not belong to."""
    return await make_world(services)


async def make_world(services: Services) -> World:
    slug = f"w{secrets.token_hex(5)}"
    people = {
        name: await services.identity.account_ensure(f"{name}@{slug}.test", name.title(), PASSWORD)
        for name, _, _ in PEOPLE
    }
    new = NewOrganization(
        slug,
        slug.upper(),
        NewEnvironment("core", "Core"),
        (NewEnvironment("dev", "Dev"), NewEnvironment("prod", "P")),
    )
    organization_id = await services.tenancy.organization_create(new, people["owner"], SYSTEM)
    for name, role, team_role in PEOPLE[1:]:
        teams = {"core": team_role} if team_role else None
        await services.tenancy.member_put(organization_id, people[name], role, SYSTEM, teams=teams)
    async with services.database.transaction(organization_id) as txn:
        far = TeamRef(new_id(), "far-team", "Far team")
        await store.team_insert(txn, far)
        await store.environment_insert(txn, new_id(), far.id, slug="far", name="Far", position=9)
    return World(slug, organization_id, people)


SignedIn = Callable[[World, str], Awaitable[Client]]


@pytest.fixture(scope="session")
async def signed_in(app: Any) -> AsyncIterator[SignedIn]:
    """Sign somebody in; the same browser is used again for the same person."""
    clients: dict[str, Client] = {}

    async def sign_in(world: World, name: str) -> Client:
        email = world.email(name)
        if email not in clients:
            clients[email] = Client(app)
            answer = await clients[email].sign_in(email)
            assert answer.status_code == 200, answer.text
        return clients[email]

    yield sign_in
    for client in clients.values():
        await client.http.aclose()


@pytest.fixture
async def browser(app: Any) -> AsyncIterator[Client]:
    """A browser in which nobody has signed in."""
    client = Client(app)
    yield client
    await client.http.aclose()
