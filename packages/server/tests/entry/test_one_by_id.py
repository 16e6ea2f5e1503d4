"""One thing of a list, by its id: what a link needs when the page of the list that it stands on is not the first."""
# vault/http, alerts/http/rules.py, library/http

import asyncio
import secrets

import psycopg
import pytest
from packages.server.tests.vault.papers import authority, pem_of

from vectorflow.alerts.store import incidents
from vectorflow.alerts.types import Firing
from vectorflow.kernel.ids import new_id
from vectorflow.library import store as library

NO_CONSOLE = {"about": "component", "types": ["console"], "reason": "It fills the disk."}


def _name():
    return f"one_{secrets.token_hex(4)}"


async def _kept(client, path, **request):
    answer = await client.request("POST", path, **request)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _secret(client, database, world, base):
    return await _kept(client, f"{base}/secrets", json={"name": _name(), "value": "not to be told"})


async def _variable(client, database, world, base):
    return await _kept(client, f"{base}/variables", json={"name": _name(), "type": "number", "value": 1})


async def _certificate(client, database, world, base):
    return await _kept(
        client, f"{base}/certificates", json={"name": _name(), "chain": pem_of(authority()[0])}
    )


async def _lookup_file(client, database, world, base):
    return await _kept(client, f"{base}/lookup-files?name={_name()}", content=b"id,team\n1,core\n")


async def _policy_rule(client, database, world, base):
    rule = NO_CONSOLE | {"name": f"No console {secrets.token_hex(4)}"}
    return await _kept(client, f"/api/v1/orgs/{world.slug}/policy-rules", json={"rule": rule})


async def _incident(client, database, world, base):
    rule = await _kept(
        client,
        f"{base}/alert-rules",
        json={"name": "Silent", "condition": {"kind": "node_silent", "seconds": 120}},
    )
    environments = (await client.get(f"/api/v1/orgs/{world.slug}/environments")).json()["items"]
    environment_id = next(each["id"] for each in environments if each["slug"] == "dev")
    firing = Firing(key="a", node_id=None, pipeline_id=None, component="", summary="Nothing is heard.")
    async with database.transaction(world.organization_id) as txn:
        await incidents.incident_seen(txn, environment_id, rule["id"], [firing])
    return (await client.get(f"{base}/incidents")).json()["items"][0]


async def _engine_schema(client, database, world, base):
    schema_id = new_id()
    async with database.transaction(world.organization_id) as txn:
        await library.engine_schema_insert(
            txn,
            schema_id,
            digest=secrets.token_bytes(32),
            content_sha256=secrets.token_bytes(32),
            version="0.58.0",
            content=b"x",
        )
    listed = (await client.get(f"/api/v1/orgs/{world.slug}/engine-schemas")).json()["items"]
    return next(each for each in listed if each["id"] == str(schema_id))


THINGS = {
    "secrets": _secret,
    "variables": _variable,
    "certificates": _certificate,
    "lookup-files": _lookup_file,
    "incidents": _incident,
    "policy-rules": _policy_rule,
    "engine-schemas": _engine_schema,
}
OF_ORGANIZATION = {"policy-rules", "engine-schemas"}
# What else is read of one, and by which route.
MORE = {
    "secrets": ["/versions"],
    "certificates": ["/versions"],
    "lookup-files": ["/versions", "/content"],
}


def _address(kind, slug, env="dev"):
    where = "" if kind in OF_ORGANIZATION else f"/environments/{env}"
    return f"/api/v1/orgs/{slug}{where}/{kind}"


@pytest.mark.parametrize("kind", THINGS)
async def test_it_is_what_the_list_shows_and_is_nobody_elses(  # noqa: PLR0917 - fixtures
    kind, database, worker_database, signed_in, world, other
) -> None:
    client, stranger = await signed_in(world, "owner"), await signed_in(other, "owner")
    # Only the worker opens incidents.
    writer = worker_database if kind == "incidents" else database
    made = await THINGS[kind](client, writer, world, f"/api/v1/orgs/{world.slug}/environments/dev")
    listed = (await client.get(_address(kind, world.slug))).json()["items"]

    answer = await client.get(f"{_address(kind, world.slug)}/{made['id']}")
    assert answer.status_code == 200, answer.text
    assert answer.json() in listed
    assert answer.headers.get("etag") == answer.json().get("etag")
    assert "not to be told" not in answer.text

    assert (await client.get(f"{_address(kind, world.slug)}/{new_id()}")).status_code == 404
    if kind not in OF_ORGANIZATION:
        assert (await client.get(f"{_address(kind, world.slug, 'prod')}/{made['id']}")).status_code == 404
    for slug in (world.slug, other.slug):
        assert (await stranger.get(f"{_address(kind, slug)}/{made['id']}")).status_code == 404, slug


@pytest.mark.parametrize("kind", sorted(set(THINGS) - {"incidents"}))
async def test_whoever_reads_it_waits_for_nobody_who_changes_it(
    kind, database, signed_in, world, database_url
) -> None:
    client = await signed_in(world, "owner")
    base = f"/api/v1/orgs/{world.slug}/environments/dev"
    made = await THINGS[kind](client, database, world, base)
    with psycopg.connect(database_url) as writer:
        table = kind.replace("-", "_")
        held = writer.execute(f"select id from {table} where id = %s for update", [made["id"]])
        assert held.fetchone() is not None
        for rest in ("", *MORE.get(kind, ())):
            async with asyncio.timeout(20):  # far less than the writer takes: it stays until the block ends
                answer = await client.get(f"{_address(kind, world.slug)}/{made['id']}{rest}")
            assert answer.status_code == 200, answer.text
