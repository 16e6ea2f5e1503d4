"""How the editor feels with a large pipeline, measured in a real browser: ``python bench/web.py [--components N]``.

Parts are chosen with ``--parts``, all but memory by default; memory is watched for ``--minutes`` of live updates.

The whole product runs; the browser opens a pipeline of so many components. Measured in the page: frames while a
component is dragged, frames while live rates of all components arrive ten times a second, and the time from a key in
the YAML pane to the next painted frame. The live updates come from a stand-in for the browser's stream, so that
there are ten a second; everything behind it is the application's own. Their texts are made beforehand.

Frames are told twice: those that the page was asked to draw, and those that the browser itself counts as dropped. The
same page without updates, and with one small text of no pipeline that changes ten times a second, say what the machine
can do at all.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import web_parts
from playwright.sync_api import Page, sync_playwright
from scripts.browser import installed
from tests.e2e.conftest import FLAGS
from tests.e2e.journey import sign_in
from tests.e2e.pipelines import component, create
from tests.e2e.stack import Stack

SECONDS = 5
FRAMES = """
() => {
  window.benchFrames = []
  const note = (at) => { window.benchFrames.push(at); requestAnimationFrame(note) }
  if (window.benchNoting) return
  window.benchNoting = true
  requestAnimationFrame(note)
}
"""
# A stream that the bench feeds: it keeps what listens, and is open at once.
STREAM = """
window.benchStreams = []
window.EventSource = class {
  constructor(url) { this.url = url; this.readyState = 0; this.kinds = {}; window.benchStreams.push(this)
    setTimeout(() => { this.readyState = 1; this.onopen?.() }, 0) }
  addEventListener(kind, listener) { this.kinds[kind] = listener }
  close() { this.readyState = 2 }
}
window.benchText = (pipeline, ids) => {
  const rate = () => Math.random() * 1000
  const components = Object.fromEntries(ids.map((id) => [id, { received_events_per_second: rate(),
    sent_events_per_second: rate(), errors_per_second: 0, discarded_per_second: 0, received_events_total: 1,
    sent_events_total: 1, errors_total: 0, discarded_total: 0, utilization: Math.random(),
    latency: { mean: Math.random() / 100, p95_at_most: 0.1 }, lag: null, wait: null, buffer: null,
    outputs: { _default: { events_per_second: rate(), events_total: 1 } } }]))
  return JSON.stringify({ topic: `rates:${pipeline}`, id: pipeline, window_seconds: 15, stale_seconds: null, components })
}
window.benchFeed = (pipeline, ids) => {
  const texts = Array.from({ length: 20 }, () => window.benchText(pipeline, ids))
  let count = 0
  return setInterval(() => {
    const data = `${texts[count++ % texts.length].slice(0, -1)},"at":"${new Date().toISOString()}"}`
    for (const each of window.benchStreams) if (each.readyState === 1) each.kinds.rates?.({ data })
  }, 100)
}
window.benchSmall = () => {
  const text = document.body.appendChild(document.createElement('div'))
  text.style.cssText = 'position: fixed; inset: 0 auto auto 0; width: 60px; height: 16px; contain: strict'
  let count = 0
  const timer = setInterval(() => { text.textContent = String(count++) }, 100)
  return () => { clearInterval(timer); text.remove() }
}
"""


def large(count: int) -> dict[str, Any]:
    """A pipeline of `count` components: chains of a source, five transforms and a sink."""
    components: list[dict[str, Any]] = []
    edges: list[dict[str, str]] = []
    layout: dict[str, dict[str, int]] = {}
    row = 0
    while len(components) + 7 <= count:
        chain = [f"in_{row}", *(f"step_{row}_{n}" for n in range(5)), f"out_{row}"]
        components.append(component(chain[0], "source", "demo_logs", format="json"))
        components += [component(each, "transform", "remap", source=". = .") for each in chain[1:-1]]
        components.append(component(chain[-1], "sink", "blackhole"))
        edges += [{"source": a, "port": "_default", "target": b} for a, b in itertools.pairwise(chain)]
        layout |= {each: {"x": 260 * n, "y": 110 * row} for n, each in enumerate(chain)}
        row += 1
    return {
        "format": 1,
        "components": components,
        "edges": edges,
        "layout": layout,
        "globals": {},
        "enrichment_tables": {},
        "tests": [],
        "variables": {},
    }


def frames(page: Page, during: Callable[[], None]) -> tuple[float, float]:
    """Frames a second while something goes on, and the longest gap between two in milliseconds."""
    page.evaluate(FRAMES)
    during()
    at: list[float] = page.evaluate(
        "() => { const found = window.benchFrames; window.benchFrames = []; return found }"
    )
    gaps = [b - a for a, b in itertools.pairwise(at)]
    return 1000 * len(gaps) / (at[-1] - at[0]), max(gaps)


def dropped(page: Page) -> tuple[int, int]:
    """Frames that the browser counts as dropped within five seconds, and all that it began; the page asks for each."""
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline.frame"])
    page.wait_for_timeout(SECONDS * 1000)
    states: dict[tuple[int, int], set[bool]] = {}
    for event in json.loads(browser.stop_tracing())["traceEvents"]:
        told = event.get("args", {}).get("frame_reporter")
        if event["name"] == "PipelineReporter" and told:
            lost = told["state"] == "STATE_DROPPED" and told["affects_smoothness"]
            states.setdefault((told["frame_source"], told["frame_sequence"]), set()).add(lost)
    return sum(True in each for each in states.values()), len(states)


@dataclass(frozen=True)
class Frames:
    """How a stretch of the page's life looked."""

    rate: float
    gap: float
    dropped: int
    begun: int


