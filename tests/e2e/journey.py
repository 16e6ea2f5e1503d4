"""Steps that browser tests share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.stack import Stack

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


def sign_in(page: Page, stack: Stack) -> None:
    """Sign in and arrive at the list of pipelines."""
    page.goto("/")
    page.get_by_label("E-mail address").fill(stack.demo["email"])
    page.get_by_label("Password").fill(stack.demo["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Pipelines")).to_be_visible(timeout=30_000)


# What fades in or out has the contrast of no theme; what turns for ever, such as a loader, has it all the time.
STILL = """() => document.getAnimations().every(
  (each) => each.playState !== 'running' || each.effect?.getComputedTiming().endTime === Infinity)"""


# Without what passed: of thousands of elements it would take longer to tell than to judge.
JUDGE = "axe.run({resultTypes: ['violations'], selectors: false}).then((found) => found.violations)"


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page as it is, once nothing fades in or out."""
    page.evaluate(AXE.read_text())
    page.wait_for_function(STILL)
    found: list[dict[str, Any]] = page.evaluate(JUDGE)
    return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found]


def yaml_text(page: Page) -> str:
    """The YAML pane's text, as far as it is scrolled into view."""
    return "\n".join(page.locator(".cm-line").all_inner_texts())


def count_in(text: str) -> int:
    """The number in a text with thousands separators."""
    return int(re.sub(r"[^0-9]", "", text))


def focus_by_tab(page: Page, target: Callable[[], Locator], *, backwards: bool = False) -> None:
    """Press Tab until the target has the focus, as somebody without a pointer does."""
    for _ in range(150):
        found = target()
        if found.count() > 0 and found.evaluate(
            "e => e === document.activeElement || e.contains(document.activeElement)"
        ):
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError("the target cannot be reached with Tab")
