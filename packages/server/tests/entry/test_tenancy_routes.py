"""Organisations, environments and members through the API, and making an organisation."""

import psycopg
import pytest

from vectorflow.identity import service as identity_service
from vectorflow.kernel.actor import SYSTEM
from vectorflow.tenancy import policy, service
from vectorflow.tenancy.errors import SlugTakenError
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow.tenancy.types import OrganizationRole


async def test_an_organisation_says_what_one_may_do(signed_in, world) -> None:
    client = await signed_in(world, "auditor")
    body = (await client.get(f"/api/v1/orgs/{world.slug}")).json()
    assert body == {
        "id": str(world.organization_id),
        "slug": world.slug,
        "name": world.slug.upper(),
        "role": "AUDITOR",
        "permissions": sorted(policy.organization_permissions(OrganizationRole.AUDITOR)),
        "state": "active",
        "suspended_reason": None,
        "deletion_due_at": None,
    }


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        ("owner", ["dev", "prod", "far"]),
        ("auditor", ["dev", "prod", "far"]),
        ("viewer", ["dev", "prod"]),
        ("member", []),
    ],
)
async def test_one_sees_the_environments_of_ones_teams(signed_in, world, person, seen) -> None:
    client = await signed_in(world, person)
    body = (await client.get(f"/api/v1/orgs/{world.slug}/environments")).json()
    assert [each["slug"] for each in body["items"]] == seen
    if person == "viewer":
        assert body["items"][0]["team"]["slug"] == "core"
        assert body["items"][0]["position"] == 0
        assert "pipeline.read" in body["items"][0]["permissions"]
        assert "pipeline.edit" not in body["items"][0]["permissions"]


async def walk_list(client, address: str, key: str) -> list:
    found, cursor = [], None
    while True:
        answer = await client.get(address, params={"limit": 3} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["items"]) <= 3
        found += [each[key] for each in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            return found


async def test_members_come_page_by_page_and_by_text(signed_in, world) -> None:
    client = await signed_in(world, "member")
    address = f"/api/v1/orgs/{world.slug}/members"
    emails = await walk_list(client, address, "email")
    assert emails == sorted(world.email(name) for name in world.people)
    found = (await client.get(address, params={"q": "DEPLOY"})).json()["items"]
    assert [(each["name"], each["role"]) for each in found] == [("Deployer", "MEMBER")]


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"cursor": "x"}, {"q": "x" * 201}]
)
async def test_a_list_refuses_what_makes_no_sense(signed_in, world, params) -> None:
    client = await signed_in(world, "owner")
    answer = await client.get(f"/api/v1/orgs/{world.slug}/members", params=params)
    assert answer.status_code == 400
    body = answer.json()
    assert body["type"] == "urn:vectorflow:problem:platform.invalid-request"
    assert [each["field"] for each in body["errors"]] == list(params)


@pytest.mark.parametrize("text", ["\x00", "%", "'; drop table members; --", "<script>"])
async def test_hostile_text_finds_nothing(signed_in, world, text) -> None:
    client = await signed_in(world, "owner")
    answer = await client.get(f"/api/v1/orgs/{world.slug}/members", params={"q": text})
    assert answer.status_code == (400 if text == "\x00" else 200)
    if text != "\x00":
        assert answer.json()["items"] == []


async def test_a_slug_is_never_issued_twice(services, world, database_url) -> None:
    new = NewOrganization(world.slug, "Again", NewEnvironment("core", "Core"), ())
    with pytest.raises(SlugTakenError):
        await services.tenancy.organization_create(new, world.people["owner"], SYSTEM)
    with psycopg.connect(database_url) as connection:
        for statement in (
            "delete from organization_slugs",
            "update organization_slugs set slug = 'x'",
            "truncate organization_slugs",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement)


async def test_what_other_rooms_make_belongs_to_the_same_transaction(services, world) -> None:
    async def fails(txn) -> None:
        raise RuntimeError("no key")

    tenancy = service.TenancyService(services.database, on_create=[fails])
    new = NewOrganization("half-made", "Half", NewEnvironment("core", "Core"), ())
    with pytest.raises(RuntimeError, match="no key"):
        await tenancy.organization_create(new, world.people["owner"], SYSTEM)
    assert await services.tenancy.organization_id("half-made") is None


async def test_a_change_of_role_counts_at_once(services, signed_in, world) -> None:
    client = await signed_in(world, "editor")
    account = world.people["editor"]
    address = f"/api/v1/orgs/{world.slug}/audit"
    assert (await client.get(address)).status_code == 403
    await services.tenancy.member_put(world.organization_id, account, OrganizationRole.AUDITOR, SYSTEM)
    assert (await client.get(address)).status_code == 200
    await services.tenancy.member_put(world.organization_id, account, OrganizationRole.MEMBER, SYSTEM)
    assert (await client.get(address)).status_code == 403


@pytest.mark.parametrize(
    ("email", "name", "password"),
    [
        ("no-at", "N", "long enough password"),
        ("a@b", "", "long enough password"),
        ("a@b", "N", "short"),
        ("a b@c", "N", "x" * 20),
        ("a@b", "N", "x" * 2000),
    ],
)
async def test_an_account_needs_address_name_and_password(services, email, name, password) -> None:
    with pytest.raises(identity_service.AccountInvalidError):
        await services.identity.account_ensure(email, name, password)


async def test_making_an_account_twice_finds_the_first(services, world) -> None:
    again = await services.identity.account_ensure(world.email("owner").upper(), "Other", "another password")
    assert again == world.people["owner"]
