"""The real PgBouncer in transaction mode: many organisations over few server connections never see each other.

Bus and jobs go past it, as their address says; an address that leads through it is refused at the start.
"""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from packages.server.tests.conftest import clone
from structlog.testing import capture_logs

from vectorflow.platform import credentials, direct, fingerprint
from vectorflow.platform.bus import Bus
from vectorflow.platform.credentials import Role, role_url, with_login
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs

SERVER_CONNECTIONS = 3
ORGANIZATIONS = 30
ROUNDS = 8
_NOBODY = 65534


def _program() -> str:
    """Return PgBouncer's path; root may install Debian's package, else the tests are skipped with the reason."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "pgbouncer"]
        subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            check=False,
            timeout=90,
        )
        found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer), so it was not tried")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def direct_url() -> str:
    return clone(f"bouncer_{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def bouncer_url(direct_url: str, state_dir: Path) -> Iterator[str]:
    """A superuser-less base URL through PgBouncer to a clone."""
    program, port = _program(), _free_port()
    directory = Path(tempfile.mkdtemp(prefix="vectorflow-bouncer-"))
    server = urlsplit(direct_url)
    stored = credentials.load(state_dir)
    assert stored is not None
    users = "".join(f'"{name}" "{password}"\n' for name, password in stored.passwords.items())
    (directory / "users.txt").write_text(users)
    (directory / "bouncer.ini").write_text(
        f"""[databases]
