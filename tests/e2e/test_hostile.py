"""Nothing leaks sideways: canary secrets and hostile strings in every field, then a look everywhere."""

import json
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext
from scripts.postgres import dump

from tests.e2e.hostile import CLEAN, HOSTILE, assert_nowhere
from tests.e2e.journey import sign_in
from tests.e2e.pipelines import component, create, deploy, document
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Api, Stack, wait_until


def _content(source: Path, url: str) -> dict[str, object]:
    shown = HOSTILE.replace("\x1b", "").replace("\r\n", " ")
    return document(
        [
            component("lines", "source", "file", include=[str(source)], read_from="beginning"),
            component("note", "transform", "remap", source=f".note = {json.dumps(shown)}\n# {shown}\n"),
            component(
                "out",
                "sink",
                "http",
                uri=url,
                encoding={"codec": "json"},
                batch={"timeout_secs": 0.2},
                auth={"strategy": "bearer", "token": "SECRET[canary]"},
            ),
        ],
        [("lines", "_default", "note"), ("note", "_default", "out")],
    )


def _fill_the_vault(api: Api, canary: str, text: str) -> None:
    """Put the canary into every sealed field of the vault, and the hostile string into every other one."""
    api.post(
        f"{api.base}/variables",
        {"name": "hidden", "type": "string", "value": canary, "sensitive": True, "description": text},
    )
    api.post(f"{api.base}/variables", {"name": "shown", "type": "list", "value": [text], "description": text})
    api.post(
        f"{api.base}/secret-stores",
        {
            "name": "corp",
            "resolve": "server",
            "vault": {"address": "https://vault.example.com"},
            "credentials": {"token": canary},
        },
    )
    refused = api.raw(
        "POST",
        f"{api.base}/certificates",
        json={"name": "c", "chain": text, "private_key": canary, "passphrase": canary, "description": text},
    )
    assert refused.status_code == 422
    uploaded = api.raw(
        "POST",
        f"{api.base}/lookup-files",
        params={"name": "f", "description": text},
        content=HOSTILE.encode(),
    )
    assert uploaded.status_code == 201, uploaded.text


def _answers(api: Api, pipeline: str) -> str:
    """Everything the API says about this environment, as one text."""
    base = f"{api.base}/pipelines/{pipeline}"
    nodes = api.get(f"{api.base}/nodes")["items"]
    paths = [
        f"{api.base}/pipelines",
        base,
        f"{base}/revisions",
        f"{base}/revisions/1",
        f"{base}/diff?from=1&to=draft",
        f"{base}/rates",
        f"{api.base}/rollouts",
        f"{api.base}/nodes",
        *(f"{api.base}/nodes/{node['id']}" for node in nodes),
        f"{api.base}/enrolment-tokens",
        f"{api.base}/secrets",
        *(f"{api.base}/secrets/{each['id']}/versions" for each in api.get(f"{api.base}/secrets")["items"]),
        f"{api.base}/secret-destinations?secret=canary",
        f"{api.base}/variables",
        f"{api.base}/certificates",
        f"{api.base}/lookup-files",
        f"{api.base}/secret-stores",
        f"{api.organization}/audit?limit=200",
        "/session",
        "/sessions",
    ]
    return "\n".join(api.raw("GET", path).text for path in paths)


def test_no_canary_and_nothing_live_anywhere(
    stack: Stack, api: Api, receiver: Receiver, context: BrowserContext, tmp_path: Path
) -> None:
    canary = f"canary{uuid.uuid4().hex}"
    source = tmp_path / "hostile.log"
    source.write_text(HOSTILE.replace("\r\n", " ") + "\n")
    clean = CLEAN
    api.post(f"{api.base}/secrets", {"name": "canary", "value": canary, "settings": {"description": clean}})
    _fill_the_vault(api, canary, clean)
    made = api.raw(
        "POST",
        f"{api.base}/pipelines",
        json={"name": HOSTILE[:60], "description": HOSTILE, "document": _content(source, receiver.url)},
    )
    if made.status_code in (400, 422):  # control characters in a name are refused with a reason
        assert made.json()["errors"]
        pipeline = create(api, clean[:60], _content(source, receiver.url))
    else:
        pipeline = made.json()["id"]
    api.post(
        f"{api.base}/enrolment-tokens",
        {"name": clean[:60], "expires_in_seconds": 600, "max_uses": 1, "labels": {"a": "b"}},
    )
    deploy(api, pipeline)
    wait_until(lambda: receiver.events, seconds=60, what="the hostile line arrives")
    assert receiver.authorizations == {f"Bearer {canary}"}  # the canary does work where it should
    api.raw(
        "GET",
        "/orgs/" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        headers={"User-Agent": HOSTILE.split("\x1b", maxsplit=1)[0].strip()},
    )
    api.raw("POST", "/session", json={"email": clean, "password": canary})

    text = _answers(api, pipeline)
    assert canary not in text
    assert_nowhere(stack, canary)
    assert stack.demo["password"].encode() not in dump(stack.state)

    page = context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("dialog", lambda dialog: (thrown.append(dialog.message), dialog.dismiss()))
    sign_in(page, stack)
    for path in _pages(stack, api, pipeline):
        page.goto(path)
        page.wait_for_timeout(700)
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("img[src='x']").count() == 0, path
        assert canary not in page.content(), path
    assert thrown == []


def _pages(stack: Stack, api: Api, pipeline: str) -> list[str]:
    base = f"/{stack.demo['organization']}/{stack.demo['environment']}"
    node = api.get(f"{api.base}/nodes")["items"][0]["id"]
    rollout = api.get(f"{api.base}/rollouts")["items"][0]["id"]
    return [
        f"{base}/pipelines",
        f"{base}/pipelines/{pipeline}",
        f"{base}/pipelines/{pipeline}/revisions",
        f"{base}/pipelines/{pipeline}/deploy",
        f"{base}/rollouts/{rollout}",
        f"{base}/nodes",
        f"{base}/nodes/{node}",
        *(f"{base}/secrets?tab={tab}" for tab in ("secrets", "variables", "certificates", "files", "stores")),
    ]


def test_the_other_organisation_sees_nothing(stack: Stack, api: Api, request: pytest.FixtureRequest) -> None:
    pipeline = api.get(f"{api.base}/pipelines")["items"][0]["id"]
    other = Api(stack.demo["other"])
    request.addfinalizer(other.close)
    for path in (
        f"{api.base}/pipelines",
        f"{api.base}/pipelines/{pipeline}",
        f"{other.base}/pipelines/{pipeline}",
        f"{api.organization}/audit",
    ):
        answer = other.raw("GET", path)
        assert answer.status_code == 404, path
    assert other.get(f"{other.base}/pipelines")["items"] == []
    assert other.get(f"{other.base}/nodes")["items"] == []
