"""What lies between a request and its route: names that are forged, and where the guard looks."""

import pytest

from vectorflow.entry import guard


def test_the_guard_is_one() -> None:
    assert guard.RouteGuard.__call__.__doc__


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "other.agents.vectorflow.test"},
        {"x-forwarded-host": "{other}.vectorflow.test"},
        {"x-vf-org-slug": "{other}"},
        {"x-organization-id": "{other}"},
    ],
)
async def test_only_the_path_names_the_organisation(signed_in, world, other, headers) -> None:
    client = await signed_in(world, "owner")
    sent = {name: value.replace("{other}", other.slug) for name, value in headers.items()}
    answer = await client.get(f"/api/v1/orgs/{world.slug}", headers=sent)
    assert answer.json()["id"] == str(world.organization_id)
    answer = await client.get(f"/api/v1/orgs/{other.slug}", headers=sent)
    assert answer.status_code == 404


@pytest.mark.parametrize("slug", ["%00", "..", "a' or '1'='1", "ä", "A" * 5000, "%2e%2e%2f", "null"])
async def test_a_hostile_slug_is_nobodys(signed_in, world, slug) -> None:
    client = await signed_in(world, "owner")
    answer = await client.get(f"/api/v1/orgs/{slug}")
    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