def watched(page: Page) -> Frames:
    """Five seconds of what goes on by itself, and five more for the browser's own count."""
    rate, gap = frames(page, lambda: page.wait_for_timeout(SECONDS * 1000))
    return Frames(rate, gap, *dropped(page))


def drag(page: Page) -> None:
    """Drag a component in circles for five seconds."""
    box = page.locator(".react-flow__node").nth(8).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(SECONDS * 60):
        page.mouse.move(x + 80 * ((step % 60) / 60), y + 60 * ((step % 40) / 40))
        page.wait_for_timeout(1000 / 60)
    page.mouse.up()


class Work:
    """Milliseconds that the page's main thread worked, by the browser's own count; waiting for a core is not in it."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def done(self) -> float:
        found = self._session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(each["value"] for each in found if each["name"] == "TaskDuration")


def keystrokes(page: Page) -> list[float]:
    """Milliseconds from a key in the YAML pane to the frame after it, sixty times."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.evaluate(
        """() => { window.benchKeys = []; document.querySelector('.cm-content').addEventListener('keydown', () => {
          const began = performance.now()
          requestAnimationFrame(() => { const channel = new MessageChannel()
            channel.port1.onmessage = () => window.benchKeys.push(performance.now() - began)
            channel.port2.postMessage(0) }) }, true) }"""
    )
    for letter in "# a note that is typed into the text while it is being read, on":
        page.keyboard.press(letter if letter != " " else "Space")
        page.wait_for_timeout(60)
    return list(page.evaluate("window.benchKeys"))


PARTS = ("opening", "frames", "live", "keys", "memory", "document", "answers")


def row(name: str, value: float, asked: str = "") -> None:
    """One line of the table: what was measured beside what is asked."""
    print(f"{name:<50}{value:>12.1f}{asked:>14}", flush=True)


def tell(name: str, seen: Frames, asked: str = "") -> None:
    """The lines on a stretch of frames."""
    row(f"frames a second, {name}", seen.rate)
    row("  longest gap, ms", seen.gap)
    row(f"  dropped, by the browser, of {seen.begun}", seen.dropped, asked)


