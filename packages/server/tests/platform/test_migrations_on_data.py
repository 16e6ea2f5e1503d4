"""Migrations meet data: what stood in the tables before is right after them.

Policies hold for the owner of the tables too, so a migration that changes rows of organisations changes none unless it
lifts them for that statement: nothing would say so.
"""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from packages.server.tests.conftest import cluster_url
from psycopg import sql

from vectorflow.platform.migrate import migrate, prepare
from vectorflow.platform.schema import MIGRATIONS

ORGANIZATION = uuid4()
STATES = {"applied": 3, "refused": 1, "kept": 6}


@pytest.fixture
def url() -> Iterator[str]:
    """The superuser's URL of an empty database."""
    server, name = cluster_url(), f"migrated_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield server.rpartition("/")[0] + "/" + name
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def given(url: str, table: str, **values: object) -> None:
    """Store a row without those that it refers to, and without triggers."""
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(sql.Identifier(table), names, places),
            list(values.values()),
        )


def test_rollouts_from_before_know_how_many_of_their_nodes_stand_in_each_state(
    url: str, state_dir: Path
) -> None:
    prepare(url, state_dir, "0045")
    rollouts = [(uuid4(), uuid4()) for _ in range(2)]
    for organization, rollout in rollouts:
        given(
            url, "rollouts", organization_id=organization, id=rollout, environment_id=uuid4(), pipeline_id=uuid4(),
            revision=1, created_by="a", message="", timeout_seconds=60, watch_seconds=10, state="done",
        )  # fmt: skip
        nodes = [(batch, state) for state, count in STATES.items() for batch in [1] + [2] * (count - 1)]
        for batch, state in nodes:
            given(
                url, "rollout_nodes", organization_id=organization, rollout_id=rollout, node_id=uuid4(),
                batch=batch, state=state,
            )  # fmt: skip
    migrate(url, state_dir)
    with psycopg.connect(url) as connection:
        counted = dict(connection.execute("select id, counts from rollouts").fetchall())
    expected = [
        {"batch": batch, "state": state, "nodes": 1 if batch == 1 else STATES[state] - 1}
        for batch in (1, 2)
        for state in sorted(STATES)
        if batch == 1 or STATES[state] > 1
    ]
    assert counted == {rollout: expected for _, rollout in rollouts}


def test_what_was_there_keeps_its_meaning(url: str, state_dir: Path) -> None:
    prepare(url, state_dir, "0014")
    one, other = uuid4(), uuid4()
    given(
        url, "nodes", organization_id=ORGANIZATION, id=one, environment_id=uuid4(), name="a", machine_id="m",
        hostname="a", identity_key=bytes(32), sealing_key=bytes(32), duplicate_of=other,
    )  # fmt: skip
    given(
        url, "node_tokens", organization_id=ORGANIZATION, id=uuid4(), node_id=one, secret_hash=bytes(32),
        created_at="2026-01-02T00:00:00Z",
    )  # fmt: skip
    given(
        url, "secrets", organization_id=ORGANIZATION, id=uuid4(), environment_id=uuid4(), name="s", version=1,
        updated_at="2026-01-03T00:00:00Z",
    )  # fmt: skip
    given(
        url, "rollout_nodes", organization_id=ORGANIZATION, rollout_id=uuid4(), node_id=one, batch=1,
        report_sequence=7,
    )  # fmt: skip
    given(
        url, "reports", organization_id=ORGANIZATION, node_id=one, sequence=7, kind="applied",
        at="2026-01-02T00:00:00Z", envelope=b"",
    )  # fmt: skip
    migrate(url, state_dir)
    with psycopg.connect(url) as connection:
        kept = connection.execute(
            """select n.duplicate_reason, t.first_used_at = t.created_at, s.value_set_at = s.updated_at, r.report_run
            from nodes n, node_tokens t, secrets s, rollout_nodes r"""
        ).fetchall()
    assert kept == [("machine-id", True, True, "")]


def unlifted(text: str, protected: set[str]) -> list[str]:
    """The tables whose rows a migration changes while their policies hold."""
    outside = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    found = []
    for change in re.finditer(r"^\s*(?:update|delete from|insert into) (\w+)", outside, re.MULTILINE):
        lifts = re.findall(rf"alter table {change[1]} (no )?force row level", outside[: change.start()])
        if change[1] in protected and (not lifts or not lifts[-1]):
            found.append(change[1])
    return found


def test_what_changes_rows_of_organisations_lifts_their_policies(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select relname from pg_class where relforcerowsecurity").fetchall()
    protected = {name for (name,) in rows}
    assert {"nodes", "rollouts"} <= protected
    files = sorted((MIGRATIONS / "versions").glob("*.py"))
    assert {path.name: found for path in files if (found := unlifted(path.read_text(), protected))} == {}


def test_a_migration_that_forgets_it_is_found() -> None:
    lifted = "alter table nodes no force row level security;\nupdate nodes set a = 1;\n"
    again = "alter table nodes force row level security;\nupdate nodes set b = 1;\n"
    assert unlifted("update nodes set a = 1;", {"nodes"}) == ["nodes"]
    assert unlifted(lifted, {"nodes"}) == []
    assert unlifted(lifted + again, {"nodes"}) == ["nodes"]
    assert unlifted("create function f() as $$ update nodes set a = 1; $$;", {"nodes"}) == []
