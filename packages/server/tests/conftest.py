"""One embedded PostgreSQL cluster for the whole test run, one cloned database for each test process."""

import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from packages.server.tests.platform.egress.guard import guarding
from psycopg import sql

from vectorflow.keys.providers import LocalKeyFile
from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.scope import ScopeSigner

TEMPLATE = "vectorflow_template"
_started: list[EmbeddedPostgres] = []  # kept, so that the process is not forgotten while it runs


@pytest.fixture(autouse=True)
def only_vetted_connections() -> Iterator[None]:
    """Fail every test of the server that opens a connection which egress did not vet; loopback is free."""
    with guarding():
        yield


def run_directory() -> Path:
    """The directory of this test run, shared by its processes."""
    return Path(os.environ["VECTORFLOW_TEST_RUN"])


def cluster_url() -> str:
    """Return the superuser's URL of the run's cluster; the first process that asks starts it."""
    directory = run_directory()
    with (directory / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = directory / "cluster.url"
        if not known.exists():
            cluster = EmbeddedPostgres(directory / "postgres", durable=False)
            cluster.start()
            _started.append(cluster)
            cluster.ensure_database(TEMPLATE)
            migrate(cluster.database_url(TEMPLATE), directory / "state")
            LocalKeyFile(directory / "state").create()
            known.write_text(cluster.url)
        return known.read_text()


@pytest.fixture(scope="session")
def state_dir() -> Path:
    """The directory with the credentials of the test cluster."""
    cluster_url()
    return run_directory() / "state"


def clone(name: str) -> str:
    """Create a database from the template and return its superuser URL."""
    url = cluster_url()
    with psycopg.connect(url, autocommit=True) as connection:
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
    return url.rpartition("/")[0] + "/" + name


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
