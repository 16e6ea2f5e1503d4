"""Steps that browser tests share."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack


def sign_in(page: Page, stack: Stack) -> None:
    """Sign in and arrive at the list of pipelines."""
    page.goto("/")
    page.get_by_label("E-mail address").fill(stack.demo["email"])
    page.get_by_label("Password").fill(stack.demo["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Pipelines")).to_be_visible()


def yaml_text(page: Page) -> str:
    """The YAML pane's text, as far as it is scrolled into view."""
    return "\n".join(page.locator(".cm-line").all_inner_texts())


def count_in(text: str) -> int:
    """The number in a text with thousands separators."""
    return int(re.sub(r"[^0-9]", "", text))
