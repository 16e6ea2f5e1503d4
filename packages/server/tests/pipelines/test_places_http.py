"""Where secrets may go (`vault.places`): limits, first use, a changed destination, two people, over the real API."""

import pytest

from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.errors import DocumentInvalid
from vectorflow.tenancy.types import OrganizationRole, TeamRole
from vectorflow.vault.errors import SecretUseDenied, SecretUseRefused

VALUE = "canary-77aa10"
EVERYTHING = frozenset(Permission)


@pytest.fixture
async def people(app, house, world, client):
    """The owner, and a second person who may write secrets: (client, account id) of each."""
    found = {}
    for name, role, team in (("owner", None, None), ("second", OrganizationRole.ADMIN, None),
                             ("editor", OrganizationRole.MEMBER, TeamRole.EDITOR),
                             ("deployer", OrganizationRole.MEMBER, TeamRole.DEPLOYER)):  # fmt: skip
        email = f"{name}@{world.slug}.test"
        account = await house.services.identity.account_ensure(
            email, name.title(), "correct horse battery staple"
        )
        if role is not None:
            teams = {"core": team} if team else None
            await house.services.tenancy.member_put(
                world.organization_id, account, role, actor_of("x", account), teams=teams
            )
        browser = client if name == "owner" else type(client)(app)
        if name != "owner":
            await browser.sign_in(email)
        found[name] = (browser, account)
    yield found
    for name, (browser, _) in found.items():
        if name != "owner":
            await browser.http.aclose()


def actor_of(name, account, permissions=EVERYTHING) -> Actor:
    return Actor(ActorKind.ACCOUNT, name, account, permissions=permissions)


async def revise(house, world, pipeline, actor):
    async with house.services.database.transaction(world.organization_id) as txn:
        return await house.revisions.make_revision(txn, pipeline, "m", actor)


@pytest.fixture
async def deployed(house, world, client, people, document):
    """A pipeline whose secret goes to example.com, as its owner deployed it."""
    secret = await client.post(f"{world.path}/secrets", {"name": "token", "value": VALUE})
    made = await client.post(f"{world.path}/pipelines", {"name": "Orders", "document": document})
    owner = actor_of("Owner", people["owner"][1])
    await revise(house, world, made.json()["id"], owner)
    return made.json(), secret.json(), owner


async def moved(client, world, pipeline, document, host="https://evil.example.net/x"):
    document["components"][2]["options"]["uri"] = host
    body = {"name": pipeline["name"], "description": "", "document": document}
    now = await client.get(f"{world.path}/pipelines/{pipeline['id']}")
    saved = await client.put(f"{world.path}/pipelines/{pipeline['id']}", body, etag=now.headers["etag"])
    assert saved.status_code == 200, saved.text
    return saved.json()


async def test_the_first_use_is_approved_by_who_may_write_secrets(client, world, deployed) -> None:
    answer = (await client.get(f"{world.path}/secret-destinations?secret=token")).json()
    (approved,) = answer["approved"]
    assert answer["waiting"] == []
    assert (approved["destination"], approved["component_type"], approved["option_path"]) == (
        "https://example.com", "sink:http", "auth.token"
    )  # fmt: skip
    assert (approved["approved_how"], approved["approved_by"]) == ("first-use", "Owner")


async def test_who_may_not_write_secrets_cannot_be_the_first(house, world, client, people, document) -> None:
    await client.post(f"{world.path}/secrets", {"name": "token", "value": VALUE})
    made = (await client.post(f"{world.path}/pipelines", {"name": "P", "document": document})).json()
    deployer = actor_of("D", people["deployer"][1], frozenset({Permission.SECRET_USE}))
    with pytest.raises(DocumentInvalid) as caught:
        await revise(house, world, made["id"], deployer)
    assert "token" in caught.value.errors[0].message


