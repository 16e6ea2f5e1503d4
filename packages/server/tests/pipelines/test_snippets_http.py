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
    assert (await client.delete(f"{world.path}/snippets/{made.json()['id']}")).status_code == 204
    assert (await client.delete(f"{world.path}/snippets/{made.json()['id']}")).status_code == 404


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
