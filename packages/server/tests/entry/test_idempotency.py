"""Idempotency keys, through a route made for it: done once, answered alike, secrets never kept."""

import asyncio
import hashlib
import json
from uuid import UUID

import psycopg
import pytest
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.entry.api import build_api
from vectorflow.entry.routes import ROUTES
from vectorflow.kernel.ids import new_id
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.store import idempotency_key_get
from vectorflow.tenancy import store
from vectorflow.tenancy.types import TeamRef

done: list[str] = []


@post("/orgs/{org:str}/made", operation_id="make", permission=Permission.TEAM_MANAGE)
async def make(
    org: FromPath[str],
    data: JSONBody[dict[str, str]],
    organization_id: NamedDependency[UUID],
    *,
    database: NamedDependency[Database],
    idempotency: NamedDependency[Idempotency],
) -> dict[str, str]:
    del org
    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)
        team = TeamRef(new_id(), data["slug"], "Team")
        await store.team_insert(txn, team)
        answer = {"id": str(team.id)}
        if data.get("secret"):
            await idempotency.finish_secret(txn, 201)
        else:
            await idempotency.finish(txn, 201, answer, {"ETag": '"1"'})
        done.append(data["slug"])
    return answer


@pytest.fixture(scope="module")
def making(services):
    return build_api(services, routes=[*ROUTES, make])


@pytest.fixture
async def caller(making, signed_in, world):
    known = await signed_in(world, "owner")
    client = type(known)(making)
    client.csrf, client.http.cookies = known.csrf, known.http.cookies

    async def call(slug: str, key: str | None, **body: str):
        headers = {"idempotency-key": key} if key is not None else {}
        return await client.request(
            "POST", f"/api/v1/orgs/{world.slug}/made", json={"slug": slug} | body, headers=headers
        )

    return call


async def test_the_second_time_the_first_answer_comes(caller) -> None:
    first, second = await caller("once", "k1"), await caller("once", "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["etag"] == '"1"'
    assert second.headers["idempotency-replayed"] == "true"
    assert done.count("once") == 1


async def test_a_key_belongs_to_its_organisation_and_actor(caller, services, world, other) -> None:
    await caller("whose", "k0")
    route = f"POST /api/v1/orgs/{world.slug}/made"
    for organization, account, found in (
        (world, world.people["owner"], True),
        (world, world.people["admin"], False),
        (other, world.people["owner"], False),
    ):
        async with services.database.transaction(organization.organization_id) as txn:
            assert (await idempotency_key_get(txn, account, route, "k0") is not None) is found


async def test_at_once_it_is_done_once(caller) -> None:
    answers = await asyncio.gather(*(caller("parallel", "k2") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert done.count("parallel") == 1


async def test_a_key_is_for_one_request(caller) -> None:
    await caller("one", "k3")
    answer = await caller("two", "k3")
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("platform.idempotency-key-reused")
    assert "two" not in done


async def test_an_answer_with_a_secret_is_not_kept(caller, database_url) -> None:
    assert (await caller("secret", "k4", secret="yes")).status_code == 201
    answer = await caller("secret", "k4", secret="yes")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("platform.answer-not-kept")
    with psycopg.connect(database_url) as connection:
        kept = connection.execute("select secret, body from idempotency_keys where key = 'k4'").fetchone()
    assert kept == (True, None)


async def test_a_guess_at_the_body_cannot_be_proved_by_the_table(
    caller, database_url, world, other, services
) -> None:
    await caller("guessed", "k7", pin="1234")
    body = json.dumps({"slug": "guessed", "pin": "1234"}, separators=(",", ":")).encode()
    with psycopg.connect(database_url) as connection:
        (kept,) = connection.execute("select body_hash from idempotency_keys where key = 'k7'").fetchone()
    assert kept != hashlib.sha256(body).digest()
    async with services.database.transaction(world.organization_id) as txn:
        assert txn.keyed_hash("idempotency", body) == kept
    # Who has the serving role's SQL cannot make the hash either: the key is not where it can look.
    async with services.database.transaction(other.organization_id) as txn:
        assert txn.keyed_hash("idempotency", body) != kept
    async with services.database.unscoped() as txn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await txn.value("select inner_pad from vf.scope_keys")


async def test_what_failed_may_be_tried_again(caller) -> None:
    assert (await caller("Not A Slug", "k5")).status_code >= 400
    assert (await caller("a-slug", "k5")).status_code == 201


async def test_after_a_day_a_key_is_new(caller, database_url) -> None:
    await caller("day-one", "k6")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "update idempotency_keys set created_at = now() - interval '25 hours' where key = 'k6'"
        )
    assert (await caller("day-two", "k6")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "\x01"])
async def test_a_key_has_a_form(caller, key) -> None:
    answer = await caller("formless", key)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("platform.idempotency-key-invalid")


async def test_without_a_key_it_is_done_each_time(caller) -> None:
    assert (await caller("keyless", None)).status_code == 201
    assert (await caller("keyless", None)).status_code != 201
