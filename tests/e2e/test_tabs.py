"""Several tabs of one browser: one event stream for all of them, which outlives the tab that led."""

import re

from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.e2e.journey import sign_in
from tests.e2e.stack import Api, Stack, wait_until


class Streams:
    """The event streams that a browser has open, by its own word."""

    def __init__(self, context: BrowserContext) -> None:
        self.open: set[Request] = set()
        context.on("request", self._begun)
        context.on("requestfinished", self._ended)
        context.on("requestfailed", self._ended)

    def _begun(self, request: Request) -> None:
        if "/events?" in request.url:
            self.open.add(request)

    def _ended(self, request: Request) -> None:
        self.open.discard(request)


def _rate(page: Page) -> float:
    shown = page.locator('[data-edge-rate^="access_log._default"]')
    return float(shown.inner_text().removesuffix("/s").replace(",", ""))


def test_tabs_share_one_stream_that_outlives_the_leader(
    stack: Stack, api: Api, context: BrowserContext
) -> None:
    streams = Streams(context)
    first = context.new_page()
    sign_in(first, stack)
    pipeline = api.get(f"{api.base}/pipelines")["items"][0]["id"]
    address = f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{pipeline}"
    first.goto(address)
    expect(first.locator('[data-edge-rate^="access_log._default"]')).to_be_visible(timeout=30_000)
    others = [context.new_page() for _ in range(2)]
    for page in others:
        page.goto(address)
        expect(page.locator('[data-edge-rate^="access_log._default"]')).to_be_visible(timeout=30_000)

    def one_stream() -> bool:
        # The browser's word arrives while it is asked something.
        others[0].title()
        return len(streams.open) == 1

    wait_until(one_stream, seconds=20, what="three tabs have one stream")
    asked = {request.url for request in streams.open}
    assert all(re.search(f"rates%3A{pipeline}", url) for url in asked)
    first.close()
    wait_until(one_stream, seconds=20, what="another tab leads")
    # Each tab reads once when its stream is there again; what follows comes by the stream.
    polls = []
    for page in others:
        page.on("request", lambda request: polls.append(request.url) if "/rates" in request.url else None)

    def busy() -> bool:
        for _ in range(20):
            api.get("/session")
            api.get(f"{api.base}/pipelines")
        return min(_rate(page) for page in others) > 3

    wait_until(busy, seconds=90, what="both tabs show the rise", pause=0.2)
    assert len(polls) <= len(others)
