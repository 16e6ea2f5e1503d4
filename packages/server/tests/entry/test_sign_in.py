"""Signing in and out as a browser does it, and what an attacker gets instead."""

import asyncio
import time
from datetime import timedelta

import psycopg
import pytest

from vectorflow.entry.api import build_api
from vectorflow.identity import tokens
from vectorflow.identity.service import SignInLimits
from vectorflow.platform.settings import Settings


def problem(answer, status: int, name: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:vectorflow:problem:{name}"
    assert body["status"] == status
    assert body["id"] == answer.headers["x-request-id"]
    return body


@pytest.fixture
def client_class(browser):
    return type(browser)


async def test_sign_in_answers_the_session_and_sets_a_safe_cookie(browser, world) -> None:
    answer = await browser.sign_in(world.email("viewer").upper() + " ")
    assert answer.status_code == 200
    body = answer.json()
    assert body["account"]["email"] == world.email("viewer")
    assert [(each["slug"], each["role"]) for each in body["organizations"]] == [(world.slug, "MEMBER")]
    assert body["expires_at"].endswith("Z")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("vf_session=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie
    again = await browser.get("/api/v1/session")
    assert again.json() == body


async def test_with_tls_the_cookie_is_bound_to_the_host(new_services, client_class, world) -> None:
    app = build_api(new_services(Settings(base_url="https://vectorflow.test")))
    client = client_class(app)
    answer = await client.sign_in(world.email("viewer"))
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-vf_session=")
    assert "secure" in cookie
    assert "domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize(
    ("email", "password"),
    [("viewer", "wrong"), ("nobody", "wrong"), ("viewer", ""), ("viewer", "x" * 1024), ("viewer", "\0")],
)
async def test_a_wrong_password_and_an_unknown_account_look_alike(browser, world, email, password) -> None:
    answer = await browser.sign_in(world.email(email), password or " ")
    body = problem(answer, 401, "identity.sign-in-failed")
    assert body["detail"] == "E-mail address or password is wrong."
    assert "set-cookie" not in answer.headers


async def test_an_unknown_account_costs_the_same_work(services, world) -> None:
    calls: list[bool] = []
    verify = services.passwords.verify

    async def counting(stored, password):
        began = time.perf_counter()
        result = await verify(stored, password)
        calls.append(time.perf_counter() - began > 0)
        return result

    services.identity._passwords = type("Counting", (), {"verify": staticmethod(counting)})()
    try:
        for name in ("viewer", "nobody"):
            with pytest.raises(Exception, match="wrong"):
                await services.identity.sign_in(
                    world.email(name), "wrong", address="192.0.2.1", user_agent=None, replaces=None
                )
    finally:
        services.identity._passwords = services.passwords
    assert calls == [True, True]


async def test_a_session_cannot_be_fixed(browser, world) -> None:
    planted = tokens.new_token()
    browser.http.cookies.set("vf_session", planted, domain="vectorflow.test")
    answer = await browser.sign_in(world.email("viewer"))
    assert answer.status_code == 200
    first = answer.cookies["vf_session"]
    assert first != planted
    answer = await browser.sign_in(world.email("viewer"))
    second = answer.cookies["vf_session"]
    assert second != first
    browser.http.cookies.clear()
    browser.http.cookies.set("vf_session", first, domain="vectorflow.test")
    problem(await browser.get("/api/v1/session"), 401, "identity.not-signed-in")


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "a" * 5000, "'; select 1 --"])
async def test_an_invented_token_is_nobody(browser, token) -> None:
    answer = await browser.http.get("/api/v1/session", headers={"cookie": f"vf_session={token}"})
    problem(answer, 401, "identity.not-signed-in")


async def test_sign_out_ends_the_session_at_once(browser, world) -> None:
    await browser.sign_in(world.email("viewer"))
    token = browser.http.cookies["vf_session"]
    answer = await browser.request("DELETE", "/api/v1/session")
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    browser.http.cookies.set("vf_session", token, domain="vectorflow.test")
    problem(await browser.get("/api/v1/session"), 401, "identity.not-signed-in")


