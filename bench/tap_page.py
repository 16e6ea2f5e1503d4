"""Whether the browser stays smooth while an output of 5,000 events/s is tapped: ``PYTHONPATH=. python bench/tap_page.py``.

The whole product runs with its embedded engine; the tap is opened in the editor as a person does, with 50 events a
second, watched as a tree and as a table.
"""

import re
import sys
import tempfile
from pathlib import Path

from bench.web import SECONDS, frames
from playwright.sync_api import Page, sync_playwright
from scripts.browser import installed
from tests.e2e.conftest import FLAGS
from tests.e2e.journey import sign_in
from tests.e2e.pipelines import component, create, deploy, document
from tests.e2e.stack import Api, Stack

RATE = 5000
LEAST_FRAMES = 50.0
LONGEST_GAP_MS = 250.0


def deployed(api: Api) -> str:
    """Make and deploy a pipeline whose source makes 5,000 events a second; return its id once the node runs it."""
    components = [
        component("fast", "source", "demo_logs", format="json", interval=1 / RATE),
        component("nowhere", "sink", "blackhole"),
    ]
    made = create(api, "fast", document(components, [("fast", "_default", "nowhere")]))
    deploy(api, made)
    return made


def watched(page: Page) -> list[tuple[str, float, float]]:
    """Open the tap and return, for each way to look at it, frames a second and the longest gap in milliseconds."""
    page.get_by_role("button", name="Tap", exact=True).click()
    dialog = page.get_by_role("dialog", name=re.compile("^Tap"))
    dialog.get_by_label("Reason").fill("how smooth is it")
    dialog.get_by_role("button", name="Start").click()
    dialog.get_by_role("list", name="Events").get_by_role("listitem").nth(20).wait_for(timeout=60_000)
    found = [("tree", *frames(page, lambda: page.wait_for_timeout(SECONDS * 1000)))]
    dialog.get_by_role("button", name="View").click()
    page.get_by_role("option", name="Table").click()
    page.wait_for_timeout(1000)
    found.append(("table", *frames(page, lambda: page.wait_for_timeout(SECONDS * 1000))))
    return found


def main() -> int:
    """Measure, print a table, and tell by the exit code whether the page stayed smooth."""
    program = installed()
    if program is None:
        print("no browser: run scripts/browser.py", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        stack = Stack(Path(directory))
        try:
            stack.start()
            made = deployed(stack.api())
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            page = browser.new_page(base_url=stack.demo["url"], viewport={"width": 1440, "height": 900})
            sign_in(page, stack)
            place = f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{made}"
            page.goto(f"{place}?component=fast")
            rows = watched(page)
            browser.close()
        finally:
            stack.end()
    print(f"{'a tap of 5,000 events/s, shown as':<40}{'frames/s':>12}{'longest gap':>16}")
    for name, rate, gap in rows:
        print(f"{name:<40}{rate:>12.1f}{gap:>13.0f} ms")
    print(f"at least {LEAST_FRAMES:.0f} frames/s, and no gap over {LONGEST_GAP_MS:.0f} ms")
    return 0 if all(rate >= LEAST_FRAMES and gap <= LONGEST_GAP_MS for _, rate, gap in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
