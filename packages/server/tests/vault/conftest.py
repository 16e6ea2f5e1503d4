"""An environment with secrets, as the role that writes them and the role that reads them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.ids import new_id
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.scope import ScopeSigner
from vectorflow.vault.service import VaultService


class Place(NamedTuple):
    organization_id: UUID
    environment_id: UUID


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


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> LocalKeyFile:
    """The platform key of these tests."""
    provider = LocalKeyFile(tmp_path_factory.mktemp("state"))
    provider.create()
    return provider


@pytest.fixture
def vault(app: Database, provider: LocalKeyFile) -> VaultService:
    """Secrets, as the API keeps them."""
    return VaultService(KeyService(app, provider))


@pytest.fixture
def signers_vault(signing_database: Database, provider: LocalKeyFile) -> VaultService:
    """Secrets, as the signer reads them."""
    return VaultService(KeyService(signing_database, provider))


NewPlace = Callable[[], Awaitable[Place]]


@pytest.fixture
def new_place(app: Database, provider: LocalKeyFile) -> NewPlace:
    """Make an organisation with a data key, a team and an environment."""

    async def make() -> Place:
        place = Place(new_id(), new_id())
        async with app.transaction(place.organization_id) as txn:
            await txn.execute(
                "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'Test')",
                {"slug": f"t{place.organization_id.hex[-20:]}"},
            )
            team = {"team": new_id(), "environment": place.environment_id}
            await txn.execute(
                "insert into teams (organization_id, id, slug, name) values (%(organization_id)s, %(team)s, 'te', 'T')",
                team,
            )
            await txn.execute(
                """insert into environments (organization_id, id, team_id, slug, name, position)
                values (%(organization_id)s, %(environment)s, %(team)s, 'dev', 'Dev', 0)""",
                team,
            )
            await KeyService(app, provider).create_for_organization(txn)
        return place

    return make
