"""The walk: every operation × every role × own, other organisation's and missing objects.

The expectation comes from the policy table and the route's declaration, nothing else, so a route that forgets
one, or a guard that lets something through, fails here. Run with `-s` to see the matrix.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from vectorflow.entry.api import build_api, build_litestar, declared_routes
from vectorflow.entry.routes import ROUTES
from vectorflow.entry.services import Services
from vectorflow.kernel.ids import new_id
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http.declaration import Declaration, RouteUndeclaredError
from vectorflow.tenancy.policy import environment_permissions, organization_permissions, policy_rows
from vectorflow.tenancy.types import Access, OrganizationRole, TeamRole

TEAM_ROLES = {
    "viewer": TeamRole.VIEWER,
    "editor": TeamRole.EDITOR,
    "deployer": TeamRole.DEPLOYER,
    "team-admin": TeamRole.ADMIN,
}
ROLES = {
    "owner": OrganizationRole.OWNER,
    "admin": OrganizationRole.ADMIN,
    "auditor": OrganizationRole.AUDITOR,
    "member": OrganizationRole.MEMBER,
} | dict.fromkeys(TEAM_ROLES, OrganizationRole.MEMBER)
NOT_FOUND = {"tenancy.organization-not-found", "tenancy.environment-not-found"}


def probes() -> Iterator[HTTPRouteHandler]:
    """One made-up route per permission and level, so that the walk covers the whole table from the first day."""
    for permission in Permission:
        if permission is Permission.SESSION_OWN:
            continue
        name = permission.value.replace(".", "-")

        @get(
            f"/orgs/{{org:str}}/probe/{name}", operation_id=f"probeOrganization{name}", permission=permission
        )
        async def organization_probe(org: FromPath[str], access: NamedDependency[Access]) -> str:
            return f"{org} {access.role}"

        @get(
            f"/orgs/{{org:str}}/environments/{{env:str}}/probe/{name}",
            operation_id=f"probeEnvironment{name}",
            permission=permission,
        )
        async def environment_probe(
            org: FromPath[str], env: FromPath[str], access: NamedDependency[Access]
        ) -> str:
            return f"{org} {env} {access.role}"

        yield from (organization_probe, environment_probe)


@pytest.fixture(scope="module")
def walked(services: Services) -> tuple[Any, dict[tuple[str, str], Declaration]]:
    routes = [*ROUTES, *probes()]
    return build_api(services, routes=routes), declared_routes(build_litestar(services, routes))


def expected(declaration: Declaration, path: str, person: str, org: str, env: str) -> str:
    """Say what the policy table says: `pass`, `denied`, `missing` or `signed-out`."""
    if declaration.public:
        return "pass"
    if person == "anonymous":
        return "signed-out"
    if declaration.permission is None:
        return "pass"
    if org != "own":
        return "missing"
    if "{env" not in path:
        return "pass" if declaration.permission in organization_permissions(ROLES[person]) else "denied"
    if env == "missing":
        return "missing"
    permissions = environment_permissions(ROLES[person], TEAM_ROLES.get(person) if env == "own" else None)
    if Permission.ENVIRONMENT_READ not in permissions:
        return "missing"
    return "pass" if declaration.permission in permissions else "denied"


def outcome(answer: Any) -> str:
    """Say what the guard did, whatever the handler did after it."""
    if answer.headers.get("content-type") != "application/problem+json":
        return "pass"
    name = answer.json()["type"].rpartition(":")[2]
    if name in NOT_FOUND:
        return "missing"
    known = {"tenancy.permission-denied": "denied", "identity.not-signed-in": "signed-out"}
    # Refusals that have nothing to do with what was asked would make the walk blind.
    unfit = {
        "platform.rate-limited",
        "platform.csrf-token-invalid",
        "platform.cross-site-request",
        "kernel.internal",
    }
    return known.get(name, name if name in unfit else "pass")


@pytest.mark.timeout(600)  # thousands of requests, however busy the machine is
async def test_every_route_for_every_role(walked, signed_in, world, other, browser) -> None:
    app, declared = walked
    people = ["anonymous", *ROLES]
    matrix: dict[tuple[str, str], list[str]] = {}
    wrong: list[str] = []
    for (method, path), declaration in sorted(declared.items()):
        for person in people:
            client = type(browser)(app)
            if person != "anonymous":
                known = await signed_in(world, person)
                client.csrf, client.http.cookies = known.csrf, known.http.cookies
            cells = []
            for org, env, address in addresses(path, world, other):
                if (method, path) == ("DELETE", "/api/v1/session") and person != "anonymous":
                    continue  # it would sign the walker out; test_sign_in has it
                answer = await client.request(method, address)
                got, want = outcome(answer), expected(declaration, path, person, org, env)
                cells.append(got)
                if got != want:
                    wrong.append(f"{method} {address} as {person}: {got}, not {want} ({answer.status_code})")
            matrix.setdefault((method, path), []).append("/".join(cells))
    for route, cells in matrix.items():
        if "probe" not in route[1]:
            shown = (f"{person}={cell}" for person, cell in zip(people, cells, strict=True))
            sys.stdout.write(" ".join([*route, *shown]) + "\n")
    for row in policy_rows():
        sys.stdout.write(" ".join(f"{cell:<20}" for cell in row) + "\n")
    assert not wrong, "\n".join(wrong)
    assert len(matrix) > 40


def addresses(path: str, world, other) -> Iterator[tuple[str, str, str]]:
    """Yield (whose organisation, whose environment, address) for a path."""
    path = path.replace("{id}", str(new_id())).replace("{number}", "1")
    if "{org}" not in path:
        yield "own", "own", path
        return
    for org, slug in (("own", world.slug), ("other", other.slug), ("missing", "nobody-has-this")):
        if "{env}" not in path:
            yield org, "own", path.replace("{org}", slug)
            continue
        for env, name in (("own", "dev"), ("other", "far"), ("missing", "nowhere")):
            yield org, env, path.replace("{org}", slug).replace("{env}", name)


async def test_what_another_has_and_what_nobody_has_answer_alike(walked, signed_in, world, other) -> None:
    app, declared = walked
    client = await signed_in(world, "viewer")
    client = type(client)(app)
    known = await signed_in(world, "viewer")
    client.csrf, client.http.cookies = known.csrf, known.http.cookies
    for method, path in declared:
        if "{org}" not in path:
            continue
        made = path.replace("{id}", str(new_id())).replace("{number}", "1")
        pairs = [
            (made.replace("{org}", slug).replace("{env}", "dev")) for slug in (other.slug, "nobody-has-this")
        ]
        if "{env}" in path:
            pairs += [made.replace("{org}", world.slug).replace("{env}", env) for env in ("far", "nowhere")]
        bodies = [{**(await client.request(method, address)).json(), "id": ""} for address in pairs]
        assert bodies[0] == bodies[1], path
        assert bodies[2:3] == bodies[3:4], path


def test_every_operation_has_a_name(services: Services) -> None:
    schema = build_litestar(services).openapi_schema.to_schema()
    names = [operation["operationId"] for item in schema["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))
    assert all(name[0].islower() and name.isalpha() for name in names)


@pytest.mark.parametrize(
    "opt",
    [
        {},
        {"permission": Permission.AUDIT_READ, "public": "both"},
        {"permission": "audit.read"},
        {"public": ""},
        {"own_session": False},
    ],
)
def test_a_route_that_forgets_does_not_start(services: Services, opt: dict[str, Any]) -> None:
    @get("/orgs/{org:str}/forgotten", operation_id="forgotten", **opt)
    async def forgotten(org: FromPath[str]) -> str:
        return org

    with pytest.raises(RouteUndeclaredError, match="forgotten"):
        build_litestar(services, [forgotten])


def test_a_permission_needs_an_organisation(services: Services) -> None:
    @get("/somewhere", operation_id="somewhere", permission=Permission.AUDIT_READ)
    async def somewhere() -> str:
        return ""

    with pytest.raises(RouteUndeclaredError, match="no organisation"):
        build_litestar(services, [somewhere])
