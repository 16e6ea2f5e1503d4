"""The public routes of fleet, telemetry and delivery, over the real application."""

import asyncio
import time
from typing import Any

import msgspec

from vectorflow.delivery.types import NewRollout
from vectorflow.kernel.actor import SYSTEM
from vectorflow.tenancy.types import OrganizationRole
from vectorflow_wire import messages

PASSWORD = "correct horse battery staple"


async def test_from_enrolment_token_to_a_rollout_that_is_done_and_rolled_back(
    world, make_agent, sign_in
) -> None:
    owner = await sign_in("owner")
    made = await owner.call(
        "POST", "/enrolment-tokens", json={"name": "t", "max_uses": 2, "labels": {"zone": "a"}}
    )
    assert made.status_code == 201, made.text
    token = made.json()
    assert "vectorflow-agent install --server" in token["install_command"]
    agent = make_agent("web-1")
    await agent.enroll(token["token"])
    nodes = (await owner.call("GET", "/nodes")).json()["items"]
    assert [(node["name"], node["status"], node["labels"]) for node in nodes] == [
        ("web-1", "pending", {"zone": "a"})
    ]
    pipeline_id = await world.pipeline()
    url = f"/pipelines/{pipeline_id}/rollouts"
    dry = await owner.call("POST", url + "?dry_run=true", json={})
    assert (dry.status_code, dry.json()["nodes"][0]["name"]) == (200, "web-1")
    body = {"message": "go", "watch_seconds": 0}
    began = await owner.call("POST", url, json=body, headers={"idempotency-key": "k1"})
    assert began.status_code == 202, began.text
    again = await owner.call("POST", url, json=body, headers={"idempotency-key": "k1"})
    assert again.json()["id"] == began.json()["id"]
    busy = await owner.call("POST", url, json=body)
    assert (busy.status_code, busy.json()["type"]) == (
        409,
        "urn:vectorflow:problem:delivery.rollout-under-way",
    )
    await world.sign()
    await agent.apply(pipeline_id)
    await world.advance()
    rollout = (await owner.call("GET", f"/rollouts/{began.json()['id']}")).json()
    assert (rollout["state"], rollout["counts"]["applied"]) == ("done", 1)
    assert rollout["batches"] == [{"batch": 1, "counts": rollout["counts"]}]
    place = f"/rollouts/{rollout['id']}/nodes"
    (shown,) = (await owner.call("GET", place)).json()["items"]
    assert (shown["name"], shown["state"], shown["report"]["kind"]) == ("web-1", "applied", "applied")
    for query, found in (("?state=refused&state=applied", 1), ("?state=refused", 0), ("?batch=2", 0)):
        assert len((await owner.call("GET", place + query)).json()["items"]) == found, query
    assert (await owner.call("GET", place + "?state=merry")).status_code == 400
    listed = (await owner.call("GET", f"/rollouts?pipeline={pipeline_id}")).json()["items"]
    assert [each["id"] for each in listed] == [rollout["id"]]
    summary = (await owner.call("GET", "/pipelines")).json()["items"][0]
    assert summary["deployed"]["revision"] == 1
    none = await owner.call("POST", f"/rollouts/{rollout['id']}/rollback")
    assert none.json()["type"] == "urn:vectorflow:problem:delivery.nothing-to-roll-back-to"
    await world.change(pipeline_id, "second")
    second = (await owner.call("POST", url, json={"watch_seconds": 0})).json()
    paused = await owner.call("POST", f"/rollouts/{second['id']}/pause")
    assert paused.json()["state"] == "paused"
    back = await owner.call("POST", f"/rollouts/{second['id']}/rollback")
    assert (back.status_code, back.json()["revision"]) == (202, 1)
    assert (await owner.call("POST", f"/rollouts/{back.json()['id']}/cancel")).json()["state"] == "cancelled"
    stopped = await owner.call("POST", f"/pipelines/{pipeline_id}/stop", json={"message": "enough"})
    assert stopped.status_code == 202
    detail = (await owner.call("GET", f"/nodes/{agent.node_id}")).json()
    assert detail["assignments"][0]["desired"] == "stop"
    assert detail["reports"][0]["kind"] == "applied"


