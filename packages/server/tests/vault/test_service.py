import psycopg
import pytest

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.keys.errors import SealBroken
from vectorflow.vault.errors import SecretInvalid, SecretNameTaken, SecretNotFound
from vectorflow.vault.types import MOST_VALUE_BYTES, SecretValue

CANARY = "canary-8c1f0e"


async def made(app, vault, place, name="token", value=CANARY):
    async with app.transaction(place.organization_id) as txn:
        return await vault.create(txn, SYSTEM, place.environment_id, name, value)


@pytest.fixture
def lend(signing_database, signers_vault):
    async def lend(place, *names) -> list[SecretValue]:
        async with signing_database.transaction(place.organization_id) as txn:
            lent = await signers_vault.secret_values(txn, place.environment_id, names)
            return sorted(lent.values.values(), key=lambda each: each.name)

    return lend


async def replaced(app, vault, place, secret, value):
    async with app.transaction(place.organization_id) as txn:
        held = await vault.for_change(txn, place.environment_id, secret.id)
        return await vault.replace(txn, SYSTEM, place.environment_id, held, value)


async def test_the_signer_reads_the_newest_values(new_place, app, vault, lend) -> None:
    place = await new_place()
    first = await made(app, vault, place)
    await made(app, vault, place, "other", "müsli\n")
    newer = await replaced(app, vault, place, first, "second")
    assert (newer.id, newer.version) == (first.id, 2)
    values = await lend(place, "token", "other", "absent")
    assert [(each.name, each.version, each.value) for each in values] == [
        ("other", 1, "müsli\n".encode()),
        ("token", 2, b"second"),
    ]
    assert "second" not in repr(values)


async def test_another_organisation_or_environment_gets_nothing(new_place, app, vault, lend) -> None:
    place, other = await new_place(), await new_place()
    secret = await made(app, vault, place)
    assert await lend(other, "token") == []
    crossed = other._replace(environment_id=place.environment_id)
    assert await lend(crossed, "token") == []
    for wrong in (other, crossed, place._replace(environment_id=other.environment_id)):
        with pytest.raises(SecretNotFound):
            await replaced(app, vault, wrong, secret, "stolen")
    foreign_environment = place._replace(environment_id=other.environment_id)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await made(app, vault, foreign_environment)


async def test_a_name_is_taken_once_per_environment(new_place, app, vault) -> None:
    place, other = await new_place(), await new_place()
    await made(app, vault, place)
    with pytest.raises(SecretNameTaken):
        await made(app, vault, place)
    await made(app, vault, other)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "x" * 65, "ä", "a\n", "VAR[a]"])
async def test_bad_names_are_refused(new_place, app, vault, name) -> None:
    with pytest.raises(SecretInvalid) as caught:
        await made(app, vault, await new_place(), name)
    assert [error.field for error in caught.value.errors] == ["name"]


@pytest.mark.parametrize("value", ["", "a\0b", "x" * (MOST_VALUE_BYTES + 1), "\ud800"])
async def test_bad_values_are_refused(new_place, app, vault, value) -> None:
    with pytest.raises(SecretInvalid) as caught:
        await made(app, vault, await new_place(), "token", value)
    assert [error.field for error in caught.value.errors] == ["value"]
    if value:
        assert value not in str(caught.value.errors)


@pytest.mark.parametrize(
    "statement",
    [
        "select value from secret_versions",
        "select * from secret_versions",
        "select octet_length(value::bytea) from secret_versions",
        "update secret_versions set version = 9",
        "delete from secret_versions",
        "update secrets set name = 'other'",
    ],
)
async def test_the_app_role_cannot_read_or_change_values(new_place, app, vault, statement) -> None:
    place = await new_place()
    await made(app, vault, place)
    async with app.transaction(place.organization_id) as txn:
        assert await txn.value("select count(id) from secret_versions") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.transaction(place.organization_id) as txn:
            await txn.execute(statement)


@pytest.mark.parametrize(
    "statement", ["delete from secrets", "update secrets set version = 2", "delete from vault_uses"]
)
async def test_the_signer_only_reads(new_place, app, vault, signing_database, statement) -> None:
    place = await new_place()
    await made(app, vault, place)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with signing_database.transaction(place.organization_id) as txn:
            await txn.execute(statement)


MOVES = {
    "to another secret": """update secret_versions t set value = s.value from secret_versions s
        where t.secret_id = %(target)s and s.secret_id = %(source)s""",
    "with its row's id": "update secret_versions set id = gen_random_uuid() where secret_id = %(target)s",
    "to another version": """update secret_versions set version = 7 where secret_id = %(target)s;
        update secrets set version = 7 where id = %(target)s""",
}


@pytest.fixture
async def two_secrets(new_place, app, vault):
    place = await new_place()
    return place, await made(app, vault, place, "source"), await made(app, vault, place, "target", "x")


@pytest.fixture
def superuser(database_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("move", MOVES)
async def test_a_moved_value_is_not_opened(app, two_secrets, lend, superuser, move) -> None:
    place, source, target = two_secrets
    # Somebody with the whole database in their hands, but not the keys.
    for statement in MOVES[move].split(";"):
        superuser.execute(statement, {"source": source.id, "target": target.id})
    with pytest.raises(SealBroken):
        await lend(place, "target")
    async with app.transaction(place.organization_id) as txn:
        last = await txn.value("select action from audit_records order by sequence desc limit 1")
    assert last == "secret.refused"


async def test_an_older_value_put_back_is_not_opened(new_place, app, vault, lend, superuser) -> None:
    place = await new_place()
    secret = await made(app, vault, place)
    await replaced(app, vault, place, secret, "second")
    superuser.execute(
        """update secret_versions t set value = s.value from secret_versions s
        where t.secret_id = %(id)s and s.secret_id = %(id)s and t.version = 2 and s.version = 1""",
        {"id": secret.id},
    )
    with pytest.raises(SealBroken):
        await lend(place, "token")


async def test_no_value_is_anywhere_in_the_database(new_place, app, vault, database_url) -> None:
    place = await new_place()
    await made(app, vault, place, "token", CANARY)
    found = []
    with psycopg.connect(database_url) as superuser:
        tables = superuser.execute(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname in ('public', 'jobs') and c.relkind = 'r'"
        ).fetchall()
        for (table,) in tables:
            rows = superuser.execute(f"select t::text from {table} t").fetchall()
            needles = (CANARY, CANARY.encode().hex())
            found += [table for (row,) in rows if any(needle in row for needle in needles)]
    assert found == []


async def test_missing_names_are_told(new_place, app, vault) -> None:
    place = await new_place()
    await made(app, vault, place)
    async with app.transaction(place.organization_id) as txn:
        assert await vault.missing(txn, place.environment_id, ["token", "absent"]) == ["absent"]
        assert await vault.missing(txn, place.environment_id, []) == []
        assert await vault.used_by(txn, place.environment_id, "secret", ["token"]) == {"token": []}
        with pytest.raises(SecretNotFound):
            await vault.for_change(txn, place.environment_id, new_id())