@pytest.mark.parametrize(
    "change",
    [
        "update sessions set created_at = created_at - interval '12 hours', expires_at = now() - interval '1 second'",
        "update sessions set last_seen_at = now() - interval '121 minutes'",
        "update accounts set disabled_at = now()",
    ],
)
async def test_an_ended_session_is_nobody(browser, services, world, database_url, change) -> None:
    email = world.email("member")
    await browser.sign_in(email)
    services.sessions.clear()
    where = (
        "email = %s" if "accounts" in change else "account_id = (select id from accounts where email = %s)"
    )
    with psycopg.connect(database_url) as connection:
        connection.execute(f"{change} where {where}", [email])
    problem(await browser.get("/api/v1/session"), 401, "identity.not-signed-in")
    with psycopg.connect(database_url) as connection:
        connection.execute("update accounts set disabled_at = null")


async def test_without_the_csrf_token_nothing_changes(browser, world) -> None:
    await browser.sign_in(world.email("viewer"))
    for headers in ({}, {"x-csrf-token": "0" * 64}, {"x-csrf-token": "é"}):
        raw = {name.encode(): value.encode() for name, value in headers.items()}
        answer = await browser.http.request("DELETE", "/api/v1/session", headers=raw)
        problem(answer, 403, "platform.csrf-token-invalid")
    assert (await browser.get("/api/v1/session")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://vectorflow.test"},
    ],
)
async def test_another_site_cannot_sign_somebody_in(browser, world, headers) -> None:
    answer = await browser.http.post(
        "/api/v1/session", json={"email": world.email("viewer"), "password": "x"}, headers=headers
    )
    problem(answer, 403, "platform.cross-site-request")


async def test_attempts_are_limited_per_account(new_services, client_class, world) -> None:
    app = build_api(new_services(limits=SignInLimits(per_account=3, per_address=100)))
    email = world.email("limited")
    client = client_class(app)
    for _ in range(3):
        problem(await client.sign_in(email, "wrong"), 401, "identity.sign-in-failed")
    answer = await client.sign_in(email, "wrong")
    problem(answer, 429, "identity.too-many-attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 900
    # another process counts the same
    other = client_class(build_api(new_services(limits=SignInLimits(per_account=3, per_address=100))))
    problem(await other.sign_in(email, "wrong"), 429, "identity.too-many-attempts")


async def test_attempts_at_once_cannot_slip_through(new_services, client_class, world) -> None:
    app = build_api(new_services(limits=SignInLimits(per_account=3, per_address=100)))
    client = client_class(app)
    answers = await asyncio.gather(*(client.sign_in(world.email("parallel"), "wrong") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 9


async def test_attempts_are_limited_per_address(new_services, client_class, world) -> None:
    limits = SignInLimits(per_account=100, per_address=4)
    app = build_api(new_services(Settings(trusted_proxies=("127.0.0.1",)), limits=limits))
    client = client_class(app)
    for number in range(4):
        client.http.headers["x-forwarded-for"] = "198.51.100.9, 203.0.113.7"
        problem(await client.sign_in(world.email(f"a{number}"), "wrong"), 401, "identity.sign-in-failed")
    problem(await client.sign_in(world.email("viewer")), 429, "identity.too-many-attempts")
    client.http.headers["x-forwarded-for"] = "203.0.113.8"
    assert (await client.sign_in(world.email("viewer"))).status_code == 200


async def test_success_takes_the_attempts_off_again(new_services, client_class, world) -> None:
    limits = SignInLimits(per_account=3, per_address=1_000_000, window=timedelta(minutes=15))
    client = client_class(build_api(new_services(limits=limits)))
    for _ in range(3):
        await client.sign_in(world.email("deployer"), "wrong")
        await client.sign_in(world.email("deployer"), "wrong")
        assert (await client.sign_in(world.email("deployer"))).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"email": 5}', b'{"email":"a@b","password":"x","admin":true}', b"\xff"],
)
async def test_a_body_that_makes_no_sense_is_told_so(browser, body) -> None:
    answer = await browser.http.post(
        "/api/v1/session", content=body, headers={"content-type": "application/json"}
    )
    told = problem(answer, 400, "platform.invalid-request")
    assert "Traceback" not in answer.text
    assert told["detail"]
