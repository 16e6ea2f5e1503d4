"""Requests are checked, and redirects change them as they must."""

import pytest

from vectorflow.kernel.errors import InvalidInputError
from vectorflow.platform.egress.errors import DestinationInvalid, EgressRefused
from vectorflow.platform.egress.http_message import HttpHeaders, HttpRequest, following, prepare

CREDENTIALS = {
    "Authorization": "Bearer x",
    "Cookie": "a=b",
    "X-Api-Key": "k",
    "X-VectorFlow-Signature": "s",
    "Accept": "text/plain",
    "User-Agent": "me",
}


def prepared(url="https://a.example/x", method="GET", body=b"", **headers):
    return prepare(HttpRequest(url=url, method=method, body=body, headers=headers or CREDENTIALS), 1000)


@pytest.mark.parametrize(
    "bad",
    [
        {"headers": {"Host": "b.example"}},
        {"headers": {"hOsT": "b.example"}},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"Connection": "upgrade"}},
        {"headers": {"Proxy-Authorization": "x"}},
        {"headers": {"X": "a\r\nHost: b"}},
        {"headers": {"X\r\nY": "a"}},
        {"headers": {"X:": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"X": "a\x00"}},
        {"headers": {"X": "€"}},
        {"method": "CONNECT"},
        {"method": "GET /x HTTP/1.1\r\n"},
        {"method": "get"},
        {"body": b"x" * 1001},
    ],
)
def test_bad_requests_are_refused(bad) -> None:
    with pytest.raises(InvalidInputError):
        prepare(HttpRequest(url="https://a.example/", **bad), 1000)
    with pytest.raises(DestinationInvalid):
        prepare(HttpRequest(url="https://user@a.example/"), 1000)


def test_secrets_stay_out_of_texts() -> None:
    request = HttpRequest(url="https://a.example/SECRET", headers={"X": "SECRET"}, body=b"SECRET")
    assert "SECRET" not in repr(request)


def test_the_same_origin_keeps_credentials() -> None:
    step = following(prepared(), 302, "/y?z=1")
    assert step.target.url == "https://a.example/y?z=1"
    assert step.headers["authorization"] == "Bearer x"


@pytest.mark.parametrize(
    "location",
    [
        "https://b.example/",
        "//b.example/",
        "https://a.example:8443/",
        "https://a.example.b.example/",
        "https://x.a.example",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_origin_gets_harmless_headers_only(location: str, status: int) -> None:
    step = following(prepared(), status, location)
    assert step.headers == {"accept": "text/plain", "user-agent": "me"}


def test_http_to_https_is_another_origin_too() -> None:
    step = following(prepared("http://a.example/"), 301, "https://a.example/")
    assert "authorization" not in step.headers


def test_what_was_dropped_does_not_come_back() -> None:
    step = following(following(prepared(), 302, "https://b.example/"), 302, "https://a.example/")
    assert "authorization" not in step.headers


@pytest.mark.parametrize("location", ["http://a.example/", "http://b.example/", "HTTP://a.example/"])
def test_no_step_down_to_http(location: str) -> None:
    with pytest.raises(EgressRefused, match="https to http"):
        following(prepared(), 302, location)


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "ftp://a.example/",
        "javascript:x",
        "https://user:pw@a.example/",
        "https://0x7f.1/",
        "https://[::1",
        "\\\\b",
    ],
)
def test_strange_locations_are_refused(location) -> None:
    with pytest.raises(EgressRefused):
        following(prepared(), 302, location)


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_never_goes_to_another_origin(status: int) -> None:
    request = prepared(method="POST", body=b"client_secret=x")
    assert following(request, status, "/y").body == b"client_secret=x"
    with pytest.raises(EgressRefused, match="another host"):
        following(request, status, "https://b.example/")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_do_not_go_to_another_origin(method: str) -> None:
    with pytest.raises(EgressRefused):
        following(prepared(method=method), 302, "https://b.example/")
    assert following(prepared(method=method), 302, "/y").method == method


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_becomes_a_get_without_its_body(status: int) -> None:
    request = prepared(method="POST", body=b"x", **{"Content-Type": "text/plain", "Accept": "a"})
    step = following(request, status, "https://b.example/")
    assert (step.method, step.body, step.headers) == ("GET", b"", {"accept": "a"})
    assert following(prepared(method="HEAD"), 303, "/y").method == "HEAD"


def test_headers_are_found_in_any_case() -> None:
    assert HttpHeaders((("X-A", "1"), ("x-a", "2"))).get("x-A") == "1"
    assert HttpHeaders(()).get("a") is None
