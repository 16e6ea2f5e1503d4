"""The logs in the database: sign-ins, filters, exports, the platform's chain, checkpoints, names by reference."""

import psycopg
import pytest
from packages.server.tests.entry.conftest import *  # noqa: F403

from vectorflow.audit.checkpoints import CheckpointKey
from vectorflow.audit.jobs import sign_checkpoints
from vectorflow.audit.service import ERASED, AuditService, append_platform, append_sign_in
from vectorflow.audit.verifying import verify_export
from vectorflow.kernel.actor import SYSTEM, Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import SystemClock


def entry(actor=SYSTEM, action=AuditAction.TEAM_CREATED) -> AuditEntry:
    return AuditEntry(action=action, actor=actor, object_type="team", object_id="t-1", summary="Made it")


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return CheckpointKey(tmp_path_factory.mktemp("audit"))


@pytest.fixture
async def signed(worker_database, key):
    await sign_checkpoints(worker_database, key, SystemClock())
    return key


async def listed(client, world, **params):
    answer = await client.get(f"/api/v1/orgs/{world.slug}/audit", params={"limit": 200} | params)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_sign_ins_and_refusals_stand_in_the_organisation(signed_in, world, other, browser) -> None:
    refused = await browser.sign_in(world.email("editor"), "wrong password")
    assert refused.status_code == 401
    await signed_in(world, "editor")
    client = await signed_in(world, "auditor")
    actor = str(world.people["editor"])
    found = await listed(client, world, actor_id=actor)
    assert [each["action"] for each in found if each["object_type"] == "session"][-2:] == [
        "session.opened",
        "session.refused",
    ]
    assert {each["actor"] for each in found} == {"Editor"}
    assert found[0]["address"]
    elsewhere = await signed_in(other, "auditor")
    assert await listed(elsewhere, other, actor_id=actor) == []


async def test_only_ones_own_sign_in_is_written_that_way(services, world) -> None:
    for bad in (entry(), entry(Actor(ActorKind.ACCOUNT, "x", world.people["owner"]))):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with services.database.unscoped() as txn:
                await append_sign_in(txn, world.people["owner"], bad)


async def test_every_filter_leaves_the_others_out(signed_in, world) -> None:
    client = await signed_in(world, "auditor")
    everything = await listed(client, world)
    assert len({each["action"] for each in everything}) > 2
    first = everything[-1]
    for name in ("action", "object_type", "object_id"):
        found = await listed(client, world, **{name: first[name]})
        assert found == [each for each in everything if each[name] == first[name]]
    middle = everything[len(everything) // 2]["at"]
    assert await listed(client, world, **{"from": middle}) == [e for e in everything if e["at"] >= middle]
    assert await listed(client, world, to=middle) == [e for e in everything if e["at"] < middle]


async def test_the_export_is_verified_and_the_table_guarded(signed_in, world, signed) -> None:
    client = await signed_in(world, "auditor")
    address = f"/api/v1/orgs/{world.slug}/audit/export"
    answer = await client.get(address)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    verdict = verify_export(answer.content.splitlines(keepends=True), trusted=signed.public())
    assert verdict.broken_at is None
    assert verdict.records == verdict.proved > 5
    table = await client.get(address, params={"format": "csv", "action": "organization.created"})
    assert len(table.text.splitlines()) == 2
    member = await signed_in(world, "member")
    assert (await member.get(address)).status_code == 403


async def test_erasing_a_person_keeps_the_chain(services, signed_in, world, database_url, signed) -> None:
    await signed_in(world, "viewer")
    account = world.people["viewer"]
    with psycopg.connect(database_url) as connection:
        connection.execute("update accounts set name = %s where id = %s", [ERASED, account])
    client = await signed_in(world, "auditor")
    assert {each["actor"] for each in await listed(client, world, actor_id=str(account))} == {ERASED}
    verdict = await AuditService(services.database).verify(world.organization_id, trusted=signed.public())
    assert verdict.broken_at is None


async def test_names_of_strangers_are_not_told(services, world, other) -> None:
    audit = AuditService(services.database)
    rows = [row for row in await audit.records(other.organization_id) if row.actor.get("account_id")]
    assert set((await audit.names(world.organization_id, rows)).values()) <= {ERASED}


REWRITTEN = """update audit_records set summary = 'x' where organization_id = %(o)s and sequence = 2"""
CUT = """delete from audit_records where organization_id = %(o)s and sequence > 3;
update audit_heads h set sequence = r.sequence, hash = r.hash from audit_records r
where h.organization_id = %(o)s and r.organization_id = %(o)s and r.sequence = 3"""


@pytest.mark.parametrize("expected", [(REWRITTEN, 2, "changed"), (CUT, 4, "cut")])
async def test_an_attack_with_all_rights_is_named(
    services, worker_database, database_url, key, expected
) -> None:
    attack, at, reason = expected
    world = await make_world(services)  # noqa: F405
    await sign_checkpoints(worker_database, key, SystemClock())
    audit = AuditService(services.database)
    before = await audit.verify(world.organization_id)
    assert (before.broken_at, before.proved) == (None, before.records)
    with psycopg.connect(database_url) as connection:
        connection.execute("set session_replication_role = replica")  # past the triggers
        for each in attack.split(";"):
            connection.execute(each, {"o": world.organization_id})
    verdict = await audit.verify(world.organization_id)
    assert verdict.broken_at == at
    assert reason in verdict.reason


async def test_the_platform_has_a_chain_of_its_own(services, worker_database, database_url, key) -> None:
    for _ in range(3):
        async with services.database.unscoped() as txn:
            await append_platform(txn, entry())
    await sign_checkpoints(worker_database, key, SystemClock())
    audit = AuditService(worker_database)
    verdict = await audit.verify_platform(trusted=key.public())
    assert verdict.broken_at is None
    assert verdict.records == verdict.proved >= 3
    with psycopg.connect(database_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update platform_audit set object_id = object_id || 'x' where sequence = 2")
    broken = await audit.verify_platform()
    with psycopg.connect(database_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update platform_audit set object_id = rtrim(object_id, 'x') where sequence = 2")
    assert broken.broken_at == 2


@pytest.mark.parametrize("table", ["platform_audit", "platform_audit_checkpoints", "audit_checkpoints"])
@pytest.mark.parametrize("change", ["update {} set hash = hash", "delete from {}", "truncate {}"])
def test_even_the_owner_cannot_change_the_proof(database_url, table, change) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only grows"),
    ):
        connection.execute(change.format(table))
