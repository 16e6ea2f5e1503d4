"""What each database role may do with this room's tables, tried with the real logins."""

import secrets
import uuid

import psycopg
import pytest

from vectorflow.platform.credentials import Role, role_url


@pytest.fixture
async def as_role(database_url, state_dir, signer):
    """Runs one statement as a role, in the scope of an organisation or in none."""

    async def run(role, organization_id, sql, parameters=None):
        url = role_url(database_url, role, state_dir)
        async with await psycopg.AsyncConnection.connect(url) as connection:
            if organization_id is not None:
                await connection.execute(
                    "select set_config('vf.scope', %s, true)", [signer.sign(organization_id)]
                )
            cursor = await connection.execute(sql, parameters)
            return await cursor.fetchall() if cursor.description else cursor.rowcount

    return run


@pytest.mark.parametrize(
    "table", ["counters", "counter_runs", "node_presence", "nodes", "bundles", "reports", "rollouts"]
)
@pytest.mark.parametrize(
    "verb", ["select 1 from {}", "update {} set organization_id = organization_id", "delete from {}"]
)
async def test_the_telemetry_role_reads_and_changes_nothing(as_role, world, table, verb) -> None:
    for scope in (None, world.organization_id):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await as_role(Role.TELEMETRY, scope, verb.format(table))


async def test_the_telemetry_role_may_not_keep_partitions_or_look_tokens_up(as_role) -> None:
    for call in (
        "vf.partitions_upkeep('counters', 1, 1)",
        "vf.counters_upkeep(1, 1)",
        "vf.node_token(gen_random_uuid())",
        "vf.organizations_to_sign()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await as_role(Role.TELEMETRY, None, f"select {call}")


async def test_partitions_are_out_of_reach(as_role, world, database_url) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        row = await (
            await owner.execute("select relname from pg_class where relname like 'counters_2%' limit 1")
        ).fetchone()
    for role in Role:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await as_role(role, world.organization_id, f"select 1 from {row[0]}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await as_role(Role.TELEMETRY, None, f"insert into {row[0]} select * from counters")


@pytest.mark.parametrize("role", [Role.APP, Role.WORKER, Role.TELEMETRY])
async def test_only_the_signer_writes_bundles_and_reads_sealed_secrets(as_role, world, role) -> None:
    for sql in (
        "insert into bundles select * from bundles",
        "update bundles set envelope = ''",
        "delete from bundles",
        "select sealed from sealed_secrets",
        "insert into sealed_secrets select * from sealed_secrets",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await as_role(role, world.organization_id, sql)


async def test_the_signer_moves_no_assignment_and_takes_no_report(as_role, world) -> None:
    for table in (
        "assignments",
        "nodes",
        "node_tokens",
        "enrolment_tokens",
        "reports",
        "rollouts",
        "deployments",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await as_role(
                Role.SIGNER, world.organization_id, f"update {table} set organization_id = organization_id"
            )


async def test_reports_only_grow(as_role, world) -> None:
    for role in (Role.APP, Role.WORKER):
        for sql in ("update reports set message = ''", "delete from reports"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await as_role(role, world.organization_id, sql)


async def test_another_organisations_rows_are_not_there(as_role, world, new_world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    await agent.send(agent.report("restarted"))
    stranger = await new_world()
    for table in ("nodes", "node_presence", "node_tokens", "enrolment_tokens", "bundles", "reports"):
        assert await as_role(Role.APP, world.organization_id, f"select 1 from {table}"), table
        assert await as_role(Role.APP, stranger.organization_id, f"select 1 from {table}") == [], table
        assert await as_role(Role.APP, None, f"select 1 from {table}") == [], table


async def test_a_row_cannot_refer_across_organisations(as_role, world, new_world) -> None:
    agent = (await world.agents(1))[0]
    stranger = await new_world()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await as_role(
            Role.APP,
            stranger.organization_id,
            "insert into node_tokens (organization_id, id, node_id, secret_hash) values (%s, %s, %s, %s)",
            [stranger.organization_id, uuid.uuid4(), agent.node_id, secrets.token_bytes(32)],
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await as_role(
            Role.APP,
            stranger.organization_id,
            "insert into node_tokens (organization_id, id, node_id, secret_hash) values (%s, %s, %s, %s)",
            [world.organization_id, uuid.uuid4(), agent.node_id, secrets.token_bytes(32)],
        )


async def test_presence_goes_to_the_node_of_the_token_alone(as_role, world, new_world) -> None:
    agent = (await world.agents(1))[0]
    stranger = await new_world()
    beat = f'[{{"organization_id": "{stranger.organization_id}", "node_id": "{agent.node_id}", "seen_at": "2030-01-01T00:00:00Z"}}]'
    await as_role(Role.TELEMETRY, None, "select vf.presence_update(%s::json)", [beat])
    async with world.scoped() as txn:
        assert (await world.house.fleet.node(txn, world.environment_id, agent.node_id)).status == "pending"
