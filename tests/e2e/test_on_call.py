"""What somebody on call does at night, on a phone: every view is as wide as the screen, every action is in reach."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.journey import sign_in, violations
from tests.e2e.pipelines import component, create, deploy, document
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Api, Stack

WIDTH = 360
TARGET = 40
"""Pixels that a finger needs, in both directions."""


@pytest.fixture
def phone(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A phone's browser, signed in."""
    context = browser.new_context(
        base_url=stack.demo["url"], viewport={"width": WIDTH, "height": 740}, has_touch=True
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    sign_in(page, stack)
    yield page
    context.close()


class Hand:
    """Goes to views, and keeps what is wrong with them."""

    def __init__(self, page: Page, base: str) -> None:
        self._page = page
        self._base = base
        self.wrong: list[str] = []

    def go(self, path: str) -> Page:
        """Open a view and judge it once it is there."""
        self._page.goto(f"{self._base}/{path}")
        expect(self._page.locator("h1")).to_have_count(1)
        expect(self._page.get_by_role("status", name="Loading")).to_have_count(0)
        self.judge(path)
        return self._page

    def judge(self, name: str) -> None:
        """The view is no wider than the screen, and axe finds nothing."""
        wide = self._page.evaluate("document.documentElement.scrollWidth")
        if wide > WIDTH:
            self.wrong.append(f"{name} is {wide} pixels wide")
        self.wrong += [f"{name}: {each}" for each in violations(self._page)]

    def reach(self, target: Locator) -> Locator:
        """Return what a finger can reach by scrolling down alone."""
        shown = target.first
        expect(shown).to_be_visible(timeout=60_000)
        # Beside the screen a box stays where it is: `scroll_into_view` would hide that by scrolling sideways.
        box = shown.bounding_box()
        assert box is not None
        if box["x"] < 0 or box["x"] + box["width"] > WIDTH:
            self.wrong.append(f"{shown.inner_text() or shown} ends at {box['x'] + box['width']:.0f} pixels")
        if min(box["width"], box["height"]) < TARGET:
            self.wrong.append(
                f"{shown.inner_text() or shown} is {box['width']:.0f} × {box['height']:.0f} pixels"
            )
        return shown


def _pipeline(source: str, **options: object) -> dict[str, Any]:
    return document(
        [component("in", "source", source, **options), component("out", "sink", "blackhole")],
        [("in", "_default", "out")],
    )


def _halted(api: Api, pipeline: str) -> str:
    """Deploy a second revision that no node can run, and return its rollout."""
    now = api.raw("GET", f"{api.base}/pipelines/{pipeline}")
    with Receiver() as taken:
        document = _pipeline("http_server", address=f"127.0.0.1:{taken.port}")
        body = {**{k: now.json()[k] for k in ("name", "description")}, "document": document}
        etag = {"If-Match": now.headers["etag"]}
        api.call("PUT", f"{api.base}/pipelines/{pipeline}", json=body, headers=etag)
        return str(deploy(api, pipeline, expect="halted")["id"])


@contextmanager
def _silent(stack: Stack) -> Iterator[None]:
    """The agents stand still, so that nodes say nothing and no rollout comes to its end."""
    agents = stack.agents()
    for agent in agents:
        os.kill(agent.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for agent in agents:
            os.kill(agent.pid, signal.SIGCONT)


@pytest.mark.timeout(300)
def test_a_night_on_call_at_360_pixels(stack: Stack, api: Api, phone: Page) -> None:
    silence = {"kind": "node_silent", "seconds": 30}
    api.post(f"{api.base}/alert-rules", {"name": "Silent", "condition": silence, "channels": []})
    pipeline = create(api, "On call", _pipeline("demo_logs", format="json"))
    deploy(api, pipeline)
    halted = _halted(api, pipeline)
    node = api.get(f"{api.base}/nodes")["items"][0]
    hand = Hand(phone, f"/{stack.demo['organization']}/{stack.demo['environment']}")
    button = phone.get_by_role
    with _silent(stack):
        # The way back from what was halted, and a rollout that is held.
        hand.go("rollouts")
        hand.go(f"rollouts/{halted}")
        for name in ("Resume", "Cancel"):
            hand.reach(button("button", name=name))
        hand.reach(button("button", name="Roll back to revision 1")).tap()
        expect(phone).not_to_have_url(re.compile(halted))
        hand.reach(button("button", name="Pause")).tap()
        hand.reach(button("button", name="Resume"))
        hand.judge("the rollout, paused")
        hand.reach(button("button", name="Resume")).tap()
        hand.reach(button("button", name="Pause"))

        # What runs: the list, the graph, what was measured.
        hand.go("pipelines")
        hand.reach(button("button", name="Actions for On call"))
        hand.reach(phone.locator("label", has=button("checkbox", name="Choose On call"))).tap()
        hand.reach(button("button", name="Folder and tags…"))
        hand.judge("what is done to several pipelines")
        hand.reach(button("button", name="Choose none")).tap()
        hand.go(f"pipelines/{pipeline}/metrics")
        hand.reach(button("button", name="Time range"))
        hand.reach(button("link", name="Editor"))
        hand.go(f"pipelines/{pipeline}")
        expect(phone.locator(".react-flow__node").first).to_be_visible()
        hand.reach(button("button", name=re.compile("^Deploy")))
        hand.judge("the editor")

        # Where it runs, the restart, and what the node said.
        hand.go("nodes")
        hand.reach(button("link", name=re.compile(node["name"]))).tap()
        expect(phone).to_have_url(re.compile(f"nodes/{node['id']}"))
        for name in ("Restart", "Tap"):
            hand.reach(phone.get_by_role("table", name="Pipelines").get_by_role("button", name=name))
        hand.reach(button("button", name="Actions", exact=True))
        hand.reach(button("button", name="Restart")).tap()
        expect(phone.get_by_text("The node was asked to restart it.").first).to_be_visible()
        hand.judge("the node")
        hand.go(f"logs?node={node['id']}")
        hand.reach(button("button", name="Pause"))
        hand.reach(button("button", name="Level"))

        # The incident, and who looks after it.
        hand.go("alerts")
        hand.reach(button("button", name="I look after it")).tap()
        expect(phone.get_by_text("looks after it").first).to_be_visible()
        hand.judge("the incident, taken")
    assert hand.wrong == []
