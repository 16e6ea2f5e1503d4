"""Revisions: made from drafts, numbered, immutable."""

import asyncio
from uuid import UUID

import psycopg
import pytest

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.errors import DocumentInvalid, PipelineInvalid, PipelineNotFound, RevisionNotFound
from vectorflow.pipelines.types import Deployed

PROBLEM = "urn:vectorflow:problem:"


class Case:
    """A pipeline, and what its owner does with it."""

    def __init__(self, house, world, client, made):
        self.house, self.world, self.client = house, world, client
        self.id = UUID(made["id"])
        self.path = f"{world.path}/pipelines/{made['id']}"

    async def get(self, rest=""):
        return (await self.client.get(self.path + rest)).json()

    async def revise(self, message="because", pipeline_id=None):
        async with self.house.services.database.transaction(self.world.organization_id) as txn:
            return await self.house.revisions.make_revision(txn, pipeline_id or self.id, message, SYSTEM)

    async def save(self, document):
        tag = (await self.client.get(self.path)).headers["etag"]
        body = {"name": "Orders", "description": "", "document": document}
        answer = await self.client.put(self.path, body, etag=tag)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def case(house, client, world, document):
    await client.post(f"{world.path}/secrets", {"name": "token", "value": "v"})
    answer = await client.post(f"{world.path}/pipelines", {"name": "Orders", "document": document})
    assert answer.status_code == 201, answer.text
    return Case(house, world, client, answer.json())


async def test_the_same_content_is_the_same_revision(case, document) -> None:
    first = await case.revise()
    assert (first.number, first.secrets, first.created_by) == (1, ("token",), SYSTEM.name)
    assert (await case.get())["draft_changed"] is False
    assert await case.revise("again") == first
    document["layout"] = {"lines": {"x": 500, "y": 5}}
    assert (await case.save(document))["draft_changed"] is False
    document["components"][1]["comment"] = "said otherwise, done the same"
    assert (await case.save(document))["draft_changed"] is True
    assert (await case.revise()).number == 1
    assert (await case.get())["draft_changed"] is False
    document["components"][1]["options"]["source"] = ".seen = false"
    assert (await case.save(document))["draft_changed"] is True
    second = await case.revise("changed")
    assert second.number == 2
    assert second.sha256 != first.sha256


async def test_a_document_with_errors_makes_no_revision(case, document) -> None:
    document["components"][1]["options"]["source"] = ".a = nothing()"
    del document["components"][2]["options"]["uri"]
    await case.save(document)
    with pytest.raises(DocumentInvalid) as caught:
        await case.revise()
    fields = {error.field for error in caught.value.errors}
    assert any(field.startswith("document.components.parse.options.source") for field in fields), fields
    assert any(field.startswith("document.components.out") for field in fields), fields
    assert (await case.get("/revisions"))["items"] == []


async def test_a_secret_that_does_not_exist_makes_no_revision(case, document) -> None:
    document["components"][2]["options"]["auth"]["token"] = "SECRET[absent]"
    await case.save(document)
    with pytest.raises(DocumentInvalid, match="errors") as caught:
        await case.revise()
    assert "absent" in caught.value.errors[0].message


async def test_empty_pipelines_and_long_messages_are_refused(case) -> None:
    with pytest.raises(PipelineInvalid):
        await case.revise("x" * 2001)
    await case.save({})
    with pytest.raises(DocumentInvalid):
        await case.revise()
    with pytest.raises(PipelineNotFound):
        await case.revise(pipeline_id=new_id())


async def test_revisions_are_listed_and_read(viewer, case, document) -> None:
    for value in range(3):
        document["components"][1]["options"]["source"] = f".seen = {value}"
        await case.save(document)
        await case.revise(f"number {value}")
    path = f"{case.path}/revisions"
    page = (await viewer.get(f"{path}?limit=2")).json()
    assert [each["number"] for each in page["items"]] == [3, 2]
    rest = (await viewer.get(f"{path}?limit=2&cursor={page['next_cursor']}")).json()
    assert ([each["number"] for each in rest["items"]], rest["next_cursor"]) == ([1], None)
    found = (await viewer.get(path, params={"q": "number 1"})).json()["items"]
    assert [each["number"] for each in found] == [2]
    detail = (await viewer.get(f"{path}/3")).json()
    assert ".seen = 2" in detail["yaml"]
    assert detail["document"] == (await case.get())["document"]
    assert {**detail, **page["items"][0]} == detail
    for number in (0, 4, 10**12, -1):
        answer = await viewer.get(f"{path}/{number}")
        assert answer.status_code == 404, answer.text
        assert answer.json()["type"] == PROBLEM + "pipelines.revision-not-found"


