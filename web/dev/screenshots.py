"""Takes a picture of every page in both themes at two widths, and prints what the browser complained about.

python dev/screenshots.py --url http://127.0.0.1:8485 --out shots
"""

import argparse
import pathlib
import sys
from typing import Literal

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

PAGES = {
    "pipelines": "pipelines",
    "nodes": "nodes",
    "engines": "engines",
    "enrolment": "enrolment",
    "vault-secrets": "secrets",
    "vault-variables": "secrets?tab=variables",
    "vault-certificates": "secrets?tab=certificates",
    "vault-files": "secrets?tab=files",
    "vault-stores": "secrets?tab=stores",
    "rules": "rules",
    "alerts": "alerts",
    "audit": "audit",
    "organization": "organization",
    "rollouts": "rollouts",
    "sessions": "account/sessions",
    "missing": "nodes/none",
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = {"wide": (1440, 900), "narrow": (390, 844)}


def sign_in(page: Page, url: str, email: str, password: str) -> str:
    """Sign in by the form and return the address of the first environment."""
    page.goto(url)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/pipelines")
    return page.url.removesuffix("/pipelines")


def shoot(page: Page, out: pathlib.Path, name: str) -> None:
    """Save one picture once the page has settled."""
    page.wait_for_timeout(700)
    page.screenshot(path=out / f"{name}.png")


def tour(page: Page, base: str, out: pathlib.Path, suffix: str) -> None:
    """Go through all pages, then through the one with the most in it: the editor, a deploy, a rollout, a node."""
    for name, path in PAGES.items():
        page.goto(f"{base}/{path}")
        shoot(page, out, f"{name}-{suffix}")
    page.goto(f"{base}/pipelines")
    page.get_by_role("link", name="Access log").click()
    page.wait_for_selector(".react-flow__node")
    editor = page.url
    shoot(page, out, f"editor-{suffix}")
    for component in ("split", "receiver"):
        page.goto(f"{editor}?component={component}")
        page.wait_for_selector(".react-flow__node")
        shoot(page, out, f"editor-{component}-{suffix}")
    page.goto(f"{editor}/metrics?component=split")
    shoot(page, out, f"metrics-{suffix}")
    page.goto(f"{editor}/revisions")
    shoot(page, out, f"revisions-{suffix}")
    page.goto(f"{editor}/deploy")
    shoot(page, out, f"deploy-{suffix}")
    page.goto(f"{base}/nodes")
    page.get_by_role("row").nth(1).get_by_role("link").first.click()
    shoot(page, out, f"node-{suffix}")


def say(*words: str) -> None:
    """Print one line."""
    sys.stdout.write(" ".join(words)[:500] + "\n")


def complain(message: ConsoleMessage) -> None:
    """Print what the browser's console holds against the page."""
    if message.type in {"error", "warning"}:
        say("console:", message.text)


def listen(page: Page) -> None:
    """Print errors, and any script that a hostile string managed to run."""
    page.on("console", complain)
    page.on("pageerror", lambda error: say("page error:", str(error)))
    page.on("dialog", lambda dialog: say("A SCRIPT RAN:", dialog.message))


def main() -> None:
    """Run the tour for each theme and width."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8485")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("shots"))
    parser.add_argument("--email", default="owner@example.org")
    parser.add_argument("--password", default="demo")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in THEMES:
            for width, (x, y) in WIDTHS.items():
                context = browser.new_context(color_scheme=theme, viewport={"width": x, "height": y})
                page = context.new_page()
                listen(page)
                base = sign_in(page, options.url, options.email, options.password)
                tour(page, base, options.out, f"{theme}-{width}")
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