async def test_a_changed_destination_blocks_until_somebody_else_approves(  # noqa: PLR0917 - fixtures
    house, world, client, people, deployed, document
) -> None:
    pipeline, _, owner = deployed
    await moved(client, world, pipeline, document)
    checked = (await client.post(f"{world.path}/check", {"document": document})).json()
    (finding,) = [each for each in checked["findings"] if each["rule"] == "secret.destination-changed"]
    assert (finding["component"], finding["path"], finding["severity"]) == ("out", ["auth", "token"], "error")
    assert finding["fix"]["destination"] == "https://evil.example.net"
    with pytest.raises(DocumentInvalid):
        await revise(house, world, pipeline["id"], owner)
    waiting = (await client.get(f"{world.path}/secret-destinations?secret=token")).json()["waiting"]
    assert [(each["destination"], each["yours"]) for each in waiting] == [("https://evil.example.net", True)]
    place = {key: finding["fix"][key] for key in ("secret", "component_type", "option_path", "destination")}
    mine = await client.post(f"{world.path}/secret-destinations", place)
    assert (mine.status_code, mine.json()["type"].rpartition(":")[2]) == (409, "vault.second-person-needed")
    second = people["second"][0]
    unasked = await second.post(
        f"{world.path}/secret-destinations", place | {"destination": "https://other.example"}
    )
    assert (unasked.status_code, unasked.json()["type"].rpartition(":")[2]) == (409, "vault.place-not-asked")
    assert (await second.post(f"{world.path}/secret-destinations", place)).status_code == 204
    assert (await revise(house, world, pipeline["id"], owner)).number == 2
    async with house.services.database.transaction(world.organization_id) as txn:
        actions = await txn.value("select array_agg(action) from audit_records")
    assert actions.count("secret.destination-approved") == 2


async def test_an_innocent_save_does_not_make_one_the_changer(  # noqa: PLR0917 - fixtures
    house, world, client, people, deployed, document
) -> None:
    pipeline, _, _ = deployed
    await moved(client, world, pipeline, document)
    second, _ = people["second"]
    document["layout"] = {"lines": {"x": 5, "y": 5}}
    await moved(second, world, pipeline, document)
    (waiting,) = (await second.get(f"{world.path}/secret-destinations?secret=token")).json()["waiting"]
    assert waiting["yours"] is False


async def test_entering_the_value_again_approves(house, world, client, deployed, document) -> None:
    pipeline, secret, owner = deployed
    await moved(client, world, pipeline, document)
    place = {"secret": "token", "component_type": "sink:http", "option_path": "auth.token",
             "destination": "https://evil.example.net"}  # fmt: skip
    body = {"value": "another", "places": [place]}
    path = f"{world.path}/secrets/{secret['id']}"
    elsewhere = await client.put(
        path, body | {"places": [place | {"destination": "https://x"}]}, etag=secret["etag"]
    )
    assert elsewhere.status_code == 409
    assert (await client.put(path, body, etag=secret["etag"])).status_code == 200
    assert (await revise(house, world, pipeline["id"], owner)).number == 2


async def test_a_scheme_a_port_and_a_proxy_are_part_of_the_destination(
    house, world, deployed, client, document
) -> None:
    pipeline, _, owner = deployed
    for change in ("http://example.com/", "https://example.com:8443/"):
        await moved(client, world, pipeline, document, change)
        with pytest.raises(DocumentInvalid):
            await revise(house, world, pipeline["id"], owner)
    document["components"][2]["options"]["proxy"] = {"https": "http://proxy.example.net:3128"}
    await moved(client, world, pipeline, document, "https://example.com/")
    with pytest.raises(DocumentInvalid):
        await revise(house, world, pipeline["id"], owner)
    del document["components"][2]["options"]["proxy"]
    await moved(client, world, pipeline, document, "https://example.com/other/path")
    await revise(house, world, pipeline["id"], owner)


async def test_a_variable_that_moves_the_host_needs_approval_too(  # noqa: PLR0917 - fixtures
    house, world, client, people, deployed, document
) -> None:
    pipeline, _, owner = deployed
    second, _ = people["second"]
    made = await second.post(
        f"{world.path}/variables", {"name": "host", "type": "string", "value": "example.com"}
    )
    await moved(client, world, pipeline, document, "https://VAR[host]/")
    await revise(house, world, pipeline["id"], owner)
    changed = await second.put(
        f"{world.path}/variables/{made.json()['id']}",
        {"value": "evil.example.net"},
        etag=made.headers["etag"],
    )
    assert changed.status_code == 200
    with pytest.raises(DocumentInvalid):
        await revise(house, world, pipeline["id"], owner)
    await moved(client, world, pipeline, document, "https://VAR[host]/")
    place = {"secret": "token", "component_type": "sink:http", "option_path": "auth.token",
             "destination": "https://evil.example.net"}  # fmt: skip
    # Whoever changed the variable has a hand in it, and so has whoever saved the draft.
    for one in (second, client):
        answer = await one.post(f"{world.path}/secret-destinations", place)
        assert answer.json()["type"].rpartition(":")[2] == "vault.second-person-needed"


