"""How long nodes may keep secrets without contact: from the API into the signed bundle."""

import pytest

from vectorflow.fleet.offline import LEAST_SECONDS, MOST_SECONDS


async def call(browser, world, method, **options):
    path = f"/api/v1/orgs/{world.slug}/secrets-on-nodes"
    headers = {"x-csrf-token": browser.csrf} | options.pop("headers", {})
    return await browser.http.request(method, path, headers=headers, **options)


async def put(browser, world, seconds, etag):
    body = {"max_offline_seconds": seconds}
    return await call(browser, world, "PUT", json=body, headers={"if-match": etag})


async def test_a_limit_reaches_every_node_at_once_and_is_in_the_audit_log(
    world, new_world, sign_in, make_agent
) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())
    await world.sign()
    assert (await agent.poll()).max_offline_seconds == 0
    owner = await sign_in("owner")
    found = await call(owner, world, "GET")
    assert (found.json()["max_offline_seconds"], found.headers["etag"]) == (None, found.json()["etag"])
    made = await put(owner, world, 7200, found.headers["etag"])
    assert (made.status_code, made.json()["max_offline_seconds"]) == (200, 7200)
    await world.sign()
    before = agent.bundle.order
    assert (await agent.poll()).max_offline_seconds == 7200
    assert agent.bundle.order > before
    # Somebody who has not seen the change cannot undo it.
    assert (await put(owner, world, None, found.headers["etag"])).status_code == 412
    assert (await put(owner, world, None, made.headers["etag"])).status_code == 200
    await world.sign()
    assert (await agent.poll()).max_offline_seconds == 0
    async with world.scoped() as txn:
        records = await txn.value(
            """select count(*) from audit_records where organization_id = %(organization_id)s
            and action = 'secrets-on-nodes.changed'"""
        )
    assert records == 2
    async with (await new_world()).scoped() as txn:
        other = await txn.value(
            "select max_offline_seconds from organizations where id = %(organization_id)s"
        )
    assert other is None


async def test_a_bundle_is_renewed_before_secrets_end(world, sign_in, make_agent, house) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token())
    owner = await sign_in("owner")
    await put(owner, world, LEAST_SECONDS, (await call(owner, world, "GET")).headers["etag"])
    await world.sign()
    await agent.poll()
    before = agent.bundle.order
    assert await world.sign() == 0
    async with house.signer.transaction(world.organization_id) as txn:
        await txn.execute(
            """update bundles set half_life_at = half_life_at - interval '15 minutes'
            where organization_id = %(organization_id)s"""
        )
    assert await world.sign() == 1
    assert (await agent.poll()).order == (before[0], before[1] + 1)


@pytest.mark.parametrize("seconds", [0, -1, LEAST_SECONDS - 1, MOST_SECONDS + 1, "soon", 3600.5])
async def test_what_is_no_sensible_time_is_refused(world, sign_in, seconds) -> None:
    owner = await sign_in("owner")
    etag = (await call(owner, world, "GET")).headers["etag"]
    assert (await put(owner, world, seconds, etag)).status_code == 400
    assert (await call(owner, world, "GET")).headers["etag"] == etag


async def test_only_who_manages_keys_may_change_it(world, sign_in) -> None:
    owner, deployer = await sign_in("owner"), await sign_in("deployer")
    etag = (await call(owner, world, "GET")).headers["etag"]
    assert (await put(deployer, world, 7200, etag)).status_code == 403
    assert (await call(owner, world, "GET")).json()["max_offline_seconds"] is None
