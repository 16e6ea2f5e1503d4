"""Takes pictures that come out the same: time stands still, nothing moves, fonts are there, and two in a row agree."""

import hashlib
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.looks.replay import Replay
from tests.looks.views import SIZES, Theme, View

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--hide-scrollbars",
)
TRIES = 20
ASKING_SECONDS = 20.0
QUIET_SECONDS = 0.4
DRAWN = (
    "[...document.querySelectorAll('main figure')].every((each) => each.querySelector('canvas, p, table'))"
)
"""Charts come late, by a script of their own; until then their place is empty."""
PROBE = """<body style="font: 13px sans-serif">Where the events go <b>1,204/s</b> <code>split._unmatched</code>
<p style="border: 1px solid oklch(0.6 0.1 250); border-radius: 6px; width: 90.4px">round</p>
<svg width="80" height="40"><path d="M0 0 C 40 0 40 40 80 40" stroke="teal" fill="none"/></svg>"""


@contextmanager
def window(browser: Browser, theme: Theme, size: str, url: str) -> Iterator[Page]:
    """Open a window in a theme and a size."""
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=url,
        color_scheme=theme,
        viewport={"width": width, "height": height},
        device_scale_factor=1,
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )
    context.set_default_timeout(30_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def look(page: Page, replay: Replay, view: View, size: str) -> Image.Image:
    """Go to a view and return its picture."""
    page.clock.set_fixed_time(datetime.fromisoformat(replay.begin(view.name)))
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(replay.address(view.path))
    expect(page.locator("h1")).to_have_count(1, timeout=30_000)
    view.arrange(page)
    until = time.monotonic() + ASKING_SECONDS
    while replay.unasked():
        if time.monotonic() > until:
            raise AssertionError(
                f"{view.name} no longer asks for {replay.unasked()}: record the answers anew"
            )
        page.wait_for_timeout(50)
    # Parts with a script of their own come last, and may ask for more.
    while replay.quiet_seconds() < QUIET_SECONDS:
        page.wait_for_timeout(50)
    expect(page.get_by_role("status", name="Loading")).to_have_count(
        1 if view.name == "design" else 0, timeout=30_000
    )
    page.wait_for_function(DRAWN)
    return settled(page, whole=view.whole)


def settled(page: Page, *, whole: bool = False) -> Image.Image:
    """Return the picture once two in a row are the same."""
    page.evaluate("document.fonts.ready")
    if whole:
        _grow(page)
    last = b""
    for _ in range(TRIES):
        now = page.screenshot(animations="disabled", caret="hide")
        if now == last:
            return Image.open(io.BytesIO(now)).convert("RGB")
        last = now
        page.wait_for_timeout(120)
    raise AssertionError(f"{page.url} never stands still")


def _grow(page: Page) -> None:
    """Make the window as high as what scrolls in it, since the application scrolls inside of itself."""
    height = page.evaluate(
        "Math.max(...[document.documentElement, ...document.querySelectorAll('main, #root, #root > *')]"
        ".map((each) => each.scrollHeight))"
    )
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": int(height)})


def rendering(browser: Browser) -> dict[str, str]:
    """Return the browser's version, and a hash of how it paints letters, lines and colours here."""
    with window(browser, "light", "narrow", "about:blank") as page:
        page.set_content(PROBE)
        painted = hashlib.sha256(page.screenshot()).hexdigest()[:16]
    return {"version": browser.version, "painted": painted}
