"""Migrations meet data: what stood in the tables before is right after them."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from packages.server.tests.conftest import cluster_url
from psycopg import sql

from vectorflow.platform.migrate import migrate, prepare

STATES = {"applied": 3, "refused": 1, "kept": 6}


@pytest.fixture
def url() -> Iterator[str]:
    """The superuser's URL of an empty database."""
    server, name = cluster_url(), f"migrated_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield server.rpartition("/")[0] + "/" + name
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_rollouts_from_before_know_how_many_of_their_nodes_stand_in_each_state(
    url: str, state_dir: Path
) -> None:
    prepare(url, state_dir, "0045")
    rollouts = [(uuid4(), uuid4()) for _ in range(2)]
    with psycopg.connect(url) as connection:
        # Without the rows that these refer to, and without triggers.
        connection.execute("set session_replication_role = replica")
        for organization, rollout in rollouts:
            connection.execute(
                "insert into rollouts (organization_id, id, environment_id, pipeline_id, revision, created_by,"
                " message, timeout_seconds, watch_seconds, state) values (%s, %s, %s, %s, 1, 'a', '', 60, 10, 'done')",
                [organization, rollout, uuid4(), uuid4()],
            )
            nodes = [(batch, state) for state, count in STATES.items() for batch in [1] + [2] * (count - 1)]
            for batch, state in nodes:
                connection.execute(
                    "insert into rollout_nodes (organization_id, rollout_id, node_id, batch, state)"
                    " values (%s, %s, %s, %s, %s)",
                    [organization, rollout, uuid4(), batch, state],
                )
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