async def test_deploying_is_not_editing(world, sign_in) -> None:
    await world.agents(1)
    pipeline_id = await world.pipeline()
    editor, deployer = await sign_in("editor"), await sign_in("deployer")
    url = f"/pipelines/{pipeline_id}/rollouts"
    for path in (url, url + "?dry_run=true"):
        assert (await editor.call("POST", path, json={})).status_code == 403
    began = await deployer.call("POST", url, json={})
    assert began.status_code == 202
    assert (await editor.call("POST", f"/rollouts/{began.json()['id']}/pause")).status_code == 403
    assert (await deployer.call("POST", "/enrolment-tokens", json={"name": "t"})).status_code == 403


async def test_another_organisations_objects_and_missing_ones_answer_the_same(
    world, new_world, sign_in
) -> None:
    stranger = await new_world()
    node = (await stranger.agents(1))[0]
    pipeline_id = await stranger.pipeline()
    async with stranger.scoped() as txn:
        rollout = (
            await stranger.house.delivery.start_rollout(
                txn, SYSTEM, stranger.environment_id, pipeline_id, NewRollout()
            )
        ).id
    owner = await sign_in("owner")
    missing = "01a209c5-0000-7000-8000-000000000000"
    for own, other in (
        (f"/nodes/{missing}", f"/nodes/{node.node_id}"),
        (f"/pipelines/{missing}/rates", f"/pipelines/{pipeline_id}/rates"),
        (f"/rollouts/{missing}", f"/rollouts/{rollout}"),
        (f"/rollouts/{missing}/nodes", f"/rollouts/{rollout}/nodes"),
    ):
        answers = [await owner.call("GET", path) for path in (own, other)]
        assert [answer.status_code for answer in answers] == [404, 404], other
        assert answers[0].json()["type"] == answers[1].json()["type"]
    assert (await owner.call("POST", f"/pipelines/{pipeline_id}/rollouts", json={})).status_code == 404


async def test_a_node_is_revoked_by_its_version(world, sign_in) -> None:
    agent = (await world.agents(1))[0]
    owner = await sign_in("owner")
    path = f"/nodes/{agent.node_id}"
    assert (await owner.call("DELETE", path)).status_code == 428
    assert (await owner.call("DELETE", path, headers={"if-match": '"old"'})).status_code == 412
    etag = (await owner.call("GET", path)).headers["etag"]
    assert (await owner.call("DELETE", path, headers={"if-match": etag})).status_code == 204
    assert (await owner.call("GET", "/nodes")).json()["items"] == []
    assert (await owner.call("GET", "/nodes?status=revoked")).json()["items"][0]["id"] == str(agent.node_id)


async def test_enrolment_tokens_are_listed_without_secrets_and_revoked(world, sign_in, make_agent) -> None:
    owner = await sign_in("owner")
    made = (
        await owner.call("POST", "/enrolment-tokens", json={"name": "t"}, headers={"idempotency-key": "x"})
    ).json()
    repeated = await owner.call(
        "POST", "/enrolment-tokens", json={"name": "t"}, headers={"idempotency-key": "x"}
    )
    assert repeated.status_code == 409
    listed = (await owner.call("GET", "/enrolment-tokens")).text
    assert made["token"] not in listed
    assert made["token"].rpartition("_")[2][:20] not in listed
    assert (await owner.call("DELETE", f"/enrolment-tokens/{made['id']}")).status_code == 204
    assert (await make_agent("a").try_enroll(made["token"])).status_code == 403
    for bad in (
        {"name": ""},
        {"name": "t", "max_uses": 0},
        {"name": "t", "expires_in_seconds": 1},
        {"name": "t", "x": 1},
    ):
        assert (await owner.call("POST", "/enrolment-tokens", json=bad)).status_code == 400, bad


async def test_nodes_are_paged_and_searched(world, sign_in) -> None:
    await world.agents(3)
    owner = await sign_in("owner")
    first = (await owner.call("GET", "/nodes?limit=2")).json()
    rest = (await owner.call("GET", f"/nodes?limit=2&cursor={first['next_cursor']}")).json()
    assert [node["name"] for node in first["items"] + rest["items"]] == ["node-0", "node-1", "node-2"]
    assert rest["next_cursor"] is None
    assert [node["name"] for node in (await owner.call("GET", "/nodes?q=DE-1")).json()["items"]] == ["node-1"]


