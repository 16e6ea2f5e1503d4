"""The routes of secrets, beside the pipelines that use them."""

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.ring import KeyRing

CANARY = "canary-5d21b7"


async def make(client, world, name="token", value=CANARY, **options):
    return await client.post(f"{world.path}/secrets", {"name": name, "value": value}, **options)


async def test_a_value_goes_in_and_never_comes_out(client, world) -> None:
    made = await make(client, world)
    assert made.status_code == 201
    answers = [
        made,
        await client.get(f"{world.path}/secrets"),
        await client.put(
            f"{world.path}/secrets/{made.json()['id']}", {"value": CANARY + "2"}, etag=made.headers["etag"]
        ),
    ]
    for answer in answers:
        assert CANARY not in answer.text
    listed = answers[1].json()["items"]
    assert [(each["name"], each["version"], each["used_by"]) for each in listed] == [("token", 1, [])]
    assert listed[0]["etag"] == made.headers["etag"]
    assert listed[0]["created_at"].endswith("Z")
    assert answers[2].json()["version"] == 2
    assert answers[2].headers["etag"] != made.headers["etag"]


async def test_a_repeat_with_the_same_key_is_done_once(client, world) -> None:
    headers = {"idempotency-key": "one"}
    first = await make(client, world, headers=headers)
    again = await make(client, world, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert len((await client.get(f"{world.path}/secrets")).json()["items"]) == 1


async def test_names_and_values_are_checked(client, world) -> None:
    taken = await make(client, world)
    assert taken.status_code == 201
    answer = await make(client, world)
    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "urn:vectorflow:problem:vault.secret-name-taken",
    )
    answer = await make(client, world, "a.b")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
    answer = await make(client, world, "empty", "")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "value")
    answer = await client.post(f"{world.path}/secrets", {"name": "a", "value": CANARY, "extra": 1})
    assert answer.status_code == 400
    assert CANARY not in answer.text


async def test_changing_needs_the_present_tag(client, world) -> None:
    made = (await make(client, world)).json()
    path = f"{world.path}/secrets/{made['id']}"
    assert (await client.put(path, {"value": "x"})).status_code == 428
    assert (await client.put(path, {"value": "x"}, etag='"old"')).status_code == 412
    assert (await client.put(path, {"value": "x"}, etag="*")).status_code == 412
    assert (await client.delete(path)).status_code == 428
    assert (await client.delete(path, etag='"old"')).status_code == 412
    assert (await client.delete(path, etag=made["etag"])).status_code == 204
    assert (await client.delete(path, etag=made["etag"])).status_code == 404


async def test_a_secret_in_use_stays(client, world, document) -> None:
    made = (await make(client, world)).json()
    path = f"{world.path}/secrets/{made['id']}"
    pipeline = (await client.post(f"{world.path}/pipelines", {"name": "P", "document": document})).json()
    listed = (await client.get(f"{world.path}/secrets")).json()["items"]
    assert listed[0]["used_by"] == [{"pipeline_id": pipeline["id"], "name": "P"}]
    refused = await client.delete(path, etag=made["etag"])
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:vectorflow:problem:vault.secret-in-use",
    )
    assert "P" in refused.json()["detail"]
    renamed = {"name": "Q", "description": "", "document": document}
    saved = await client.put(f"{world.path}/pipelines/{pipeline['id']}", renamed, etag=pipeline["etag"])
    listed = (await client.get(f"{world.path}/secrets")).json()["items"]
    assert listed[0]["used_by"][0]["name"] == "Q"
    gone = await client.delete(f"{world.path}/pipelines/{pipeline['id']}", etag=saved.headers["etag"])
    assert gone.status_code == 204
    assert (await client.delete(path, etag=made["etag"])).status_code == 204


async def test_the_list_has_pages_and_a_search(client, world) -> None:
    for name in ("b", "a", "c-token", "D"):
        await make(client, world, name)
    seen, cursor = [], None
    while True:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        answer = (await client.get(f"{world.path}/secrets{query}")).json()
        seen += [each["name"] for each in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == ["D", "a", "b", "c-token"]
    assert len(seen) == 4
    found = (await client.get(f"{world.path}/secrets?q=TOK")).json()["items"]
    assert [each["name"] for each in found] == ["c-token"]
    assert (await client.get(f"{world.path}/secrets?cursor=nonsense")).status_code == 400


async def test_others_get_the_same_answer_for_what_is_not_theirs(client, stranger, world, other) -> None:
    made = (await make(client, world)).json()
    # In a foreign organisation, in their own with a foreign id, in another environment, with an id of nothing.
    foreign = await stranger.delete(f"{world.path}/secrets/{made['id']}", etag=made["etag"])
    missing = await stranger.delete(f"{world.path}/secrets/{new_id()}", etag=made["etag"])
    assert (foreign.status_code, foreign.json()["type"]) == (missing.status_code, missing.json()["type"])
    assert foreign.status_code == 404
    smuggled = await stranger.delete(f"{other.path}/secrets/{made['id']}", etag=made["etag"])
    absent = await stranger.delete(f"{other.path}/secrets/{new_id()}", etag=made["etag"])
    prod = world.path.replace("/dev", "/prod")
    elsewhere = await client.put(f"{prod}/secrets/{made['id']}", {"value": "x"}, etag=made["etag"])
    for answer in (smuggled, absent, elsewhere):
        assert (answer.status_code, answer.json()["type"]) == (
            404,
            "urn:vectorflow:problem:vault.secret-not-found",
        )
    assert len((await client.get(f"{world.path}/secrets")).json()["items"]) == 1


async def test_a_viewer_sees_names_only(client, viewer, world) -> None:
    made = (await make(client, world)).json()
    path = f"{world.path}/secrets/{made['id']}"
    assert (await viewer.get(f"{world.path}/secrets")).status_code == 200
    assert (await make(viewer, world, "b")).status_code == 403
    assert (await viewer.put(path, {"value": "x"}, etag=made["etag"])).status_code == 403
    assert (await viewer.delete(path, etag=made["etag"])).status_code == 403


@pytest.mark.parametrize("method", ["get", "post"])
async def test_without_a_session_nothing_is_said(app, world, client, method) -> None:
    client.http.cookies.clear()
    answer = await client.request(method.upper(), f"{world.path}/secrets", json={"name": "a", "value": "b"})
    assert answer.status_code == 401


async def test_without_the_platform_key_only_what_needs_it_stops(
    client, world, house, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr(house.keys, "_ring", KeyRing(LocalKeyFile(tmp_path / "gone")))
    refused = await make(client, world)
    assert (refused.status_code, refused.json()["type"]) == (
        503,
        "urn:vectorflow:problem:keys.keys-unavailable",
    )
    assert CANARY not in refused.text
    listed = await client.get(f"{world.path}/secrets")
    assert (listed.status_code, listed.json()["items"]) == (200, [])
    monkeypatch.undo()
    assert (await make(client, world)).status_code == 201