async def test_a_configuration_is_found_by_its_hash(house, world, other, case) -> None:
    revision = await case.revise()
    sha256 = revision.sha256.hex()
    async with house.services.database.transaction(world.organization_id) as txn:
        yaml = await house.revisions.configuration(txn, sha256)
        assert yaml is not None
        assert b"demo_logs" in yaml
        assert await house.revisions.configuration(txn, "0" * 64) is None
        assert await house.revisions.configuration(txn, "not hex") is None
    async with house.services.database.transaction(other.organization_id) as txn:
        assert await house.revisions.configuration(txn, sha256) is None
        with pytest.raises(RevisionNotFound):
            await house.revisions.stored(txn, case.id, 1)


async def test_the_hand_over_between_revisions(house, world, case, document) -> None:
    await case.revise()
    document["components"][1]["options"]["source"] = ".seen = 1"
    await case.save(document)
    await case.revise()
    async with house.services.database.transaction(world.organization_id) as txn:
        assert await house.revisions.handover(txn, case.id, 1, 2) == "beside"
        with pytest.raises(RevisionNotFound):
            await house.revisions.handover(txn, case.id, 1, 3)


async def test_the_difference_between_states(client, house, case, document) -> None:
    path = f"{case.path}/diff"
    whole = (await client.get(path)).json()
    assert (whole["from"], whole["to"]) == (None, "draft")
    assert {each["kind"] for each in whole["changes"]} == {"added"}
    assert "+" in whole["text"]
    await case.revise()
    document["components"][1]["options"]["source"] = ".seen = false"
    document["components"][2]["options"]["auth"]["token"] = "hunter2-literal"
    await case.save(document)
    changed = (await client.get(f"{path}?from=1")).json()
    assert (changed["from"], changed["to"]) == (1, "draft")
    assert "-" in changed["text"]
    assert ".seen = false" in changed["text"]
    assert "hunter2-literal" not in changed["text"]
    assert "hunter2-literal" not in str(changed["changes"])
    house.deployed.known[case.id] = Deployed(1, 1, 1, "run")
    assert (await client.get(path)).json() == changed
    same = (await client.get(f"{path}?from=1&to=1")).json()
    assert (same["text"], same["changes"]) == ("", [])
    document["components"][2]["options"]["uri"] = "VAR[unknown]"
    await case.save(document)
    assert (await client.get(f"{path}?from=1")).json()["text"] is None
    for query in ("?from=draft", "?to=latest", "?from=-1", "?from=99999999999"):
        assert (await client.get(path + query)).status_code == 400
    assert (await client.get(f"{path}?from=7")).status_code == 404


async def test_two_at_once_make_one_revision(case) -> None:
    first, second = await asyncio.gather(case.revise(), case.revise())
    assert first == second


async def test_a_secret_that_a_revision_needs_stays(client, world, case, document) -> None:
    await case.revise()
    document["components"][2]["options"].pop("auth")
    await case.save(document)
    secret = (await client.get(f"{world.path}/secrets")).json()["items"][0]
    assert [each["name"] for each in secret["used_by"]] == ["Orders"]
    refused = await client.delete(f"{world.path}/secrets/{secret['id']}", etag=secret["etag"])
    assert refused.status_code == 409


@pytest.mark.parametrize(
    "statement", ["update revisions set number = 9", "delete from revisions", "delete from pipelines"]
)
async def test_the_app_role_cannot_change_a_revision(house, world, case, statement) -> None:
    await case.revise()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with house.services.database.transaction(world.organization_id) as txn:
            await txn.execute(statement)
