"""Folders, tags and saved filters: `pipelines.filing` and its routes, `pipelines.http.filing`."""

from typing import Any

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.filing.service import folder_kept

PROBLEM = "urn:vectorflow:problem:"


async def make(client: Any, world: Any, name: str) -> str:
    answer = await client.post(f"{world.path}/pipelines", {"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def names(client: Any, world: Any, query: str) -> list[str]:
    answer = await client.get(f"{world.path}/pipelines?{query}")
    return [each["name"] for each in answer.json()["items"]]


async def test_pipelines_are_filed_together_and_found(client, world, house) -> None:
    ids = [await make(client, world, name) for name in ("a", "b", "c")]
    path = f"{world.path}/pipeline-filings"
    body = {"pipelines": ids[:2], "folder": " edge / eu ", "add_tags": ["prod", "team a"]}
    assert (await client.post(path, body)).status_code == 204
    assert (await client.post(path, {"pipelines": [ids[1]], "remove_tags": ["prod"]})).status_code == 204
    assert await names(client, world, "folder=edge") == ["a", "b"]
    assert await names(client, world, "folder=edge/eu&tags=prod") == ["a"]
    assert await names(client, world, "tags=team%20a,prod") == ["a"]
    assert await names(client, world, "folder=ed") == []
    found = (await client.get(f"{world.path}/pipelines/{ids[1]}")).json()
    assert (found["folder"], found["tags"], found["draft_version"]) == ("edge/eu", ["team a"], 1)
    counts = (await client.get(f"{world.path}/pipeline-folders")).json()
    assert counts["folders"] == [{"name": "edge/eu", "pipelines": 2}]
    assert counts["tags"] == [{"name": "prod", "pipelines": 1}, {"name": "team a", "pipelines": 2}]
    # Saying it again changes nothing and leaves no record; taking out of a folder is an empty one.
    assert (await client.post(path, {"pipelines": [ids[1]], "remove_tags": ["prod"]})).status_code == 204
    assert (await client.post(path, {"pipelines": ids, "folder": ""})).status_code == 204
    async with house.services.database.transaction(world.organization_id) as txn:
        filed = await txn.value("select count(*) from audit_records where action = 'pipeline.filed'")
    assert filed == 2 + 1 + 2


async def test_a_filing_is_whole_or_not_at_all(client, world) -> None:
    mine = await make(client, world, "mine")
    path = f"{world.path}/pipeline-filings"
    answer = await client.post(path, {"pipelines": [mine, str(new_id())], "folder": "x"})
    assert answer.status_code == 404
    assert (await client.get(f"{world.path}/pipelines/{mine}")).json()["folder"] == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"folder": "x" * 101}, "folder"),
        ({"folder": "a\u202eb"}, "folder"),
        ({"add_tags": [""]}, "add_tags"),
        ({"add_tags": ["a,b"]}, "add_tags"),
        ({"remove_tags": ["x" * 41]}, "remove_tags"),
        ({"add_tags": [f"t{n}" for n in range(21)]}, "add_tags"),
    ],
)
async def test_bad_folders_and_tags_are_named(client, world, body, field) -> None:
    mine = await make(client, world, "mine")
    answer = await client.post(f"{world.path}/pipeline-filings", {"pipelines": [mine], **body})
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_a_viewer_files_nothing_and_has_filters_of_their_own(client, viewer, world) -> None:
    mine = await make(client, world, "mine")
    assert (
        await viewer.post(f"{world.path}/pipeline-filings", {"pipelines": [mine], "folder": "x"})
    ).status_code == 403
    path = f"{world.path}/pipeline-filters"
    saved = await client.post(path, {"name": " Mine ", "search": "folder=x"})
    assert saved.status_code == 200, saved.text
    assert (await client.post(path, {"name": "Mine", "search": "tags=y"})).json()["id"] == saved.json()["id"]
    assert (await client.get(path)).json()["items"] == [{**saved.json(), "search": "tags=y"}]
    assert (await viewer.get(path)).json()["items"] == []
    assert (await viewer.delete(f"{path}/{saved.json()['id']}")).status_code == 404
    assert (await client.delete(f"{path}/{saved.json()['id']}")).status_code == 204
    assert (await client.get(path)).json()["items"] == []


async def test_a_filter_needs_a_name_and_something_to_keep(client, world) -> None:
    answer = await client.post(f"{world.path}/pipeline-filters", {"name": " ", "search": ""})
    assert [each["field"] for each in answer.json()["errors"]] == ["name", "search"]


def test_a_folder_is_kept_without_what_is_between_its_parts() -> None:
    assert folder_kept(" /a// b /") == "a/b"
    assert folder_kept("/") == ""
