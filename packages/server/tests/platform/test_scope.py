"""The signed scope, tried with a real connection of the role ``app``."""

import time
import uuid

import psycopg
import pytest

from vectorflow.platform import scope
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database, NoScope
from vectorflow.platform.scope import ScopeSigner


async def test_scope_reaches_the_database(bare_database: Database) -> None:
    organization = uuid.uuid4()
    async with bare_database.transaction(organization) as txn:
        assert await txn.value("select vf.org()") == organization
    async with bare_database.unscoped() as txn:
        assert await txn.value("select vf.org()") is None
        with pytest.raises(NoScope):
            _ = txn.organization_id


def test_a_keyed_hash_is_of_its_key_purpose_organisation_and_value() -> None:
    key, organization = scope.new_key(), uuid.uuid4()
    one = ScopeSigner(key).keyed_hash("a", organization, b"value")
    assert one == ScopeSigner(key).keyed_hash("a", organization, b"value")
    others = [
        ScopeSigner(scope.new_key()).keyed_hash("a", organization, b"value"),
        ScopeSigner(key).keyed_hash("b", organization, b"value"),
        ScopeSigner(key).keyed_hash("a", uuid.uuid4(), b"value"),
        ScopeSigner(key).keyed_hash("a", organization, b"other"),
    ]
    assert len({one, *others}) == 5


async def test_scope_ends_with_its_transaction(bare_database: Database) -> None:
    async with bare_database.connection() as connection:
        async with connection.transaction():
            await connection.execute("select set_config('vf.scope', 'anything', true)")
        cursor = await connection.execute("select current_setting('vf.scope', true) as scope")
        assert (await cursor.fetchone()) == {"scope": ""}


@pytest.mark.parametrize(
    ("forge", "complaint"),
    [
        (lambda signed: signed[:-1] + ("0" if signed[-1] != "0" else "1"), "not genuine"),
        (lambda signed: f"{uuid.uuid4()}{signed[36:]}", "not genuine"),
        (lambda signed: str(uuid.uuid4()), "malformed"),
        (lambda signed: signed + "' or true", "malformed"),
        (lambda signed: signed.upper(), "malformed"),
        (lambda signed: signed[:-65] + "x" + signed[-64:], "malformed"),
        (lambda signed: signed[:-65] + signed[-64:], "malformed"),
        (lambda signed: signed[-64:], "malformed"),
        (lambda signed: "\u00e9" + signed, "malformed"),
    ],
)
def test_forged_scope_is_an_error(database_url, state_dir, signer, forge, complaint) -> None:
    forged = forge(signer.sign(uuid.uuid4()))
    with psycopg.connect(role_url(database_url, Role.APP, state_dir)) as connection:
        connection.execute("select set_config('vf.scope', %s, true)", [forged])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=complaint):
            connection.execute("select vf.org()")


def test_expired_scope_is_an_error(database_url, state_dir, signer) -> None:
    old = signer.sign(uuid.uuid4(), now=time.time() - scope.LIFETIME_SECONDS - 5)
    with psycopg.connect(role_url(database_url, Role.APP, state_dir)) as connection:
        connection.execute("select set_config('vf.scope', %s, true)", [old])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="expired"):
            connection.execute("select vf.org()")


def test_another_key_signs_nothing(database_url, state_dir) -> None:
    signed = ScopeSigner(scope.new_key()).sign(uuid.uuid4())
    with psycopg.connect(role_url(database_url, Role.APP, state_dir)) as connection:
        connection.execute("select set_config('vf.scope', %s, true)", [signed])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not genuine"):
            connection.execute("select vf.org()")


def test_the_keys_cannot_be_read_by_a_serving_role(database_url, state_dir) -> None:
    for role in Role:
        with (
            psycopg.connect(role_url(database_url, role, state_dir)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("select * from vf.scope_keys")


async def test_scope_never_stands_in_a_statement(bare_database: Database, database_url: str) -> None:
    organization = uuid.uuid4()
    async with bare_database.transaction(organization) as txn:
        pid = await txn.value("select pg_backend_pid()")
        with psycopg.connect(database_url) as observer:
            row = observer.execute("select query from pg_stat_activity where pid = %s", [pid]).fetchone()
        assert row is not None
        assert str(organization) not in row[0]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ScopeSigner(b"short")
