"""One embedded PostgreSQL cluster for the whole test run, one cloned database for each test process."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.scope import ScopeSigner

TEMPLATE = "vectorflow_template"
_URL = "VECTORFLOW_TEST_CLUSTER"
_STATE = "VECTORFLOW_TEST_STATE"
_cluster: dict[str, EmbeddedPostgres] = {}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the cluster in the controlling process, before test processes are made."""
    if hasattr(session.config, "workerinput") or _URL in os.environ:
        return
    directory = tempfile.mkdtemp(prefix="vectorflow-test-")
    state = Path(directory) / "state"
    cluster = EmbeddedPostgres(Path(directory) / "postgres", durable=False)
    cluster.start()
    _cluster["running"] = cluster
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    migrate(cluster.database_url(TEMPLATE), state)
    os.environ[_URL] = cluster.url
    os.environ[_STATE] = str(state)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the cluster where it was started."""
    cluster = _cluster.pop("running", None)
    if cluster is not None:
        cluster.stop()
        del os.environ[_URL]


@pytest.fixture(scope="session")
def state_dir() -> Path:
    """The directory with the credentials of the test cluster."""
    return Path(os.environ[_STATE])


def clone(name: str) -> str:
    """Create a database from the template and return its superuser URL."""
    cluster_url = os.environ[_URL]
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
        )
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
        for role in Role:
            connection.execute(
                sql.SQL("grant connect on database {} to {}").format(
                    sql.Identifier(name), sql.Identifier(role.value)
                )
            )
            connection.execute(
                sql.SQL("alter role {} in database {} set search_path = public, jobs").format(
                    sql.Identifier(role.value), sql.Identifier(name)
                )
            )
    return cluster_url.rpartition("/")[0] + "/" + name


@pytest.fixture(scope="session")
def database_url(worker_id: str = "main") -> str:
    """The superuser's URL of this test process's own database."""
    return clone(f"test_{os.environ.get('PYTEST_XDIST_WORKER', worker_id)}_{secrets.token_hex(3)}")


@pytest.fixture(scope="session")
def signer(state_dir: Path) -> ScopeSigner:
    """Signs scopes with the test cluster's key."""
    return ScopeSigner(credentials.scope_key(state_dir))


@pytest.fixture(scope="session")
async def bare_database(database_url: str, state_dir: Path, signer: ScopeSigner) -> AsyncIterator[Database]:
    """The database as role ``app``, wired with neither audit nor jobs."""
    database = Database(role_url(database_url, Role.APP, state_dir), signer, size=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def worker_database(database_url: str, state_dir: Path, signer: ScopeSigner) -> AsyncIterator[Database]:
    """The database as role ``worker``."""
    database = Database(role_url(database_url, Role.WORKER, state_dir), signer, size=4)
    await database.open()
    yield database
    await database.close()
