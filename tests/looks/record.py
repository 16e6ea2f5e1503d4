"""Records the answers of the API that the views need, from a real product: ``python -m tests.looks.record``."""

import datetime
import hashlib
import json
import platform
import re
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright
from scripts.browser import installed

from tests.e2e.journey import sign_in
from tests.e2e.stack import Api, Stack, wait_until
from tests.looks import world
from tests.looks.camera import FLAGS, window
from tests.looks.replay import ANSWERS, LIVE, key
from tests.looks.views import VIEWS, View

STATE = "/var/lib/vectorflow"
BEAT_SECONDS = 5.0
POINTS = 8
"""Of half a minute each."""
QUIET_SECONDS = 4.0
"""A page that has asked for nothing so long has what it needs."""


class Recorder:
    """Passes the browser's calls on to the product and keeps each answer."""

    def __init__(self, stack: Stack, names: dict[str, str]) -> None:
        self._stack = stack
        self._bodies: dict[str, Any] = {}
        self._views: dict[str, Any] = {}
        self._answers: dict[str, list[Any]] = {}
        self._names = names
        self._last = 0.0
        self._open = 0

    def watch(self, page: Page) -> None:
        """Keep what is answered to a page."""
        page.route("**/api/v1/**", self._pass)

    def visit(self, page: Page, view: View) -> None:
        """Record one view."""
        self._answers = {}
        page.goto(view.path.format(**self._names))
        view.arrange(page)
        # What is asked for again and again counts once.
        self._last = time.monotonic()
        while self._open or time.monotonic() - self._last < QUIET_SECONDS:
            page.wait_for_timeout(100)
        page.goto("about:blank")
        self._views[view.name] = {
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "answers": dict(sorted(self._answers.items())),
        }

    def save(self, path: Path) -> None:
        """Write what was kept."""
        kept = {"names": self._names, "views": self._views, "bodies": dict(sorted(self._bodies.items()))}
        lines = self._neutral(json.dumps(kept, ensure_ascii=False, indent=1)).splitlines()
        path.write_text("\n".join(lines) + "\n")

    def _pass(self, route: Route) -> None:
        request = route.request
        asked = key(request.method, request.url)
        if "/events" in request.url or asked in LIVE:
            route.continue_()
            return
        if asked not in self._answers:
            self._last = time.monotonic()
        self._open += 1
        answer = route.fetch()
        self._open -= 1
        if answer.status != 204:
            body = answer.json()
            name = hashlib.sha256(answer.body()).hexdigest()[:12]
            self._bodies[name] = body
            self._answers[asked] = [answer.status, name]
        route.fulfill(response=answer)

    def _neutral(self, text: str) -> str:
        """Take out what belongs to this run and this machine."""
        for found, instead in (
            (str(self._stack.state), STATE),
            (str(self._stack.directory), STATE),
            (self._stack.demo["url"], "http://127.0.0.1:8484"),
            (self._stack.demo["gateway_url"], "http://127.0.0.1:8485"),
            (socket.gethostname(), "demo-1"),
            (platform.release(), "6.12.0"),
        ):
            text = text.replace(found, instead)
        return re.sub(r'"csrf_token": "[^"]*"', '"csrf_token": "recorded"', text)


def _arrange(stack: Stack, api: Api, ended: threading.Event) -> dict[str, str]:
    """Make the organisation, wait until it is at rest, and return the names that the views' addresses need."""
    running = api.get(f"{api.base}/pipelines")["items"][0]["id"]
    rollout = wait_until(
        lambda: [each for each in api.get(f"{api.base}/rollouts")["items"] if each["state"] != "running"],
        seconds=120,
        what="the demo's rollout ended",
    )[0]
    world.alerts(api)
    nodes = world.fleet(api, stack.demo["gateway_url"])
    for node in nodes:
        node.beat()

    def beating() -> None:
        while not ended.wait(BEAT_SECONDS):
            for node in nodes[:5]:
                node.beat()

    threading.Thread(target=beating, name="beating", daemon=True).start()
    world.vault(api)
    world.pipelines(api)
    wait_until(
        lambda: api.get(f"{api.base}/incidents?state=open")["items"],
        seconds=240,
        what="the silent node is an incident",
        pause=1,
    )
    local = next(
        each for each in api.get(f"{api.base}/nodes")["items"] if each["hostname"] not in world.FLEET
    )
    began = _history(api, local["id"])
    world.edit(api, running)
    return {
        "base": f"/{stack.demo['organization']}/{stack.demo['environment']}",
        "pipeline": running,
        "rollout": rollout["id"],
        "node": local["id"],
        "from": str(_milliseconds(began)),
        "to": str(_milliseconds(datetime.datetime.now(datetime.UTC))),
    }


def _history(api: Api, node: str) -> datetime.datetime:
    """Wait until the charts of a node have a line to show; return when it begins."""

    def points() -> Any:
        found = api.get(f"{api.base}/nodes/{node}/host-series?minutes=60")["points"]
        return found if len(found) >= POINTS else None

    found = wait_until(points, seconds=600, what="the charts have something to show", pause=5)
    return datetime.datetime.fromisoformat(found[0]["at"])


def _milliseconds(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)


def main() -> int:
    """Record everything anew."""
    ended = threading.Event()
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        stack = Stack(Path(directory))
        try:
            stack.start()
            api = stack.api()
            names = _arrange(stack, api, ended)
            recorder = Recorder(stack, names)
            browser = playwright.chromium.launch(executable_path=installed(), args=list(FLAGS))
            with window(browser, "light", "wide", stack.demo["url"]) as page:
                sign_in(page, stack)
                # What the list still asks for belongs to no view.
                page.goto("about:blank")
                recorder.watch(page)
                for view in VIEWS:
                    recorder.visit(page, view)
            browser.close()
            recorder.save(ANSWERS)
        finally:
            ended.set()
            stack.end()
    print(f"{ANSWERS}: {ANSWERS.stat().st_size / 1000:.0f} kB, {len(VIEWS)} views")
    return 0


if __name__ == "__main__":
    sys.exit(main())
