"""The routes of engine schemas: listed, confirmed by who may, forgotten. library/http.py"""

import secrets

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.library import store
from vectorflow.library.types import BY_NODES


async def keep(services, world, version="0.58.0", confirmed=False):
    schema_id, digest = new_id(), secrets.token_bytes(32)
    async with services.database.transaction(world.organization_id) as txn:
        await store.engine_schema_insert(
            txn,
            schema_id,
            digest=digest,
            content_sha256=secrets.token_bytes(32),
            version=version,
            content=b"x",
        )
        if confirmed:
            await store.engine_schema_confirm(txn, schema_id, digest, BY_NODES)
    return str(schema_id), "sha256:" + digest.hex()


async def test_schemas_are_listed_confirmed_and_forgotten(services, signed_in, world):
    older, _ = await keep(services, world, "0.57.0", confirmed=True)
    newer, digest = await keep(services, world)
    client = await signed_in(world, "owner")
    address = f"/api/v1/orgs/{world.slug}/engine-schemas"
    page = (await client.get(address, params={"limit": 1})).json()
    assert [(each["id"], each["digest"], each["confirmed"]) for each in page["items"]] == [
        (newer, digest, False)
    ]
    rest = (await client.get(address, params={"limit": 1, "cursor": page["next_cursor"]})).json()["items"]
    assert [(each["id"], each["confirmed_by"], each["confirmed_by_name"]) for each in rest] == [
        (older, "nodes", None)
    ]

    shown = page["items"][0]
    assert (await client.request("POST", f"{address}/{newer}/confirm")).status_code == 428
    confirmed = await client.request(
        "POST", f"{address}/{newer}/confirm", headers={"If-Match": shown["etag"]}
    )
    assert confirmed.status_code == 200, confirmed.text
    assert (confirmed.json()["confirmed_by"], bool(confirmed.json()["confirmed_by_name"])) == ("person", True)
    stale = await client.request("DELETE", f"{address}/{newer}", headers={"If-Match": shown["etag"]})
    assert stale.status_code == 412
    gone = await client.request(
        "DELETE", f"{address}/{newer}", headers={"If-Match": confirmed.headers["etag"]}
    )
    assert gone.status_code == 204
    left = (await client.get(address)).json()["items"]
    assert newer not in {each["id"] for each in left}
    log = (await client.get(f"/api/v1/orgs/{world.slug}/audit", params={"object_id": newer})).json()["items"]
    assert [each["action"] for each in log] == ["engine-schema.deleted", "engine-schema.confirmed"]
    assert SYSTEM.name not in {each["actor"] for each in log}
