"""The log: listed, chained, append-only, in the transaction of the change, without secrets."""

import asyncio

import psycopg
import pytest

from vectorflow.audit import chain
from vectorflow.audit.errors import AuditEntryTooLargeError
from vectorflow.audit.service import AuditService
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id


def entry(summary: str = "Did it", **options) -> AuditEntry:
    actor = Actor(kind=ActorKind.ACCOUNT, name="Zoë", account_id=new_id(), address="192.0.2.1")
    fields = {
        "action": AuditAction.PIPELINE_UPDATED,
        "actor": actor,
        "object_type": "pipeline",
        "object_id": "p",
    }
    return AuditEntry(**(fields | {"summary": summary} | options))


@pytest.fixture
async def fresh(services, world):
    """An organisation of this test's own."""
    from_conftest = type(world)
    slug = f"a{new_id().hex[-12:]}"
    organization_id = new_id()
    async with services.database.transaction(organization_id) as txn:
        await txn.execute(
            "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'A')",
            {"slug": slug},
        )
    return from_conftest(slug, organization_id)


async def test_the_log_lists_what_was_done_newest_first(signed_in, world) -> None:
    client = await signed_in(world, "auditor")
    address = f"/api/v1/orgs/{world.slug}/audit"
    changes = {"limit": 2, "action": "member.changed"}  # signing in is on record too, and newer
    body = (await client.get(address, params=changes)).json()
    assert [each["action"] for each in body["items"]] == ["member.changed", "member.changed"]
    assert body["items"][0]["actor"] == "VectorFlow"
    assert body["items"][0]["sequence"] == body["items"][1]["sequence"] + 1
    older = (await client.get(address, params={"limit": 200, "cursor": body["next_cursor"]})).json()
    assert older["items"][0]["sequence"] == body["items"][1]["sequence"] - 1
    assert older["items"][-1]["action"] == "organization.created"
    found = (await client.get(address, params={"q": "CREATED ENV"})).json()["items"]
    assert {each["object_type"] for each in found} == {"environment"}


async def test_one_record_is_read_by_its_number(signed_in, world, other) -> None:
    client = await signed_in(world, "auditor")
    address = f"/api/v1/orgs/{world.slug}/audit"
    listed = (await client.get(address, params={"limit": 200, "action": "organization.created"})).json()[
        "items"
    ][0]
    found = await client.get(f"{address}/records/{listed['sequence']}")
    assert (found.status_code, found.json()) == (200, listed)
    newest = (await client.get(address, params={"limit": 1})).json()["items"][0]["sequence"]
    for number in (0, -1, newest + 1000, 2**63 - 1, 2**70):
        missing = await client.get(f"{address}/records/{number}")
        assert missing.status_code == 404, number
    stranger = await signed_in(other, "auditor")
    assert (await stranger.get(f"{address}/records/{listed['sequence']}")).status_code == 404
    theirs = (await stranger.get(f"/api/v1/orgs/{other.slug}/audit/records/{listed['sequence']}")).json()
    assert theirs["hash"] != listed["hash"]


async def test_change_and_record_commit_together(services, fresh) -> None:
    audit = AuditService(services.database)

    async def change(record: AuditEntry, *, fail: bool) -> None:
        async with services.database.transaction(fresh.organization_id) as txn:
            await txn.execute("update organizations set name = 'B' where id = %(organization_id)s")
            await txn.audit(record)
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        await change(entry(), fail=True)
    assert await audit.records(fresh.organization_id) == []
    big = entry(after={"list": ["y" * 9_000 for _ in range(9)]})
    with pytest.raises(AuditEntryTooLargeError):
        await change(big, fail=False)
    async with services.database.transaction(fresh.organization_id) as txn:
        assert await txn.value("select name from organizations where id = %(organization_id)s") == "A"


HOSTILE = {
    "name": "\x00\x1b[31m\r\n\u202e<script>'; drop table x; --",
    "password": "hunter2",
    "nested": [{"api_token": "hunter2"}, 2**70, 1.5, True, None, b"hunter2"],
    "é\u0000": "key",
}


async def test_the_chain_holds_for_anything_that_is_written(services, fresh) -> None:
    for number in range(3):
        async with services.database.transaction(fresh.organization_id) as txn:
            await txn.audit(entry(f"first {number} \x00", before=None, after=HOSTILE))
            await txn.audit(entry(f"second {number}", before={"a": 1, "z": "ü"}))
    audit = AuditService(services.database)
    verdict = await audit.verify(fresh.organization_id)
    assert (verdict.records, verdict.broken_at) == (6, None)
    rows = await audit.records(fresh.organization_id)
    assert "hunter2" not in str(rows)
    assert "Zoë" not in str(rows)  # people by reference
    assert rows[-1].previous_hash == chain.genesis(fresh.organization_id)


TAMPERING = [
    ("update audit_records set summary = 'x' where sequence = 2", 2, "changed"),
    ("update audit_records set at = at + interval '1 ms' where sequence = 2", 2, "changed"),
    ('update audit_records set actor = actor || \'{"name": "x"}\' where sequence = 3', 3, "changed"),
    ("update audit_records set after = '{}' where sequence = 1", 1, "changed"),
    ("delete from audit_records where sequence = 2", 3, "missing"),
    ("delete from audit_records where sequence = 4", 4, "missing"),
    ("update audit_records set hash = sha256('x') where sequence = 2", 2, "changed"),
]


@pytest.mark.parametrize("tampering", TAMPERING)
async def test_tampering_is_found(services, fresh, database_url, tampering) -> None:
    statement, at, reason = tampering
    for number in range(4):
        async with services.database.transaction(fresh.organization_id) as txn:
            await txn.audit(entry(str(number)))
    with psycopg.connect(database_url) as connection:  # as superuser, with the triggers off
        connection.execute("set session_replication_role = replica")
        connection.execute(f"{statement} and organization_id = %s", [fresh.organization_id])
    verdict = await AuditService(services.database).verify(fresh.organization_id)
    assert verdict.broken_at == at
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "statement",
    ["update audit_records set summary = 'x'", "delete from audit_records", "truncate audit_records"],
)
def test_even_the_owner_cannot_change_the_log(database_url, statement) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only grows"),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into audit_records (organization_id, sequence) values (%(organization_id)s, 99)",
        "update audit_records set summary = 'x' where organization_id = %(organization_id)s",
        "delete from audit_records where organization_id = %(organization_id)s",
        "update audit_heads set sequence = 0 where organization_id = %(organization_id)s",
        "delete from audit_heads where organization_id = %(organization_id)s",
    ],
)
async def test_the_app_can_only_append(services, fresh, statement) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with services.database.transaction(fresh.organization_id) as txn:
            await txn.execute(statement)


async def test_without_a_scope_nothing_is_appended(services) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with services.database.unscoped() as txn:
            await txn.audit(entry())


async def test_appending_at_once_makes_one_chain(services, fresh) -> None:

    async def append(number: int) -> None:
        async with services.database.transaction(fresh.organization_id) as txn:
            await txn.audit(entry(str(number)))

    await asyncio.gather(*(append(number) for number in range(20)))
    verdict = await AuditService(services.database).verify(fresh.organization_id)
    assert (verdict.records, verdict.broken_at) == (20, None)
