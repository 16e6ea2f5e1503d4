from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from vectorflow.keys.errors import SigningKeysMissing
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import KEY_LIST_LIFETIME, ONLINE_KEY_LIFETIME, SigningService
from vectorflow.platform.database import Database
from vectorflow_wire import envelope
from vectorflow_wire.keys import key_list_verify


class SetClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def signing(signing_database: Database, provider: LocalKeyFile, clock: SetClock) -> SigningService:
    return SigningService(KeyService(signing_database, provider), clock)


async def ensured(database: Database, signing: SigningService, organization_id: UUID) -> bool:
    async with database.transaction(organization_id) as txn:
        return await signing.ensure_signing_keys(txn)


async def ensured_without_waiting(database: Database, signing: SigningService, organization_id: UUID) -> None:
    async with database.transaction(organization_id) as txn:
        await txn.execute("set local lock_timeout = '50ms'")
        await signing.ensure_signing_keys(txn)


async def read_list(database: Database, signing: SigningService, organization_id: UUID, clock: SetClock):
    async with database.transaction(organization_id) as txn:
        root = await signing.root_key(txn)
        stored = await signing.key_list(txn)
    now = int(clock.now().timestamp() * 1000)
    return key_list_verify(
        stored.envelope, root_public=root.public, organization=str(organization_id), last_version=0, now=now
    )


async def test_keys_are_made_once_and_sign(new_organization, app, signing_database, signing, clock) -> None:
    organization_id = await new_organization()
    async with app.transaction(organization_id) as txn:
        with pytest.raises(SigningKeysMissing):
            await signing.key_list(txn)
        with pytest.raises(SigningKeysMissing):
            await signing.root_key(txn)
    assert await ensured(signing_database, signing, organization_id)
    assert not await ensured(signing_database, signing, organization_id)
    # Read as role app: what enrolment needs.
    content = await read_list(app, signing, organization_id, clock)
    # Never lower than the minute, so that after a restore no node holds a newer list.
    assert (content.version, len(content.keys)) == (int(clock.now().timestamp()) // 60, 1)
    async with signing_database.transaction(organization_id) as txn:
        online = await signing.signing_key(txn)
    assert online.keys_version == content.version
    named = content.key_find(online.signer.key_id)
    assert named is not None
    signed = envelope.sign("test", {"a": 1}, online.signer)
    public = envelope.base64_bytes(named.public)
    assert envelope.verify(signed, {named.id: public}, "test") == b'{"a":1}'


async def test_the_list_is_renewed_at_half_its_life(
    new_organization, signing_database, signing, clock
) -> None:
    organization_id = await new_organization()
    await ensured(signing_database, signing, organization_id)
    first = await read_list(signing_database, signing, organization_id, clock)
    clock.moment += KEY_LIST_LIFETIME / 2 - timedelta(seconds=1)
    assert not await ensured(signing_database, signing, organization_id)
    clock.moment += timedelta(seconds=2)
    assert await ensured(signing_database, signing, organization_id)
    content = await read_list(signing_database, signing, organization_id, clock)
    assert content.version > first.version
    assert len(content.keys) == 1


async def test_online_keys_overlap_and_end(new_organization, signing_database, signing, clock) -> None:
    organization_id = await new_organization()
    await ensured(signing_database, signing, organization_id)
    first = (await read_list(signing_database, signing, organization_id, clock)).keys[0]
    clock.moment += timedelta(days=61)
    await ensured(signing_database, signing, organization_id)
    both = (await read_list(signing_database, signing, organization_id, clock)).keys
    assert len(both) == 2
    assert first in both
    async with signing_database.transaction(organization_id) as txn:
        assert (await signing.signing_key(txn)).signer.key_id != first.id
    clock.moment += ONLINE_KEY_LIFETIME - timedelta(days=61)
    await ensured(signing_database, signing, organization_id)
    assert first not in (await read_list(signing_database, signing, organization_id, clock)).keys


async def test_two_signers_at_once_make_one_set(new_organization, signing_database, signing) -> None:
    organization_id = await new_organization()
    async with signing_database.transaction(organization_id) as one:
        assert await signing.ensure_signing_keys(one)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await ensured_without_waiting(signing_database, signing, organization_id)
    assert not await ensured(signing_database, signing, organization_id)


@pytest.mark.parametrize(
    "statement",
    [
        "select private from signing_keys",
        "select * from signing_keys",
        "update signing_keys set retired_at = now()",
        "insert into key_lists (organization_id) values (null)",
        "delete from signing_keys",
    ],
)
async def test_the_app_role_reads_no_private_key(
    new_organization, app, signing_database, signing, statement
) -> None:
    organization_id = await new_organization()
    await ensured(signing_database, signing, organization_id)
    async with app.transaction(organization_id) as txn:
        assert await txn.value("select count(public) from signing_keys") == 2
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.transaction(organization_id) as txn:
            await txn.execute(statement)


async def test_another_organisation_sees_no_keys(new_organization, signing_database, signing) -> None:
    organization_id, other = await new_organization(), await new_organization()
    await ensured(signing_database, signing, organization_id)
    async with signing_database.transaction(other) as txn:
        for table in ("signing_keys", "key_lists"):
            assert await txn.value(f"select count(*) from {table}") == 0
