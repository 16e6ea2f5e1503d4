"""The routes of pipelines and their drafts."""

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.types import MOST_COMPONENTS, Deployed

PROBLEM = "urn:vectorflow:problem:"


async def make(client, world, name="Orders", **more):
    answer = await client.post(f"{world.path}/pipelines", {"name": name, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_pipeline_is_made_read_and_saved(client, world, document) -> None:
    made = await make(client, world, description="Of the shop", document=document)
    assert made["component_count"] == 3
    assert made["draft_version"] == 1
    assert made["updated_by"] == "Owner"
    assert made["deployed"] is None
    assert made["draft_changed"] is True
    path = f"{world.path}/pipelines/{made['id']}"
    read = await client.get(path)
    assert read.json() == made
    assert read.headers["etag"] == made["etag"]
    assert list(read.json()["document"]["components"][2]["options"]) == ["uri", "encoding", "auth"]
    document["components"].pop()
    document["edges"].pop()
    saved = await client.put(
        path, {"name": "Orders 2", "description": "", "document": document}, etag=made["etag"]
    )
    assert saved.status_code == 200, saved.text
    assert (saved.json()["draft_version"], saved.json()["component_count"]) == (2, 2)
    assert saved.headers["etag"] != made["etag"]
    assert (await client.get(path)).json() == saved.json()


async def test_an_unfinished_draft_is_kept(client, world) -> None:
    made = await make(client, world)
    assert made["document"]["components"] == []
    unfinished = {"components": [{"id": "a b", "kind": "sink", "type": "nothing"}], "edges": []}
    path = f"{world.path}/pipelines/{made['id']}"
    body = {"name": "Orders", "description": "", "document": unfinished}
    assert (await client.put(path, body, etag=made["etag"])).status_code == 200


async def test_saving_needs_the_present_tag(client, world) -> None:
    made = await make(client, world)
    path = f"{world.path}/pipelines/{made['id']}"
    body = {"name": "Orders", "description": "", "document": {}}
    assert (await client.put(path, body)).status_code == 428
    stale = await client.put(path, body, etag='"stale"')
    assert (stale.status_code, stale.headers["etag"]) == (412, made["etag"])
    assert (await client.put(path, body, etag=made["etag"])).status_code == 200
    assert (await client.put(path, body, etag=made["etag"])).status_code == 412
    assert (await client.delete(path, etag=made["etag"])).status_code == 412


async def test_deleting_takes_it_out_of_the_list_and_frees_the_name(client, world) -> None:
    made = await make(client, world)
    path = f"{world.path}/pipelines/{made['id']}"
    assert (await client.delete(path)).status_code == 428
    assert (await client.delete(path, etag=made["etag"])).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{world.path}/pipelines")).json()["items"] == []
    await make(client, world)


async def test_what_is_deployed_is_shown_and_not_deleted(client, world, house) -> None:
    made = await make(client, world)
    deployed = Deployed(revision=3, nodes_assigned=2, nodes_running=1, state="run")
    from_text = house.deployed.known.setdefault(type(new_id())(made["id"]), deployed)
    assert from_text is deployed
    path = f"{world.path}/pipelines/{made['id']}"
    shown = (await client.get(path)).json()["deployed"]
    assert shown == {"revision": 3, "nodes_assigned": 2, "nodes_running": 1, "state": "run"}
    assert (await client.get(f"{world.path}/pipelines")).json()["items"][0]["deployed"] == shown
    refused = await client.delete(path, etag=made["etag"])
    assert (refused.status_code, refused.json()["type"]) == (409, PROBLEM + "pipelines.still-deployed")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\u001b[31m"])
async def test_bad_names_are_refused(client, world, name) -> None:
    answer = await client.post(f"{world.path}/pipelines", {"name": name})
    assert (answer.status_code, answer.json()["type"]) == (422, PROBLEM + "pipelines.pipeline-invalid")
    assert [each["field"] for each in answer.json()["errors"]] == ["name"]


async def test_a_name_is_taken_once(client, world) -> None:
    await make(client, world, "Orders")
    second = await make(client, world, "Payments")
    answer = await client.post(f"{world.path}/pipelines", {"name": " ORDERS "})
    assert (answer.status_code, answer.json()["type"]) == (409, PROBLEM + "pipelines.name-taken")
    body = {"name": "orders", "description": "", "document": {}}
    answer = await client.put(f"{world.path}/pipelines/{second['id']}", body, etag=second["etag"])
    assert (answer.status_code, answer.json()["type"]) == (409, PROBLEM + "pipelines.name-taken")


@pytest.mark.parametrize(
    "document",
    [
        {"components": [{"id": "a", "kind": "source"}]},
        {"components": [{"id": "a", "kind": "spring", "type": "file"}]},
        {"components": "none"},
        {"unknown": 1},
        [],
    ],
)
async def test_what_is_no_document_is_refused(client, world, document) -> None:
    answer = await client.post(f"{world.path}/pipelines", {"name": "Orders", "document": document})
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"] or answer.json()["errors"]


async def test_documents_are_limited(client, world) -> None:
    component = {"kind": "source", "type": "file"}
    many = {"components": [component | {"id": f"c{index}"} for index in range(MOST_COMPONENTS + 1)]}
    answer = await client.post(f"{world.path}/pipelines", {"name": "Many", "document": many})
    assert (answer.status_code, answer.json()["type"]) == (422, PROBLEM + "pipelines.document-invalid")
    large = {"components": [component | {"id": "a", "comment": "x" * 2_200_000}]}
    answer = await client.post(f"{world.path}/pipelines", {"name": "Large", "document": large})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "document")
    huge = {"components": [component | {"id": "a", "comment": "x" * 6_000_000}]}
    assert (
        await client.post(f"{world.path}/pipelines", {"name": "Huge", "document": huge})
    ).status_code == 413


@pytest.mark.parametrize("depth", [100, 900, 100_000])
async def test_depth_is_refused_without_a_crash(client, world, depth) -> None:
    deep = '{"name": "Deep", "document": {"globals": {"a": ' + "[" * depth + "]" * depth + "}}}"
    headers = {"content-type": "application/json"}
    answer = await client.request("POST", f"{world.path}/pipelines", content=deep, headers=headers)
    assert answer.status_code in (400, 422), answer.text


async def test_the_list_has_pages_in_order_of_names(client, world) -> None:
    names = ["beta", "Alpha", "gamma", "delta", "Épsilon"]
    for name in names:
        await make(client, world, name, description="find me" if name == "gamma" else "")
    seen, query = [], "?limit=2"
    while True:
        answer = (await client.get(f"{world.path}/pipelines{query}")).json()
        seen += [each["name"] for each in answer["items"]]
        if answer["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={answer['next_cursor']}"
    assert len(seen) == len(set(seen)) == 5
    assert seen[:4] == ["Alpha", "beta", "delta", "gamma"]
    for text, found in (("LPH", ["Alpha"]), ("find", ["gamma"]), ("%", [])):
        listed = (await client.get(f"{world.path}/pipelines", params={"q": text})).json()["items"]
        assert [each["name"] for each in listed] == found


async def test_a_repeat_with_the_same_key_makes_one(client, world, document) -> None:
    headers = {"idempotency-key": "once"}
    body = {"name": "Orders", "document": document}
    answers = [await client.post(f"{world.path}/pipelines", body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await client.get(f"{world.path}/pipelines")).json()["items"]) == 1


async def test_others_get_the_same_answer_for_what_is_not_theirs(client, stranger, world, other) -> None:
    made = await make(client, world)
    for path, rest in ((world.path, ""), (world.path, "/revisions"), (world.path, "/diff")):
        foreign = await stranger.get(f"{path}/pipelines/{made['id']}{rest}")
        missing = await stranger.get(f"{path}/pipelines/{new_id()}{rest}")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["type"] == missing.json()["type"]
    prod = world.path.replace("/dev", "/prod")
    for who, path in ((stranger, other.path), (client, prod)):
        for rest in ("", "/revisions", "/revisions/1", "/diff"):
            answers = [await who.get(f"{path}/pipelines/{each}{rest}") for each in (made["id"], new_id())]
            assert {each.status_code for each in answers} == {404}
            assert {each.json()["type"] for each in answers} == {PROBLEM + "pipelines.pipeline-not-found"}
        body = {"name": "Mine", "description": "", "document": {}}
        target = f"{path}/pipelines/{made['id']}"
        assert (await who.put(target, body, etag=made["etag"])).status_code == 404
        assert (await who.delete(target, etag=made["etag"])).status_code == 404
    assert (await client.get(f"{world.path}/pipelines/{made['id']}")).json() == made


async def test_a_viewer_only_looks(client, viewer, world) -> None:
    made = await make(client, world)
    path = f"{world.path}/pipelines/{made['id']}"
    assert (await viewer.get(path)).status_code == 200
    body = {"name": "Mine", "description": "", "document": {}}
    assert (await viewer.post(f"{world.path}/pipelines", body)).status_code == 403
    assert (await viewer.put(path, body, etag=made["etag"])).status_code == 403
    assert (await viewer.delete(path, etag=made["etag"])).status_code == 403


async def test_each_change_is_in_the_log(client, world, house) -> None:
    made = await make(client, world)
    path = f"{world.path}/pipelines/{made['id']}"
    body = {"name": "Orders", "description": "x", "document": {}}
    saved = await client.put(path, body, etag=made["etag"])
    await client.delete(path, etag=saved.headers["etag"])
    async with house.services.database.transaction(world.organization_id) as txn:
        actions = await txn.value(
            "select array_agg(action order by sequence) from audit_records where object_type = 'pipeline'"
        )
    assert actions == ["pipeline.created", "pipeline.updated", "pipeline.deleted"]
