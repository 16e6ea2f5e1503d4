"""Canaries when migrating, and the fingerprint of the fences when serving (`fingerprint`, `canaries`, `catalogue`)."""

import asyncio
import os
import secrets
import sys

import psycopg
import pytest
from packages.server.tests.conftest import clone
from psycopg.rows import dict_row

from vectorflow.platform import canaries, catalogue, fingerprint
from vectorflow.platform.credentials import SERVING, Role, role_url
from vectorflow.platform.migrate import MigrationRefused, migrate

# What is done by hand, and what `serve` says about it.
CHANGES = {
    "drop policy tenant on teams": "policy public.teams.tenant is gone",
    "alter policy tenant on teams using (true)": "policy public.teams.tenant was changed",
    "create policy wide on teams for select to vf_app using (true)": "policy public.teams.wide is new",
    "alter table teams no force row level security": "table public.teams was changed",
    "alter table teams disable row level security": "table public.teams was changed",
    "grant select on sessions to vf_app": "table public.sessions was changed",
    "grant select (value) on secret_versions to vf_app": "table public.secret_versions was changed",
    "alter table teams owner to vf_app": "table public.teams was changed",
    "grant usage on sequence jobs.procrastinate_events_id_seq to vf_app": "sequence jobs.procrastinate_events_id_seq",
    "grant execute on function vf.organizations_for_work() to vf_app": "function vf.organizations_for_work()",
    "alter function vf.org() owner to postgres": "function vf.org() was changed",
    "alter function vf.org() security invoker": "function vf.org() was changed",
    "create or replace function vf.organizations_for_work() returns setof uuid language sql stable security definer "
    "set search_path = pg_catalog, pg_temp as $$ select id from public.organizations $$": "organizations_for_work()",
    "create function vf.mine() returns int language sql as 'select 1'": "function vf.mine() is new",
    "drop trigger only_grows on audit_records": "trigger public.audit_records.only_grows is gone",
    "alter table audit_records disable trigger only_grows": "trigger public.audit_records.only_grows was changed",
    "alter table teams drop constraint teams_slug_check": "constraint public.teams.teams_slug_check is gone",
    "create view taken as select * from teams": "view public.taken is new",
    "create schema extra": "schema extra is new",
    "grant create on schema public to vf_app": "schema public was changed",
    "alter default privileges grant select on tables to vf_app": "default grants postgres",
    "alter role vf_app bypassrls": "role vf_app was changed",
    "grant pg_read_all_data to vf_worker": "role vf_worker was changed",
    "alter role vf_app set row_security = off": "role vf_app was changed",
}  # fmt: skip


@pytest.fixture(scope="module")
def url() -> str:
    return clone(f"fingerprint_{secrets.token_hex(4)}")


@pytest.fixture
async def admin(url):
    """The superuser, in a transaction that never commits."""
    connection = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)
    yield connection
    await connection.rollback()
    await connection.close()


@pytest.mark.parametrize("role", list(SERVING))
async def test_an_unchanged_catalogue_is_the_same_for_every_role(url, state_dir, role) -> None:
    connection = await psycopg.AsyncConnection.connect(role_url(url, role, state_dir), row_factory=dict_row)
    async with connection:
        await fingerprint.check(connection)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_is_named(admin, change) -> None:
    await admin.execute(change)
    with pytest.raises(fingerprint.CatalogueChanged, match="vectorflow migrate") as caught:
        await fingerprint.check(admin)
    assert CHANGES[change] in str(caught.value)


async def test_a_granted_partition_is_noticed_and_a_new_day_is_not(admin) -> None:
    await admin.execute("select vf.counters_upkeep(20, 30)")
    await fingerprint.check(admin)
    cursor = await admin.execute(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'public.counters'::regclass limit 1"
    )
    await admin.execute(f"grant select on {(await cursor.fetchone())['name']} to vf_app")
    with pytest.raises(fingerprint.CatalogueChanged, match=r"partitions public\.counters was changed"):
        await fingerprint.check(admin)


