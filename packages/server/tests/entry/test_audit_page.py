"""What the page of the log asks for: filters with their indexes, facets, and how far the log is proved."""

import itertools
import re

import psycopg
import pytest

from vectorflow.audit import service as audit_service
from vectorflow.audit import store
from vectorflow.audit.service import AuditService
from vectorflow.audit.types import AuditFilter, Checkpoint
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import SystemClock
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction


async def test_facets_are_those_of_the_log_and_of_no_other(signed_in, world, other) -> None:
    client = await signed_in(world, "auditor")
    everything = (await client.get(f"/api/v1/orgs/{world.slug}/audit", params={"limit": 200})).json()["items"]
    facets = (await client.get(f"/api/v1/orgs/{world.slug}/audit/facets")).json()
    assert facets["actions"] == sorted({each["action"] for each in everything})
    assert facets["object_types"] == sorted({each["object_type"] for each in everything})
    names = {each["id"]: each["name"] for each in facets["actors"]}
    assert names[str(world.people["auditor"])] == "Auditor"
    assert not set(map(str, other.people.values())) & set(names)
    for actor in names:
        found = (await client.get(f"/api/v1/orgs/{world.slug}/audit", params={"actor_id": actor})).json()
        assert found["items"]


async def test_the_proof_tells_what_is_written_signed_and_shipped(
    signed_in, services, world, worker_database, database_url
) -> None:
    client = await signed_in(world, "auditor")
    address = f"/api/v1/orgs/{world.slug}/audit/proof"
    fresh = (await client.get(address)).json()
    assert fresh["sequence"] > 0
    now = SystemClock().now()
    async with worker_database.transaction(world.organization_id) as txn:
        await store.audit_shipped_put(txn, "b/", Checkpoint(3, b"", now, b"", b""), now)
    async with worker_database.unscoped() as txn:
        await store.shipping_sealed(txn, "b/", now)
    told = (await client.get(address)).json()
    assert (told["shipped"], told["shipping"]) == (3, "ok")
    assert (await client.get("/api/health/ready")).json()["checks"]["audit-shipping"] == "ok"
    with psycopg.connect(database_url) as connection:
        connection.execute("update platform_audit_shipping set sealed_at = now() - interval '3 minutes'")
    try:
        assert (await client.get(address)).json()["shipping"] == "behind"
        health = await client.get("/api/health/ready")
        assert (health.status_code, health.json()["checks"]["audit-shipping"]) == (200, "degraded")
    finally:  # all modules share this database, and its state is part of everybody's health
        with psycopg.connect(database_url) as connection:
            connection.execute("delete from platform_audit_shipping")


@pytest.fixture
async def long_log(services, database_url):
    """An organisation with twenty thousand records, most of them alike."""
    organization_id = new_id()
    async with services.database.transaction(organization_id) as txn:
        await txn.execute(
            "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'A')",
            {"slug": f"l{organization_id.hex[-12:]}"},
        )
    with psycopg.connect(database_url) as connection:
        connection.execute(
            """insert into audit_records (organization_id, sequence, at, actor, action, object_type, object_id, summary,
                                          previous_hash, hash)
               select %s, n, timestamptz '2026-01-01' + n * interval '1 minute',
                      jsonb_build_object('kind', 'node', 'node_id', 'u' || n %% 40), 'a.' || n %% 50,
                      't' || n %% 20, 'o' || n %% 2000, case when n = 7 then 'a needle' else 'hay' end,
                      sha256('x'), sha256('x')
               from generate_series(1, 20000) n""",
            [organization_id],
        )
        connection.execute("analyze audit_records")
    return organization_id


WANTED = {
    "actor": {"actor": "u3"},
    "action": {"action": "a.3"},
    "object_type": {"object_type": "t3"},
    "object_id": {"object_id": "o3"},
    "time": {
        "since": "2026-01-03T00:00:00Z",
        "until": "2026-01-03T02:00:00Z",
    },
}
COMBINATIONS = [names for size in range(len(WANTED) + 1) for names in itertools.combinations(WANTED, size)]


def sequential(plan: dict) -> bool:
    return plan["Node Type"] == "Seq Scan" or any(map(sequential, plan.get("Plans", [])))


def read(plan: dict) -> float:
    """Rows that the indexes gave, with those that a filter threw away."""
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if "Relation Name" in plan else 0
    return own + sum(map(read, plan.get("Plans", [])))


async def test_every_combination_of_filters_is_served_by_an_index(services, long_log, monkeypatch) -> None:
    plans = {}

    async def explained(txn: Transaction, _into, sql, parameters) -> list:
        answer = await txn.connection.execute(f"explain (analyze, format json) {sql}", txn._bind(parameters))
        (plan,) = (await answer.fetchone()).values()
        plans[wanted] = plan[0]["Plan"]
        return []

    monkeypatch.setattr(Transaction, "rows", explained)
    for names in COMBINATIONS:
        fields = {name: value for each in names for name, value in WANTED[each].items()}
        wanted = AuditFilter(**fields)
        await AuditService(services.database).records(long_log, wanted=wanted)
    assert len(plans) == len(COMBINATIONS) == 32
    assert not [wanted for wanted, plan in plans.items() if sequential(plan)]
    slow = {wanted: read(plan) for wanted, plan in plans.items() if read(plan) > 2000}
    assert not slow


def test_the_indexes_are_there(database_url) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select indexdef from pg_indexes where tablename = 'audit_records'"
        ).fetchall()
    columns = {re.search(r"\((.*)\)", row[0])[1] for row in rows}
    assert columns == {
        "organization_id, sequence",
        "organization_id, actor_id, sequence",
        "organization_id, action, sequence",
        "organization_id, object_type, object_id, sequence",
        "organization_id, object_id, sequence",
        "organization_id, at",
    }


async def test_a_search_for_text_reads_so_much_and_goes_on(services, long_log, monkeypatch) -> None:
    monkeypatch.setattr(audit_service, "_EXAMINED", 3000)
    audit = AuditService(services.database)
    before, pages, found = None, 0, []
    while True:
        page = await audit.page(long_log, AuditFilter(text="NEEDLE"), before=before, limit=50)
        pages, found, before = pages + 1, found + page.rows, page.before
        if before is None:
            break
    assert [row.sequence for row in found] == [7]
    assert pages == 7
    csv = b"".join([part async for part in audit.export_csv(long_log, AuditFilter(text="needle"))])
    assert csv.count(b"needle") == 1


async def test_what_looks_like_a_secret_is_redacted_in_before_and_after(services, world, signed_in) -> None:
    entry = AuditEntry(
        action=AuditAction.TEAM_CREATED,
        actor=SYSTEM,
        object_type="redaction",
        object_id="r",
        summary="Did it",
        before={"password": "hunter2", "name": "a"},
        after={"nested": {"api_key": "hunter3"}, "name": "b"},
    )
    async with services.database.transaction(world.organization_id) as txn:
        await txn.audit(entry)
    client = await signed_in(world, "auditor")
    address = f"/api/v1/orgs/{world.slug}/audit"
    answer = await client.get(address, params={"object_type": "redaction"})
    assert answer.json()["items"][0]["before"] == {"password": "[REDACTED]", "name": "a"}
    export = await client.get(f"{address}/export")
    assert "hunter" not in answer.text + export.text
