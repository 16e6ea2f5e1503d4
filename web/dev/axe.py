"""Runs axe over every page in both themes and prints the violations; ends with 1 when there are any.

python dev/axe.py --url http://127.0.0.1:8485
"""

import argparse
import pathlib
import sys
from typing import Any

from playwright.sync_api import Page, sync_playwright
from screenshots import PAGES, THEMES, sign_in

AXE = pathlib.Path(__file__).parent.parent / "node_modules/axe-core/axe.min.js"


def violations(page: Page, source: str, name: str) -> list[str]:
    """Return one line per violation on the page as it stands."""
    page.wait_for_timeout(900)
    page.evaluate(source)
    result: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{name}: {each['id']} ({each['impact']}): {each['help']}\n    "
        + "\n    ".join(
            node["html"][:200] + " | " + node["failureSummary"].replace("\n", " ")[:250]
            for node in each["nodes"][:3]
        )
        for each in result["violations"]
    ]


def main() -> None:
    """Visit the pages and judge them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8485")
    parser.add_argument("--email", default="owner@example.org")
    parser.add_argument("--password", default="demo")
    options = parser.parse_args()
    source = AXE.read_text()
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in THEMES:
            context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})
            page = context.new_page()
            page.goto(options.url)
            page.get_by_label("Password").wait_for()
            found += violations(page, source, f"{theme} sign-in")
            base = sign_in(page, options.url, options.email, options.password)
            for name, path in PAGES.items():
                page.goto(f"{base}/{path}")
                found += violations(page, source, f"{theme} {name}")
            page.goto(f"{base}/pipelines")
            page.get_by_role("link", name="Access log").click()
            page.wait_for_selector(".react-flow__node")
            editor = page.url
            found += violations(page, source, f"{theme} editor")
            inner = page.locator(".react-flow__node").nth(2).get_attribute("data-id")
            for suffix in (f"?component={inner}", "?pane=findings", "?pane=outline", "/revisions", "/deploy"):
                page.goto(editor + suffix)
                found += violations(page, source, f"{theme} editor{suffix}")
            page.goto(f"{base}/nodes")
            page.locator("[role=row] a").nth(1).click()
            found += violations(page, source, f"{theme} node")
            context.close()
        browser.close()
    sys.stdout.write(("\n".join(found) or "axe found no violation") + "\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
