"""Every page in both themes and at two widths: nothing sticks out, axe finds nothing, the console is silent.

With ``VECTORFLOW_PICTURES`` set to a folder the pictures are kept there.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.journey import sign_in, violations
from tests.e2e.stack import Api, Stack

LOOKS: list[tuple[Literal["light", "dark"], int]] = [
    ("light", 1440),
    ("dark", 1440),
    ("light", 360),
    ("dark", 360),
]


def _addresses(stack: Stack, api: Api) -> Iterator[tuple[str, str]]:
    base = f"/{stack.demo['organization']}/{stack.demo['environment']}"
    pipeline = api.get(f"{api.base}/pipelines")["items"][0]["id"]
    yield "design", "/design"
    yield "pipelines", f"{base}/pipelines"
    yield "editor", f"{base}/pipelines/{pipeline}"
    yield "editor-component", f"{base}/pipelines/{pipeline}?component=split"
    yield "editor-findings", f"{base}/pipelines/{pipeline}?pane=findings"
    yield "editor-tests", f"{base}/pipelines/{pipeline}?pane=tests"
    yield "template", f"{base}/templates/card-numbers"
    yield "revisions", f"{base}/pipelines/{pipeline}/revisions"
    for name in (
        "templates",
        "import",
        "rollouts",
        "logs",
        "updates",
        "alerts",
        "captures",
        "nodes",
        "groups",
        "engines",
        "enrolment",
        "secrets",
        "rules",
        "encryption",
        "audit",
        "organization",
    ):
        yield name, f"{base}/{name}"
    yield "rollout", f"{base}/rollouts/{api.get(f'{api.base}/rollouts')['items'][0]['id']}"
    yield "node", f"{base}/nodes/{api.get(f'{api.base}/nodes')['items'][0]['id']}"


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_pages_are_whole_in_both_themes_and_at_two_widths(
    browser: Browser, stack: Stack, api: Api, theme: Literal["light", "dark"], width: int
) -> None:
    context = browser.new_context(
        base_url=stack.demo["url"], color_scheme=theme, viewport={"width": width, "height": 860}
    )
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    wrong: list[str] = []
    try:
        sign_in(page, stack)
        # Only now: before, the browser rightly says that nobody was signed in.
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        for name, address in _addresses(stack, api):
            page.goto(address)
            expect(page.locator("h1")).to_have_count(1, timeout=30_000)
            expect(page.get_by_role("status", name="Loading")).to_have_count(
                1 if name == "design" else 0, timeout=30_000
            )
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                wrong.append(f"{name} is {wide} pixels wide")
            wrong += [f"{name}: {each}" for each in violations(page)]
            if pictures := os.environ.get("VECTORFLOW_PICTURES"):
                page.screenshot(path=Path(pictures) / f"{name}-{theme}-{width}.png")
    finally:
        context.close()
    assert wrong == []
    assert said == []
