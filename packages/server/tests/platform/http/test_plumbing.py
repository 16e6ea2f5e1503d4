"""Cursors, entity tags, declarations, origins, addresses and headers, each on its own."""

import base64
from types import SimpleNamespace

import pytest

from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http import asgi, limits, times
from vectorflow.platform.http.context import ProxyTrust, RequestContext, header
from vectorflow.platform.http.csrf import CrossSiteError, CsrfTokenError, check_origin, check_token
from vectorflow.platform.http.cursors import decode_cursor, encode_cursor, page
from vectorflow.platform.http.declaration import Declaration, RouteUndeclaredError, declaration_of
from vectorflow.platform.http.etag import (
    PreconditionRequiredError,
    StaleVersionError,
    etag,
    if_match,
    not_modified,
    require_match,
)
from vectorflow.platform.http.headers import security_headers
from vectorflow.platform.http.problems import InvalidRequestError, problem_of
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets


def asked(**headers: str) -> SimpleNamespace:
    return SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_cursors_come_back_as_they_were() -> None:
    assert decode_cursor(encode_cursor(5, "dev"), int, str) == (5, "dev")
    assert decode_cursor(None, int) is None


@pytest.mark.parametrize(
    "cursor",
    ["", "!", "ä", "e30", encode_cursor("a"), encode_cursor(1, 2), "A" * 1000]
    + [base64.urlsafe_b64encode(text).decode() for text in (b"[1.5]", b"null", b"[[[", b"[1", b"\xff")],
)
def test_a_cursor_of_somebodys_own_making_is_refused(cursor) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        decode_cursor(cursor, int)
    assert raised.value.errors[0].field == "cursor"


def test_a_page_is_cut_and_the_next_begins_after_it() -> None:
    assert page([1, 2, 3], 2, lambda row: (row,)) == ([1, 2], encode_cursor(2))
    assert page([1, 2], 2, lambda row: (row,)) == ([1, 2], None)
    assert page([], 2, lambda row: (row,)) == ([], None)


def test_a_write_names_the_version_it_has_seen() -> None:
    current = etag("id", 3)
    assert current != etag("id", 4)
    assert etag("a", "b") != etag("ab")
    assert if_match(asked(if_match=f" {current} ")) == current
    with pytest.raises(PreconditionRequiredError):
        if_match(asked())
    require_match(f'"old", {current}', current)
    for stale in ('"old"', "*", "", f"W/{current}"):
        with pytest.raises(StaleVersionError) as raised:
            require_match(stale, current)
        assert raised.value.headers == {"ETag": current}
    assert not_modified(asked(if_none_match=f'W/{current}, "x"'), current)
    assert not not_modified(asked(), current)


def test_a_declaration_is_exactly_one() -> None:
    route = "/api/v1/orgs/{org}/x"
    assert declaration_of({"permission": Permission.NODE_READ}, route) == Declaration(Permission.NODE_READ)
    assert declaration_of({"own_session": True}, "/x").own_session
    assert declaration_of({"public": "why"}, "/x").public == "why"
    with pytest.raises(RouteUndeclaredError, match="/x declares nothing"):
        declaration_of({}, "/x")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": "http://dev.test:5173"},
        {"sec-fetch-site": "none"},
        {"origin": "http://Vf.test:8484", "host": "vf.test:8484"},
        {"origin": "https://vf.example.com", "host": "10.0.0.1"},
    ],
)
def test_our_own_pages_pass(headers) -> None:
    check_origin(headers, "https://vf.example.com")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test", "host": "vf.test"},
        {"origin": "null", "host": "vf.test"},
        {"origin": "https://vf.test.evil.test", "host": "vf.test"},
        {"origin": "", "host": ""},
        {"origin": "http://vf.test:1", "host": "vf.test"},
        {"sec-fetch-site": "cross-site", "origin": "http://vf.test", "host": "vf.test"},
    ],
)
def test_pages_of_others_do_not(headers) -> None:
    with pytest.raises(CrossSiteError):
        check_origin(headers, None)


def test_the_token_is_compared() -> None:
    check_token({"x-csrf-token": "t"}, "t")
    for given in ({}, {"x-csrf-token": ""}, {"x-csrf-token": "T"}, {"x-csrf-token": "ü"}):
        with pytest.raises(CsrfTokenError):
            check_token(given, "t")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("unix", "203.0.113.7", "unix"),
    ],
)
def test_the_client_is_the_last_hop_that_no_proxy_is(peer, forwarded, client) -> None:
    assert ProxyTrust(["10.0.0.0/8"]).client(peer, forwarded) == client


def test_a_header_sent_twice_is_none() -> None:
    assert header({"headers": [(b"a", b"1")]}, b"a") == "1"
    assert header({"headers": [(b"a", b"1"), (b"a", b"2")]}, b"a") is None


def test_pages_get_a_nonce_and_data_gets_nothing() -> None:
    context = RequestContext(id="r", address="192.0.2.1", secure=True, nonce="N0nce")
    html = dict(security_headers(context, b"text/html; charset=utf-8"))
    data = dict(security_headers(context, b"application/json"))
    policy = html[b"content-security-policy"].decode()
    assert "script-src 'self' 'nonce-N0nce'" in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert data[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"
    for headers in (html, data):
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"strict-transport-security"].startswith(b"max-age=")
        assert b"camera=()" in headers[b"permissions-policy"]
        assert headers[b"referrer-policy"] == b"same-origin"
    plain = RequestContext(id="r", address="192.0.2.1", secure=False, nonce="N")
    assert b"strict-transport-security" not in dict(security_headers(plain, b"text/html"))


def test_a_problem_holds_no_control_character() -> None:
    problem = problem_of(InvalidRequestError("bad \x1b[31m name"), "id")
    assert problem.detail == "bad \\u001b[31m name"
    assert times.Instant


async def test_a_flood_gets_429() -> None:
    sent: list = []

    async def app(scope, receive, send) -> None:
        await asgi.answer(send, 200, "text/plain", b"")

    async def send(message) -> None:
        sent.append(message)

    buckets = TokenBuckets(burst=1, per_second=0.5)
    limited = limits.AddressLimitMiddleware(app, buckets=buckets, metrics=Metrics())
    scope = {
        "type": "http",
        "path": "/api/v1/session",
        "vectorflow.request": RequestContext(id="r", address="192.0.2.1", secure=False, nonce="n"),
    }
    for _ in range(2):
        await limited(scope, None, send)
    await limited({**scope, "path": "/"}, None, send)
    assert [each["status"] for each in sent if "status" in each] == [200, 429, 200]
    assert RateLimitedError.problem_type().encode() in sent[3]["body"]
    assert (b"retry-after", b"2") in sent[2]["headers"]