clone = host={server.hostname} port={server.port} dbname={server.path[1:]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {directory}/users.txt
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
max_client_conn = 200
"""
    )
    command = [program, "-q", str(directory / "bouncer.ini")]
    if os.geteuid() == 0:  # it refuses to run as root
        for path in (directory, *directory.iterdir()):
            os.chown(path, _NOBODY, _NOBODY)
        command = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--", *command]
    with (directory / "bouncer.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = with_login(f"postgresql://127.0.0.1:{port}/clone", "nobody", "")
    try:
        _wait(process, role_url(url, Role.APP, state_dir), directory / "bouncer.log")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(directory)


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module")
async def pooled(bouncer_url, state_dir, signer):
    database = Database(role_url(bouncer_url, Role.APP, state_dir), signer, size=20)
    await database.open()
    yield database
    await database.close()


async def _make(database: Database, organization: UUID) -> None:
    async with database.transaction(organization) as txn:
        await txn.execute(
            "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'O')",
            {"slug": f"o{organization.hex[:20]}"},
        )
        for slug in ("one", "two"):
            await txn.execute(
                "insert into teams (organization_id, id, slug, name) values (%(organization_id)s, %(id)s, %(slug)s, 'T')",
                {"id": uuid4(), "slug": slug},
            )


async def test_many_organisations_over_few_connections(pooled) -> None:
    organizations = [uuid4() for _ in range(ORGANIZATIONS)]
    for organization in organizations:
        await _make(pooled, organization)
    served: dict[int, set[UUID | None]] = defaultdict(set)

    async def live(organization: UUID) -> None:
        for _ in range(ROUNDS):
            async with pooled.transaction(organization) as txn:
                served[await txn.value("select pg_backend_pid()")].add(organization)
                await asyncio.sleep(0)
                assert await txn.value("select array_agg(distinct organization_id) from teams") == [
                    organization
                ]
                assert await txn.value("select count(*) from teams") == 2
                assert await txn.value("select id from organizations") == organization
            async with pooled.unscoped() as txn:
                served[await txn.value("select pg_backend_pid()")].add(None)
                assert await txn.value("select count(*) from teams") == 0
                assert not await txn.value("select current_setting('vf.scope', true)")

    async with asyncio.timeout(60):
        await asyncio.gather(*(live(each) for each in organizations))
    assert 1 <= len(served) <= SERVER_CONNECTIONS
    assert (
        max(map(len, served.values())) > ORGANIZATIONS // SERVER_CONNECTIONS
    )  # connections really are shared


async def test_a_failed_or_abandoned_transaction_leaves_no_scope(pooled) -> None:
    organization = uuid4()
    await _make(pooled, organization)
    for _ in range(SERVER_CONNECTIONS * 2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with pooled.transaction(organization) as txn:
                await txn.execute("select 1/0")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), pooled.transaction(organization) as txn:
                await txn.execute("select pg_sleep(1)")
        async with pooled.unscoped() as txn:
            assert not await txn.value("select current_setting('vf.scope', true)")
            assert await txn.value("select count(*) from teams") == 0


def test_a_scope_for_the_session_would_have_leaked(bouncer_url, state_dir, signer) -> None:
    """The positive control, and why the scope is set for the transaction only."""
    url = role_url(bouncer_url, Role.APP, state_dir)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as careless:
        careless.execute("select set_config('vf.scope', %s, false)", [signer.sign(uuid4())])
        leaked = []
        for _ in range(SERVER_CONNECTIONS * 4):
            with psycopg.connect(url, autocommit=True, prepare_threshold=None) as next_one:
                leaked.append(next_one.execute("select current_setting('vf.scope', true)").fetchone()[0])
        assert any(leaked)
        for _ in range(SERVER_CONNECTIONS * 4):
            careless.execute("select set_config('vf.scope', '', false)")


async def test_the_fingerprint_is_checked_through_it(pooled) -> None:
    async with pooled.connection() as connection:
        await fingerprint.check(connection)


async def _told(environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    """Run `vectorflow serve` until it ends by itself or says that it listens; return its exit code and its words."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vectorflow.entry.cli", "serve", *arguments, env=environment,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said = ""
    try:
        async with asyncio.timeout(60):
            while (line := (await child.stderr.readline()).decode()) and "api.listening" not in said:
                said += line
        if "api.listening" not in said:
            return await asyncio.wait_for(child.wait(), 60), said
        return None, said
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@pytest.fixture
def environment(bouncer_url, state_dir) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {
        "VECTORFLOW_DATABASE_URL": bouncer_url,
        "VECTORFLOW_STATE_DIR": str(state_dir),
        "VECTORFLOW_PORT": "0",
        "VECTORFLOW_LOG_FORMAT": "json",
    }


async def test_an_address_of_the_bus_that_leads_through_it_stops_the_start(
    environment, direct_url, state_dir, bouncer_url
) -> None:
    code, said = await _told(environment, "--role", "api")
    assert code == 1
    assert "VECTORFLOW_DATABASE_DIRECT_URL" in said
    assert "Traceback" not in said
    assert "postgresql://" not in said
    own = environment | {
        "VECTORFLOW_DATABASE_DIRECT_URL": direct_url,
        "VECTORFLOW_DATABASE_WORKER_URL": role_url(bouncer_url, Role.WORKER, state_dir),
    }
    code, said = await _told(own, "--role", "api", "--role", "worker")  # a login of one role goes past it too
    assert code is None, said


async def test_the_addresses_are_told_apart(bouncer_url, direct_url, state_dir) -> None:
    for role in (Role.APP, Role.WORKER):
        await direct.refuse_pooler(role_url(direct_url, role, state_dir))
        with pytest.raises(direct.PooledAddress):
            await direct.refuse_pooler(role_url(bouncer_url, role, state_dir))
    await direct.refuse_pooler("postgresql://nobody@127.0.0.1:1/gone")  # away, so not judged


async def test_the_bus_hears_nothing_through_it_and_says_so(
    pooled, bouncer_url, direct_url, state_dir
) -> None:
    through = Bus(role_url(bouncer_url, Role.APP, state_dir))
    past = Bus(role_url(direct_url, Role.APP, state_dir))
    heard: asyncio.Queue[object] = asyncio.Queue()
    past.subscribe("test.topic", heard.put_nowait)
    through.subscribe("test.topic", lambda _message: pytest.fail("it cannot have heard that"))
    running = [asyncio.create_task(each.run()) for each in (through, past)]
    try:
        with capture_logs() as logs:
            await asyncio.wait_for(past.connected.wait(), 30)
            async with pooled.transaction(uuid4()) as txn:  # sent through PgBouncer, heard past it
                await txn.notify("test.topic")
            assert await asyncio.wait_for(heard.get(), 30)
            async with asyncio.timeout(30):
                while not any(each["event"] == "bus.pooled" for each in logs):
                    await asyncio.sleep(0.05)
        assert not through.connected.is_set()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def test_a_listener_through_it_would_have_missed_messages(bouncer_url, state_dir) -> None:
    """The positive control: LISTEN is accepted without a word, and the message never comes."""
    url = role_url(bouncer_url, Role.APP, state_dir)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as careless:
        careless.execute("listen vectorflow")
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as other:
            other.execute("select pg_notify('vectorflow', '{}')")
        assert list(careless.notifies(timeout=1, stop_after=1)) == []


async def test_jobs_deferred_through_it_are_claimed_past_it(
    bouncer_url, direct_url, state_dir, signer
) -> None:
    jobs, done, ran = Jobs(), asyncio.Event(), []

    async def run(organization_id: UUID, _arguments) -> None:
        ran.append(organization_id)
        if len(ran) == len(organizations):
            done.set()

    jobs.task("test.pooled", run, help="A test.")
    organizations = [uuid4() for _ in range(6)]
    database = Database(role_url(bouncer_url, Role.APP, state_dir), signer, size=6, job_sink=jobs)
    await database.open()
    worker = asyncio.create_task(jobs.work(role_url(direct_url, Role.WORKER, state_dir)))
    try:

        async def defer(organization: UUID) -> None:
            async with database.transaction(organization) as txn:
                await txn.defer("test.pooled", {}, lock="same", queueing_lock="same")
                await txn.defer(
                    "test.pooled", {}, lock="same", queueing_lock="same"
                )  # one that waits is enough

        await asyncio.gather(*(defer(each) for each in organizations))
        await asyncio.wait_for(done.wait(), 60)
        assert sorted(ran) == sorted(organizations)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        await database.close()
