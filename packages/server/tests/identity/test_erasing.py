"""A person is erased: name and address stand nowhere in the database afterwards, and every chain still holds."""

import secrets

import psycopg
import pytest
from packages.server.tests.entry.conftest import *  # noqa: F403
from packages.server.tests.entry.conftest import PASSWORD, Client, make_world
from psycopg import sql

from vectorflow.audit.service import ERASED, AuditAppender, AuditService
from vectorflow.identity.erasing import PersonEraser
from vectorflow.identity.errors import AccountNotFoundError, OnlyOwnerError
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.catalogue import RowMaker, insertion, read_tables
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.tenancy.types import OrganizationRole

_NAMES = """
select c.oid::regclass::text, named::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join vf.names_of_people(c.oid::regclass) as named
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
"""


@pytest.fixture
async def eraser(database_url, state_dir, signer):
    url = role_url(database_url, Role.OPERATOR, state_dir)
    database = Database(url, signer, size=2, audit_sink=AuditAppender())
    await database.open()
    yield PersonEraser(database)
    await database.close()


@pytest.fixture
async def person(services, world):
    """Somebody who is a member, with a name and an address that are nobody else's."""
    word = secrets.token_hex(8)
    email, name = f"{word}@example.test", f"Ada {word.upper()}"
    account_id = await services.identity.account_ensure(email, name, PASSWORD)
    teams = {"core": "DEPLOYER"}
    await services.tenancy.member_put(
        world.organization_id, account_id, OrganizationRole.ADMIN, SYSTEM, teams=teams
    )
    return account_id, email, name


def _scatter(connection: psycopg.Connection, world, name: str) -> set[str]:
    """Write the name into every column that holds one, and into sentences; return the tables."""
    connection.execute("set session_replication_role = replica")
    tables = read_tables(connection)
    maker, organization = RowMaker(tables), world.organization_id
    spots = connection.execute(_NAMES).fetchall()
    spots += [("rollouts", "reason"), ("assignments", "reason")]
    for number, (table, column) in enumerate(spots, 100):
        row = maker.row(f"public.{table}", organization, number)
        row |= {column: f"{name} cancelled it" if column == "reason" else name}
        connection.execute(*insertion(tables[f"public.{table}"], row))
    return {table for table, _ in spots}


def _found(connection: psycopg.Connection, *texts: str) -> set[str]:
    """The tables in which one of the texts stands anywhere, in whatever case."""
    found = set()
    for name, table in read_tables(connection).items():
        if table.kind in ("r", "p") and not table.partition_of:
            statement = sql.SQL("select exists (select 1 from {} t where lower(t::text) like any(%s))")
            wanted = [f"%{text.lower()}%" for text in texts]
            if connection.execute(statement.format(table.identifier), [wanted]).fetchone() == (True,):
                found.add(name.removeprefix("public."))
    return found


async def _chains_hold(services, worker_database, world) -> None:
    for verdict in (
        await AuditService(services.database).verify(world.organization_id),
        await AuditService(worker_database).verify_platform(),
    ):
        assert verdict.broken_at is None, verdict
        assert verdict.records > 0


async def test_nothing_tells_who_it_was_and_the_chains_hold(  # noqa: PLR0917
    eraser, person, services, worker_database, world, app, database_url, signed_in
) -> None:
    account_id, email, name = person
    browser = Client(app)
    assert (await browser.sign_in(email)).status_code == 200
    assert (await browser.get("/api/v1/session")).status_code == 200
    with psycopg.connect(database_url) as connection:
        scattered = _scatter(connection, world, name)
    with psycopg.connect(database_url) as connection:
        assert _found(connection, name, email) >= scattered | {"accounts"}
    await _chains_hold(services, worker_database, world)
    done = await eraser.erase(email.upper(), SYSTEM)
    assert done.account_id == account_id
    assert done.organizations == 1
    assert done.places == len(scattered) + 1  # rollouts hold it twice
    await _chains_hold(services, worker_database, world)
    with psycopg.connect(database_url) as connection:
        assert _found(connection, name, email) == set()
        left = connection.execute("select count(*) from sessions where account_id = %s", [account_id])
        assert left.fetchone() == (0,)
    services.sessions.clear()  # what the bus does in every process
    assert (await browser.get("/api/v1/session")).status_code == 401
    assert (await browser.sign_in(email)).status_code == 401
    await browser.http.aclose()
    reader = await signed_in(world, "auditor")
    log = (await reader.get(f"/api/v1/orgs/{world.slug}/audit", params={"actor_id": str(account_id)})).json()
    assert {each["actor"] for each in log["items"]} == {ERASED}
    told = await AuditService(services.database).records(world.organization_id, limit=5)
    assert any(each.action == "account.erased" and each.object_id == str(account_id) for each in told)
    with pytest.raises(AccountNotFoundError):
        await eraser.erase(email, SYSTEM)


async def test_somebody_of_the_same_name_elsewhere_keeps_it(eraser, person, other, database_url) -> None:
    _, email, name = person
    with psycopg.connect(database_url) as connection:
        scattered = _scatter(connection, other, name)  # of an organisation that never knew this account
    await eraser.erase(email, SYSTEM)
    with psycopg.connect(database_url) as connection:
        assert _found(connection, name) == scattered


async def test_the_only_owner_stays_until_there_is_another(eraser, services) -> None:
    world = await make_world(services)
    with pytest.raises(OnlyOwnerError, match=world.slug):
        await eraser.erase(world.email("owner"), SYSTEM)
    assert await services.identity.account_find(world.email("owner")) == world.people["owner"]
    await services.tenancy.member_put(
        world.organization_id, world.people["admin"], OrganizationRole.OWNER, SYSTEM
    )
    assert (await eraser.erase(world.email("owner"), SYSTEM)).organizations == 1
    assert await services.identity.account_find(world.email("owner")) is None