async def test_many_changes_are_not_all_told(admin) -> None:
    for number in range(12):
        await admin.execute(f"create view v{number} as select 1 as one")
    with pytest.raises(fingerprint.CatalogueChanged, match="and 4 more"):
        await fingerprint.check(admin)


async def test_a_database_from_before_the_fingerprint_is_told_apart(admin) -> None:
    await admin.execute("drop table vf.fingerprint")
    with pytest.raises(fingerprint.CatalogueChanged, match="no fingerprint"):
        await fingerprint.check(admin)


def test_nobody_who_serves_writes_the_fingerprint(url, state_dir) -> None:
    for role in Role:
        with psycopg.connect(role_url(url, role, state_dir), autocommit=True) as connection:
            for statement in ("delete from vf.fingerprint", "update vf.fingerprint set digest = digest"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


BROKEN = {
    "alter table teams disable row level security": "vf_app on public.teams with no scope",
    "alter policy tenant on pipelines using (true)": "public.pipelines with no scope",
    "alter policy tenant on nodes with check (true)": "public.nodes with another's scope",
    "drop policy tenant on secrets": "public.secrets with its own scope",
    "alter policy tenant on bundles using (organization_id::text = left(current_setting('vf.scope', true), 36))":
        "public.bundles with a forged scope",
}  # fmt: skip


@pytest.mark.parametrize("change", BROKEN)
def test_a_canary_finds_the_gap(url, signer, change) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(change)
        with pytest.raises(canaries.IsolationBroken) as caught:
            canaries.try_fences(connection, signer)
        connection.rollback()
    assert BROKEN[change] in str(caught.value)


def test_canaries_try_every_tenant_table_and_leave_nothing(url, signer) -> None:
    with psycopg.connect(url) as connection:
        tried = canaries.try_fences(connection, signer)
        tables = [
            each
            for each in catalogue.read_tables(connection).values()
            if each.tenant_column and each.kind in ("r", "p") and not each.partition_of
        ]
        assert tried > 3 * len(tables)
        for table in tables:
            assert connection.execute(f"select count(*) from {table.name}").fetchone() == (0,), table.name


def test_a_row_that_cannot_be_made_is_said(url, signer) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table odd (organization_id uuid not null, place point not null)")
        with pytest.raises(LookupError, match="no value for type point"):
            canaries.try_fences(connection, signer)
        connection.rollback()


async def test_serve_refuses_until_migrate_has_seen_it(state_dir, tmp_path) -> None:
    url = clone(f"tampered_{secrets.token_hex(4)}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create policy wide on teams for select to vf_app using (true)")
    told = await _served(url, state_dir)
    assert "policy public.teams.wide is new" in told
    assert "Traceback" not in told
    assert "api.listening" not in told
    with pytest.raises(MigrationRefused, match=r"public\.teams with no scope"):
        migrate(url, state_dir)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop policy wide on teams")
        connection.execute("create index harmless on teams (name)")
        connection.execute("alter table teams add constraint more check (name <> '')")
    assert "constraint public.teams.more is new" in await _served(url, state_dir)
    migrate(url, state_dir)
    connection = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)
    async with connection:
        await fingerprint.check(connection)


async def _served(url: str, state_dir) -> str:
    """Start `vectorflow serve`, which must end by itself; return what it said."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "VECTORFLOW_DATABASE_URL": url,
        "VECTORFLOW_STATE_DIR": str(state_dir),
        "VECTORFLOW_PORT": "0",
        "VECTORFLOW_METRICS_PORT": "0",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vectorflow.entry.cli", "serve", "--role", "api",
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        told = (await asyncio.wait_for(child.stderr.read(), 60)).decode()
        assert await asyncio.wait_for(child.wait(), 60) == 1
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return told