async def test_limits_hold_for_drafts_revisions_and_what_is_deployed(
    house, world, client, deployed, document
) -> None:
    pipeline, secret, owner = deployed
    for limits, rule in (
        ({"types": ["sink:elasticsearch"]}, "secret.type-not-allowed"),
        ({"paths": ["auth.password"]}, "secret.option-not-allowed"),
        ({"hosts": ["*.corp.example"]}, "secret.host-not-allowed"),
    ):
        now = (await client.get(f"{world.path}/secrets")).json()["items"][0]
        changed = await client.put(
            f"{world.path}/secrets/{secret['id']}/settings", {"limits": limits}, etag=now["etag"]
        )
        assert changed.status_code == 200, changed.text
        checked = (await client.post(f"{world.path}/check", {"document": document})).json()
        assert rule in {each["rule"] for each in checked["findings"]}
        with pytest.raises(DocumentInvalid):
            await revise(house, world, pipeline["id"], owner)
        async with house.services.database.transaction(world.organization_id) as txn:
            row = await house.pipelines.pipeline(txn, world.environment_id, pipeline["id"])
            with pytest.raises(SecretUseRefused):
                await house.revisions.admit(txn, row, 1, owner)
    now = (await client.get(f"{world.path}/secrets")).json()["items"][0]
    fits = {"types": ["sink:http"], "paths": ["auth.*"], "hosts": ["*.com"]}
    await client.put(f"{world.path}/secrets/{secret['id']}/settings", {"limits": fits}, etag=now["etag"])
    checked = (await client.post(f"{world.path}/check", {"document": document})).json()
    assert not [each for each in checked["findings"] if each["rule"].startswith("secret.")]


async def test_using_needs_the_permission_and_the_error_names_the_secret(
    house, world, deployed, document
) -> None:
    pipeline, _, _ = deployed
    nobody = actor_of("N", None, EVERYTHING - {Permission.SECRET_USE})
    async with house.services.database.transaction(world.organization_id) as txn:
        row = await house.pipelines.pipeline(txn, world.environment_id, pipeline["id"])
        draft = await house.pipelines.draft(txn, world.environment_id, pipeline["id"])
        with pytest.raises(SecretUseDenied, match="the secret token"):
            await house.revisions.admit(txn, row, 1, nobody)
        with pytest.raises(SecretUseDenied, match="the secret token"):
            await house.pipelines.update(txn, nobody, row, name="x", description="", document=draft.document)
        with pytest.raises(SecretUseDenied):
            await house.revisions.make_revision(txn, row.id, "m", nobody)


async def test_taking_an_approval_back_stops_the_next_deployment(house, world, client, deployed) -> None:
    pipeline, _, _ = deployed
    (approved,) = (await client.get(f"{world.path}/secret-destinations?secret=token")).json()["approved"]
    path = f"{world.path}/secret-destinations/{approved['id']}"
    assert (await client.delete(path)).status_code == 204
    assert (await client.delete(path)).status_code == 404
    deployer = actor_of("D", None, EVERYTHING - {Permission.SECRET_WRITE})
    async with house.services.database.transaction(world.organization_id) as txn:
        row = await house.pipelines.pipeline(txn, world.environment_id, pipeline["id"])
        with pytest.raises(SecretUseRefused):
            await house.revisions.admit(txn, row, 1, deployer)


async def test_a_secret_made_again_inherits_no_approval(house, world, client, deployed, document) -> None:
    pipeline, secret, _ = deployed
    now = await client.get(f"{world.path}/pipelines/{pipeline['id']}")
    await client.delete(f"{world.path}/pipelines/{pipeline['id']}", etag=now.headers["etag"])
    assert (
        await client.delete(f"{world.path}/secrets/{secret['id']}", etag=secret["etag"])
    ).status_code == 204
    await client.post(f"{world.path}/secrets", {"name": "token", "value": "new"})
    answer = (await client.get(f"{world.path}/secret-destinations?secret=token")).json()
    assert answer == {"approved": [], "waiting": []}
