"""An organisation with keys, and the roles that may and may not read them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from packages.server.tests.keys.standins import ACCESS_KEY, SECRET_KEY, AwsStandIn, VaultStandIn, serving
from prometheus_client import CollectorRegistry

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.ids import new_id
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.service import KeyService
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.egress.policy import DEFAULT_PORTS, AllowRule, EgressPolicy, Kind
from vectorflow.platform.egress.record import EgressAudit, EgressMetrics, EgressRecord, Outcome
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.scope import ScopeSigner


async def _opened(url: str, role: Role, state_dir: Path, signer: ScopeSigner) -> AsyncIterator[Database]:
    database = Database(role_url(url, role, state_dir), signer, size=4, audit_sink=AuditAppender())
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def app(database_url: str, state_dir: Path, signer: ScopeSigner) -> AsyncIterator[Database]:
    """The database as role app."""
    async for database in _opened(database_url, Role.APP, state_dir, signer):
        yield database


@pytest.fixture(scope="session")
async def signing_database(
    database_url: str, state_dir: Path, signer: ScopeSigner
) -> AsyncIterator[Database]:
    """The database as role signer."""
    async for database in _opened(database_url, Role.SIGNER, state_dir, signer):
        yield database


@pytest.fixture
def provider(tmp_path: Path) -> LocalKeyFile:
    """A platform key of this test's own."""
    provider = LocalKeyFile(tmp_path)
    provider.create()
    return provider


@pytest.fixture(scope="session")
def platform_ring(state_dir: Path) -> KeyRing:
    """What wraps the platform's own data key, of which a database has one for all tests and for started servers."""
    return KeyRing(LocalKeyFile(state_dir))


@pytest.fixture
def keys(app: Database, provider: LocalKeyFile) -> KeyService:
    """Sealing as role app."""
    return KeyService(app, provider)


NewOrganization = Callable[[], Awaitable[UUID]]


@pytest.fixture
def new_organization_under(app: Database) -> Callable[[KeyService], Awaitable[UUID]]:
    """Make an organisation with its data key, by the given service."""

    async def make(keys: KeyService) -> UUID:
        organization_id = new_id()
        async with app.transaction(organization_id) as txn:
            await txn.execute(
                "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'Test')",
                {"slug": f"t{organization_id.hex[-20:]}"},
            )
            await keys.create_for_organization(txn)
        return organization_id

    return make


@pytest.fixture
def new_organization(
    keys: KeyService, new_organization_under: Callable[[KeyService], Awaitable[UUID]]
) -> NewOrganization:
    """Make an organisation with its data key."""
    return lambda: new_organization_under(keys)


class SilentAudit:
    """Takes what egress tells and keeps it."""

    def __init__(self) -> None:
        self.records: list[EgressRecord] = []

    async def egress_started(self, record: EgressRecord) -> None:
        self.records.append(record)

    async def egress_finished(self, record: EgressRecord, outcome: Outcome) -> None:
        del record, outcome

    async def egress_closed(self) -> None:
        pass


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    """The way out, with loopback allowed as an operator of a self-hosted installation would."""
    found = loopback_egress()
    yield found
    await found.aclose()


def loopback_egress(audit: EgressAudit | None = None) -> Egress:
    ports = dict(DEFAULT_PORTS) | {Kind.HTTP: frozenset(range(1, 65536))}
    policy = EgressPolicy(allow=(AllowRule.parse("127.0.0.0/8"),), ports=ports)
    return Egress(policy, audit=audit or SilentAudit(), metrics=EgressMetrics(CollectorRegistry()))


@pytest.fixture
def kms() -> Iterator[AwsStandIn]:
    """A stand-in of AWS KMS and STS."""
    with serving(AwsStandIn()) as found:
        assert isinstance(found, AwsStandIn)
        yield found


@pytest.fixture
def vault() -> Iterator[VaultStandIn]:
    """A stand-in of Vault Transit."""
    with serving(VaultStandIn()) as found:
        assert isinstance(found, VaultStandIn)
        yield found


@pytest.fixture
def aws_file(tmp_path: Path) -> Path:
    """The platform's access key, as its settings name it."""
    path = tmp_path / "aws"
    path.write_text(f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    return path
