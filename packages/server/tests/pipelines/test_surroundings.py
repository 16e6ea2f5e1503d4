"""What the environment says to a document: rules of the organisation, and neighbours on the same nodes."""
# library/rules.py, library/http/rules.py, pipelines/surroundings.py

import pytest

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.library.types import MOST_POLICY_RULES
from vectorflow.pipelines.errors import DocumentInvalid
from vectorflow.pipelines.types import Deployed
from vectorflow_topology.document import document_from_json

NO_CONSOLE = {
    "name": "No console",
    "about": "component",
    "types": ["console"],
    "reason": "It fills the disk.",
}


def document(sink="blackhole", port=9000):
    return {
        "components": [
            {"id": "in", "kind": "source", "type": "socket", "options": {"mode": "tcp", "address": f"0.0.0.0:{port}"}},
            {"id": "out", "kind": "sink", "type": sink, "options": {"encoding": {"codec": "text"}} if sink == "console" else {}},
        ],
        "edges": [{"source": "in", "target": "out"}],
    }  # fmt: skip


def rules_path(world):
    return f"/api/v1/orgs/{world.slug}/policy-rules"


async def make_rule(client, world, rule=NO_CONSOLE, environments=()):
    answer = await client.post(rules_path(world), {"rule": rule, "environments": list(environments)})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def check(client, world, made, pipeline_id=None):
    body = {"document": made} | ({"pipeline_id": pipeline_id} if pipeline_id else {})
    answer = await client.post(f"{world.path}/check", body)
    assert answer.status_code == 200, answer.text
    return {(each["rule"], each["component"]): each["message"] for each in answer.json()["findings"]}


async def pipeline(house, world, made, name="Other"):
    """A pipeline with one revision; returns its id."""
    async with house.services.database.transaction(world.organization_id) as txn:
        draft = await house.pipelines.create(
            txn, SYSTEM, world.environment_id, name=name, document=document_from_json(made)
        )
        await house.revisions.make_revision(txn, draft.row.id, "", SYSTEM)
    return draft.row.id


async def test_a_rule_is_made_changed_and_deleted(client, world) -> None:
    made = await make_rule(client, world)
    assert made["rule"]["severity"] == "error"
    path = f"{rules_path(world)}/{made['id']}"
    changed = made["rule"] | {"severity": "warning"}
    assert (await client.put(path, {"rule": changed, "environments": ["prod"]})).status_code == 428
    answer = await client.put(path, {"rule": changed, "environments": ["prod"]}, etag=made["etag"])
    assert answer.status_code == 200, answer.text
    listed = (await client.get(rules_path(world))).json()["items"]
    assert [(each["rule"]["severity"], each["environments"]) for each in listed] == [("warning", ["prod"])]
    assert (await client.delete(path, etag=made["etag"])).status_code == 412
    assert (await client.delete(path, etag=answer.headers["etag"])).status_code == 204
    assert (await client.get(rules_path(world))).json()["items"] == []


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (NO_CONSOLE | {"name": " "}, "rule.name"),
        ({"name": "a", "about": "option", "verdict": "require"}, "rule.path"),
        ({"name": "a", "about": "destination"}, "rule.values"),
        ({"name": "a", "about": "component", "kinds": ["sink"]}, "rule.types"),
        (NO_CONSOLE | {"verdict": "require"}, "rule.verdict"),
        (NO_CONSOLE | {"types": ["x" * 300]}, "rule.types"),
    ],
)
async def test_a_rule_that_says_nothing_is_refused(client, world, rule, field) -> None:
    answer = await client.post(rules_path(world), {"rule": rule})
    assert answer.status_code == 422
    assert field in {each["field"] for each in answer.json()["errors"]}


async def test_names_and_environments_are_looked_at(client, world) -> None:
    await make_rule(client, world)
    taken = await client.post(rules_path(world), {"rule": NO_CONSOLE})
    assert (taken.status_code, taken.json()["type"]) == (
        409,
        "urn:vectorflow:problem:library.policy-rule-name-taken",
    )
    unknown = await client.post(
        rules_path(world), {"rule": NO_CONSOLE | {"name": "b"}, "environments": ["moon"]}
    )
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "environments")


async def test_there_is_an_end_to_rules(house, client, world) -> None:
    async with house.services.database.transaction(world.organization_id) as txn:
        await txn.execute(
            """insert into policy_rules (organization_id, id, name, rule, updated_by)
            select %(organization_id)s, gen_random_uuid(), 'r' || n, '{}', 't'
            from generate_series(1, %(most)s) n""",
            {"most": MOST_POLICY_RULES},
        )
    answer = await client.post(rules_path(world), {"rule": NO_CONSOLE})
    assert answer.json()["type"] == "urn:vectorflow:problem:library.too-many-policy-rules"


async def test_a_rule_refuses_revisions_in_its_environments_only(house, client, world, other) -> None:
    assert await check(client, world, document("console")) == {}
    await make_rule(client, world, environments=["prod"])
    assert await check(client, world, document("console")) == {}
    await make_rule(client, world, NO_CONSOLE | {"name": "Nowhere"})
    found = await check(client, world, document("console"))
    assert list(found) == [("policy.component", "out")]
    assert "By the rule Nowhere" in found["policy.component", "out"]
    assert "It fills the disk." in found["policy.component", "out"]
    with pytest.raises(DocumentInvalid):
        await pipeline(house, world, document("console"))
    await pipeline(house, other, document("console"))  # another organisation's rules are its own


async def test_two_pipelines_of_one_node_cannot_have_one_port(house, client, world) -> None:
    other = await pipeline(house, world, document())
    mine = str(new_id())
    assert await check(client, world, document(), mine) == {}  # it is nowhere yet
    house.deployed.known[other] = Deployed(1, 1, 1, "running")
    found = await check(client, world, document(), mine)
    assert list(found) == [("resource.clash", "in")]
    assert "the pipeline Other" in found["resource.clash", "in"]
    assert await check(client, world, document(port=9001), mine) == {}
    assert await check(client, world, document(), str(other)) == {}  # its own revision is no neighbour
    assert await check(client, world, document()) == {}
    house.deployed.known[other] = Deployed(2, 1, 1, "running")  # another revision runs, without the port
    assert await check(client, world, document(), mine) == {}


async def test_a_clash_refuses_a_revision(house, world) -> None:
    other = await pipeline(house, world, document())
    house.deployed.known[other] = Deployed(1, 1, 1, "running")
    with pytest.raises(DocumentInvalid, match="errors"):
        await pipeline(house, world, document(), name="Second")