@dataclass(frozen=True)
class Bench:
    """A page on the editor of a large pipeline."""

    page: Page
    pipeline: str
    ids: list[str]
    address: str

    def opening(self) -> None:
        found = web_parts.opening(self.page, self.address)
        row("opened until the first card stands, ms", found.drawn)
        row("opened until the page is free, ms", found.usable)
        row("  longest task, ms", found.longest, "<= 1000")

    def frames(self) -> None:
        tell("nothing happens", watched(self.page))
        self.page.evaluate("() => { window.benchDone = window.benchSmall() }")
        tell("one small text", watched(self.page))
        self.page.evaluate("window.benchDone()")
        rate, gap = frames(self.page, lambda: drag(self.page))
        row("frames a second while dragging", rate, ">= 50")
        row("  longest gap, ms", gap)

    def feed(self) -> None:
        self.page.evaluate(
            "([pipeline, ids]) => { window.benchTimer = window.benchFeed(pipeline, ids) }",
            [self.pipeline, self.ids],
        )
        self.page.wait_for_timeout(1000)

    def quiet(self) -> None:
        self.page.evaluate("clearInterval(window.benchTimer)")

    def live(self) -> None:
        work = Work(self.page)
        self.feed()
        picture = "document.querySelector('.live-layer')?.toDataURL()"
        before = self.page.evaluate(picture)
        began = work.done()
        self.page.wait_for_timeout(SECONDS * 1000)
        for_live = (work.done() - began) / (SECONDS * 10)
        if before is not None and self.page.evaluate(picture) == before:
            raise AssertionError("no live figure was drawn")
        tell("ten live updates a second", watched(self.page), "no drop")
        row("work for each live update, ms", for_live)
        self.quiet()

    def keys(self) -> None:
        work = Work(self.page)
        self.page.get_by_role("tab", name="YAML").click()
        self.page.locator(".cm-line").first.wait_for(timeout=30_000)
        self.page.wait_for_timeout(2000)
        began = work.done()
        keys = keystrokes(self.page)
        row("key to paint, median ms", statistics.median(keys))
        row("key to paint, 95 of 100 within, ms", sorted(keys)[int(len(keys) * 0.95)], "<= 50")
        row("work for each key, ms", (work.done() - began) / len(keys))

    def memory(self, minutes: float) -> None:
        self.feed()
        held, growth = web_parts.memory(self.page, minutes)
        self.quiet()
        row(f"objects after {minutes:g} min of live updates, MB", held)
        row("  growth in a minute, MB", growth, "none")

    def document(self) -> None:
        longest, said = web_parts.document(self.page)
        row("5 MB pasted as text, longest task, ms", longest, "<= 1000")
        print(f"  the page says: {said or 'nothing'}")

    def answers(self) -> None:
        found = web_parts.answers(self.page, f"{self.address}?component=step_0_0")
        row("key to results of ten events, median ms", statistics.median(found), "<= 300")
        row("  slowest of ten, ms", max(found))


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--components", type=int, default=300)
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=[each for each in PARTS if each != "memory"]
    )
    parser.add_argument("--minutes", type=float, default=5)
    chosen = parser.parse_args()
    program = installed()
    if program is None:
        print("no browser: run scripts/browser.py", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        stack = Stack(Path(directory))
        try:
            stack.start()
            document = large(chosen.components)
            made = create(stack.api(), "large", document)
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            page = browser.new_page(base_url=stack.demo["url"], viewport={"width": 1440, "height": 900})
            page.add_init_script(STREAM)
            page.add_init_script(web_parts.WATCH)
            sign_in(page, stack)
            address = f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{made}"
            bench = Bench(page, made, [each["id"] for each in document["components"]], address)
            print(f"{len(bench.ids)} components, a viewport of 1440 × 900, software rendering")
            print(f"{'what':<50}{'measured':>12}{'asked':>14}")
            for name in ("opening", *(each for each in PARTS if each in chosen.parts and each != "opening")):
                getattr(bench, name)(*([chosen.minutes] if name == "memory" else []))
            browser.close()
        finally:
            stack.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
