"""An organisation with keys, and the roles that may and may not read them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.ids import new_id
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
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


@pytest.fixture
def keys(app: Database, provider: LocalKeyFile) -> KeyService:
    """Sealing as role app."""
    return KeyService(app, provider)


NewOrganization = Callable[[], Awaitable[UUID]]


@pytest.fixture
def new_organization(app: Database, keys: KeyService) -> NewOrganization:
    """Make an organisation with its data key."""

    async def make() -> UUID:
        organization_id = new_id()
        async with app.transaction(organization_id) as txn:
            await txn.execute(
                "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'Test')",
                {"slug": f"t{organization_id.hex[-20:]}"},
            )
            await keys.create_for_organization(txn)
        return organization_id

    return make
