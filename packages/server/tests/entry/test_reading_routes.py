"""No GET locks a row or changes anything, unless it says what: the database refuses it."""

from typing import Any

import pytest
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from vectorflow.entry.api import build_api
from vectorflow.entry.routes import ROUTES
from vectorflow.entry.services import Services
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.tenancy.types import Access

WRITE = {"streamTap", "getCapture", "fetchExport"}
_PATH = "/orgs/{org:str}/forgetful"


async def _lock(access: Access, database: Database) -> int:
    async with database.transaction(access.organization_id) as txn:
        return await txn.execute(
            "select id from secrets where organization_id = %(organization_id)s for key share"
        )


@get(_PATH, operation_id="forgetful", permission=Permission.ORGANIZATION_READ)
async def forgetful(
    org: FromPath[str], access: NamedDependency[Access], database: NamedDependency[Database]
) -> int:
    del org
    return await _lock(access, database)


@get(
    _PATH + "/said",
    operation_id="said",
    permission=Permission.ORGANIZATION_READ,
    writes="what it has to hold",
)
async def said(
    org: FromPath[str], access: NamedDependency[Access], database: NamedDependency[Database]
) -> int:
    del org
    return await _lock(access, database)


@post(_PATH, operation_id="changes", permission=Permission.ORGANIZATION_READ, status_code=200)
async def changes(
    org: FromPath[str], access: NamedDependency[Access], database: NamedDependency[Database]
) -> int:
    del org
    return await _lock(access, database)


@pytest.fixture(scope="module")
def forgetting(services: Services) -> Any:
    return build_api(services, routes=[*ROUTES, forgetful, said, changes])


@pytest.mark.parametrize(
    ("method", "rest", "status"), [("GET", "", 500), ("GET", "/said", 200), ("POST", "", 200)]
)
async def test_a_get_that_locks_is_refused_unless_it_says_why(  # noqa: PLR0917 - fixtures
    forgetting, signed_in, world, method, rest, status
) -> None:
    known = await signed_in(world, "owner")
    client = type(known)(forgetting)
    client.csrf, client.http.cookies = known.csrf, known.http.cookies
    answer = await client.request(method, f"/api/v1/orgs/{world.slug}/forgetful{rest}")
    assert answer.status_code == status, answer.text


def test_who_writes_is_known() -> None:
    said = {
        str(route.operation_id): route.opt["writes"]
        for route in ROUTES
        if "GET" in getattr(route, "http_methods", ()) and "writes" in route.opt
    }
    assert said.keys() == WRITE
    assert all(len(why) > 15 for why in said.values())
