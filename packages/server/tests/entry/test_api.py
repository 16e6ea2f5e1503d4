"""What every answer has: problems without traces, headers, the description, the web application."""

from pathlib import Path

import pytest
from litestar import get, post
from litestar.params import JSONBody

from vectorflow.entry import dependencies, health, openapi, web
from vectorflow.entry.api import build_api
from vectorflow.entry.routes import ROUTES
from vectorflow.entry.services import Services
from vectorflow.platform.database import Database
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings


@get("/broken", operation_id="broken", public="for this test")
async def broken() -> str:
    raise RuntimeError("select secret from somewhere -- hunter2")


@post("/echo", operation_id="echo", public="for this test")
async def echo(data: JSONBody[dict[str, int]]) -> dict[str, int]:
    return data


@pytest.fixture(scope="module")
def app_under_test(services):
    return build_api(services, routes=[*ROUTES, broken, echo])


@pytest.fixture
def tester(app_under_test, browser):
    return type(browser)(app_under_test)


def told(answer, status: int, name: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:vectorflow:problem:{name}"
    assert body["id"] == answer.headers["x-request-id"]
    return body


async def test_every_error_is_a_problem(tester) -> None:
    told(await tester.get("/api/v1/nowhere"), 404, "platform.no-such-path")
    told(await tester.get("/api/nowhere"), 404, "platform.no-such-path")
    told(await tester.get("/api/v1/sessions/not-an-id"), 405, "platform.method-not-allowed")
    refused = await tester.request("PATCH", "/api/v1/session")
    told(refused, 405, "platform.method-not-allowed")
    assert "GET" in refused.headers["allow"]
    body = told(
        await tester.request("POST", "/api/v1/echo", json={"a": "x"}), 400, "platform.invalid-request"
    )
    assert body["errors"] or body["detail"]
    told(await tester.request("POST", "/api/v1/echo", content=b" " * 5_000_000), 413, "platform.too-large")


async def test_the_unforeseen_tells_nothing_but_an_id(tester, capsys) -> None:
    answer = await tester.get("/api/v1/broken")
    told(answer, 500, "kernel.internal")
    assert "hunter2" not in answer.text
    assert "Runtime" not in answer.text
    assert answer.json()["id"] in capsys.readouterr().out


async def test_a_database_that_is_down_is_503(browser) -> None:
    database = Database(
        "postgresql://nobody:x@127.0.0.1:1/none", ScopeSigner(bytes(32)), timeout_seconds=0.2, size=1
    )
    await database.open()
    try:
        client = type(browser)(build_api(Services(Settings(), database, bus_connected=lambda: False)))
        answer = await client.sign_in("a@b.test")
        told(answer, 503, "platform.unavailable")
        assert answer.headers["retry-after"] == "5"
        ready = await client.get("/api/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"] == {"database": "failed", "bus": "failed", "keys": "ok"}
        assert (await client.get("/api/health/live")).status_code == 200
    finally:
        await database.close()


@pytest.mark.parametrize(
    "address", ["/", "/api/docs", "/api/openapi.json", "/api/v1/session", "/assets/none.js"]
)
async def test_every_answer_has_the_headers(tester, address) -> None:
    answer = await tester.get(address)
    for name in (
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "permissions-policy",
    ):
        assert name in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    if address.startswith("/api"):
        assert answer.headers["cache-control"] == "no-store"


async def test_the_description_is_complete(tester) -> None:
    document = (await tester.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert {"Session", "Account", "OrganizationRef", "SessionInfo", "SessionInfoList", "Organization"} <= set(
        schemas
    )
    assert {"Environment", "Member", "AuditRecord", "Problem", "FieldError"} <= set(schemas)
    assert schemas["Session"]["properties"]["expires_at"]["format"] == "date-time"
    for item in document["paths"].values():
        for operation in item.values():
            assert "400" not in operation["responses"]
            assert "application/problem+json" in operation["responses"]["default"]["content"]
    names = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    assert {"createSession", "getSession", "deleteSession", "listSessions", "revokeSession"} <= names
    assert {"getOrganization", "listEnvironments", "listMembers", "listAudit"} <= names


async def test_the_page_for_people_needs_no_script_and_escapes(tester) -> None:
    answer = await tester.get("/api/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "listMembers" in answer.text
    assert "<script" not in answer.text
    nonce = answer.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    assert f'nonce="{nonce}"' in answer.text
    hostile = {
        "info": {"version": "<b>"},
        "paths": {"/<i>": {"get": {}}},
        "components": {"schemas": {"<u>": {}}},
    }
    page = openapi.page(hostile, '"')
    assert not any(tag in page for tag in ("<b>", "<i>", "<u>"))


def test_every_named_service_is_provided(services) -> None:
    assert set(dependencies.SERVICES) < set(dependencies.dependencies(services))
    assert health.version()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(
        '<html><script nonce="__CSP_NONCE__" src="/assets/a.js"></script></html>'
    )
    (tmp_path / "assets" / "index-Ab12Cd34.js").write_text("let a = 1")
    (tmp_path / "assets" / "index-Ab12Cd34.js.br").write_bytes(b"packed")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


async def ask(application, context, path: str, **headers: str) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list = []

    async def send(message) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw, "vectorflow.request": context}
    await application(scope, None, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_the_web_application_is_served(built: Path) -> None:
    context = type("Context", (), {"nonce": "N0nce"})
    application = web.WebApplication(web.load_files(built))
    for address in ("/", "/acme/dev/pipelines", "/index.html"):
        status, headers, body = await ask(application, context, address)
        assert status == 200
        assert b'nonce="N0nce"' in body
        assert headers[b"cache-control"] == b"no-store"
    status, headers, body = await ask(application, context, "/assets/index-Ab12Cd34.js")
    assert (status, body) == (200, b"let a = 1")
    assert b"immutable" in headers[b"cache-control"]
    assert headers[b"content-type"].startswith(b"text/javascript")
    status, headers, body = await ask(
        application, context, "/assets/index-Ab12Cd34.js", accept_encoding="gzip, br"
    )
    assert (headers[b"content-encoding"], body) == (b"br", b"packed")
    status, headers, _ = await ask(application, context, "/favicon.svg")
    assert headers[b"cache-control"] == b"no-cache"
    status, _, _ = await ask(application, context, "/favicon.svg", if_none_match=headers[b"etag"].decode())
    assert status == 304
    for missing in (
        "/assets/gone.js",
        "/assets/../../secret.txt",
        "/robots.txt",
        "/assets/index-Ab12Cd34.js.br",
    ):
        assert (await ask(application, context, missing))[0] == 404


async def test_without_a_build_the_page_says_what_to_do(tmp_path: Path) -> None:
    context = type("Context", (), {"nonce": "N"})
    status, _, body = await ask(web.WebApplication(web.load_files(tmp_path)), context, "/")
    assert status == 503
    assert b"make web" in body