async def test_live_events_tell_rates_rollouts_and_nodes(world, new_world, sign_in) -> None:
    agent = (await world.agents(1))[0]
    stranger = await new_world()
    pipeline_id = await world.pipeline()
    foreign = await stranger.pipeline()
    owner = await sign_in("owner")
    events = f"/api/v1/orgs/{world.slug}/events"
    for topics in ("", "nonsense:1", f"rates:{foreign}", f"nodes:{stranger.environment_id}", "rates:x"):
        assert (await owner.http.get(events, params={"topics": topics})).status_code == 404, topics
    # What another organisation has is left out, and costs the rest nothing.
    topics = f"rates:{foreign},rates:{pipeline_id},pipeline:{pipeline_id},nodes:{world.environment_id}"
    seen: dict[str, Any] = {}
    async with owner.http.stream("GET", events, params={"topics": topics}) as stream:
        assert stream.status_code == 200
        await owner.call("POST", f"/pipelines/{pipeline_id}/rollouts", json={})
        await world.sign()
        await agent.poll()
        now = int(time.time() * 1000)
        component = messages.ComponentCounters(id="out", received_events=50)
        await agent.beat(
            messages.PipelineStatus(
                id=str(pipeline_id),
                state="running",
                counters_at=now,
                counters_since=now - 10_000,
                components=(component,),
            )
        )
        async with asyncio.timeout(60):
            async for line in stream.aiter_lines():
                assert str(foreign) not in line
                if line.startswith("data:"):
                    data = msgspec.json.decode(line[5:].encode())
                    if data.get("components") != {}:
                        seen[data["topic"].partition(":")[0]] = data
                if set(seen) == {"rates", "pipeline", "nodes"}:
                    break
    assert seen["rates"]["components"]["out"]["received_events_per_second"] == 5.0


async def test_rates_are_read_now_and_then_however_often_nodes_tell(world, sign_in) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    owner = await sign_in("owner")
    await owner.call("POST", f"/pipelines/{pipeline_id}/rollouts", json={})
    await world.sign()
    await agent.poll()
    now = int(time.time() * 1000)

    async def tell() -> None:
        for step in range(1, 9):
            component = messages.ComponentCounters(id="out", received_events=step)
            told = messages.PipelineStatus(
                id=str(pipeline_id), state="running", counters_at=now + step, counters_since=now - 1,
                components=(component,),
            )  # fmt: skip
            await agent.beat(told)
            assert await world.house.gateway.ingest.flush()
            await asyncio.sleep(0.2)

    told, began = [], time.monotonic()
    events = f"/api/v1/orgs/{world.slug}/events"
    async with owner.http.stream("GET", events, params={"topics": f"rates:{pipeline_id}"}) as stream:
        telling = asyncio.create_task(tell())
        async with asyncio.timeout(60):
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    told.append(msgspec.json.decode(line[5:].encode())["components"].get("out"))
                    if told[-1] and told[-1]["received_events_total"] == 8:
                        break
        await telling
    # The first at once, and then one every two seconds; the last is never left out.
    assert len(told) <= 2 + (time.monotonic() - began) / 2


async def test_a_member_of_no_team_hears_nothing(world, sign_in) -> None:
    pipeline_id = await world.pipeline()
    services = world.house.services
    account = await services.identity.account_ensure(f"nobody@{world.slug}.test", "Nobody", PASSWORD)
    await services.tenancy.member_put(world.organization_id, account, OrganizationRole.MEMBER, SYSTEM)
    nobody = await sign_in("nobody")
    answer = await nobody.http.get(
        f"/api/v1/orgs/{world.slug}/events", params={"topics": f"rates:{pipeline_id}"}
    )
    assert answer.status_code == 404


async def test_series_and_rates_answer(world, sign_in) -> None:
    pipeline_id = await world.pipeline()
    owner = await sign_in("owner")
    rates = (await owner.call("GET", f"/pipelines/{pipeline_id}/rates")).json()
    assert (rates["components"], rates["stale_seconds"]) == ({}, None)
    series = await owner.call("GET", f"/pipelines/{pipeline_id}/series?component=out&metric=sent&minutes=5")
    assert series.json() == {"points": [], "unit": "events_per_second", "bucket_seconds": 30}
    whole = await owner.call("GET", f"/pipelines/{pipeline_id}/series?metric=errors")
    assert whole.json()["points"] == []
    refused = await owner.call("GET", f"/pipelines/{pipeline_id}/series?metric=latency")
    assert (refused.status_code, refused.json()["type"]) == (
        422,
        "urn:vectorflow:problem:telemetry.metric-of-components",
    )
    assert (
        await owner.call("GET", f"/pipelines/{pipeline_id}/series?component=out&metric=x")
    ).status_code == 400
