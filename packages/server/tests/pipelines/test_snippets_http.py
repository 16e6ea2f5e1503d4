"""Snippets over the API: built-in ones, and those of the organisation's own."""

from vectorflow.library.snippets import SnippetService
from vectorflow_engine.vrl.snippets import snippets


async def test_own_snippets_stand_before_the_built_in_ones(client, viewer, world) -> None:
    body = {"name": "Ours", "summary": "what we do", "program": ".ours = true"}
    made = await client.post(f"{world.path}/snippets", body)
    assert made.status_code == 201, made.text
    found = (await viewer.get(f"{world.path}/snippets")).json()["items"]
    assert [each["id"] for each in found] == [made.json()["id"], *(each.id for each in snippets())]
    assert (found[0]["category"], found[0]["program"], found[0]["updated_by"]) == (
        "own",
        ".ours = true",
        "Owner",
    )
    assert (await client.post(f"{world.path}/snippets", body)).status_code == 409
    assert (await viewer.post(f"{world.path}/snippets", body)).status_code == 403
    assert (await viewer.delete(f"{world.path}/snippets/{made.json()['id']}")).status_code == 403
    place, tag = f"{world.path}/snippets/{made.json()['id']}", made.json()["etag"]
    assert (await client.delete(place)).status_code == 428
    assert (await client.delete(place, etag=tag)).status_code == 204
    assert (await client.delete(place, etag=tag)).status_code == 404


async def test_an_own_snippet_is_changed_by_who_saw_its_last_version(client, viewer, world) -> None:
    made = (await client.post(f"{world.path}/snippets", {"name": "Ours", "program": ".a = 1"})).json()
    await client.post(f"{world.path}/snippets", {"name": "Taken", "program": "."})
    place = f"{world.path}/snippets/{made['id']}"
    body = {"name": "Ours too", "summary": "better", "program": ".a = 2"}
    assert (await client.put(place, body)).status_code == 428
    assert (await viewer.put(place, body, etag=made["etag"])).status_code == 403
    changed = await client.put(place, body, etag=made["etag"])
    assert changed.status_code == 200, changed.text
    assert changed.json()["etag"] == changed.headers["etag"] != made["etag"]
    found = (await viewer.get(f"{world.path}/snippets")).json()["items"][0]
    assert {key: found[key] for key in ("id", "title", "summary", "program", "etag")} == {
        "id": made["id"],
        "title": "Ours too",
        "summary": "better",
        "program": ".a = 2",
        "etag": changed.json()["etag"],
    }
    assert (await client.put(place, body, etag=made["etag"])).status_code == 412
    assert (await client.delete(place, etag=made["etag"])).status_code == 412
    tag = changed.json()["etag"]
    taken = await client.put(place, body | {"name": "Taken"}, etag=tag)
    assert taken.json()["type"].endswith("library.snippet-name-taken")
    assert (await client.put(place, body | {"program": " "}, etag=tag)).status_code == 422


async def test_the_log_says_what_became_of_a_snippet(client, world, house) -> None:
    made = (await client.post(f"{world.path}/snippets", {"name": "Ours", "program": "."})).json()
    place = f"{world.path}/snippets/{made['id']}"
    changed = await client.put(place, {"name": "Theirs", "program": ".b = 1"}, etag=made["etag"])
    await client.delete(place, etag=changed.json()["etag"])
    async with house.services.database.transaction(world.organization_id) as txn:
        actions = await txn.value(
            """select array_agg(action order by sequence) from audit_records
            where organization_id = %(organization_id)s and object_type = 'snippet'"""
        )
    assert actions == ["snippet.created", "snippet.updated", "snippet.deleted"]


async def test_what_cannot_be_kept_is_refused(client, world) -> None:
    for change, field in (
        ({"name": ""}, "name"),
        ({"summary": "x" * 501}, "summary"),
        ({"program": " "}, "program"),
        ({"program": "x" * 65_537}, "program"),
    ):
        answer = await client.post(f"{world.path}/snippets", {"name": "n", "program": "."} | change)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


async def test_another_organisation_sees_nothing(client, world, other, house) -> None:
    await client.post(f"{world.path}/snippets", {"name": "Ours", "program": "."})
    async with house.services.database.transaction(other.organization_id) as txn:
        assert await SnippetService().own(txn) == []
