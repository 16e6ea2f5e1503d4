"""Parts of ``bench/web.py`` that stand alone: opening, a document of five megabytes, memory over time, answers of VRL."""

import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

MEGABYTES = 5
EVENTS = 10
SAMPLE_SECONDS = 10
# What the page does from its start on: when the first card stood, and each task that held it for longer than 50 ms.
WATCH = """
window.benchTasks = []
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) window.benchTasks.push([each.startTime, each.duration])
}).observe({ type: 'longtask', buffered: true })
window.benchDrawn = null
const look = () => {
  if (document.querySelector('.react-flow__node') !== null) window.benchDrawn = performance.now()
  else requestAnimationFrame(look)
}
requestAnimationFrame(look)
"""
# From each key to the moment at which the results are those of what was typed.
ANSWERS = """() => {
  window.benchAnswers = []
  const results = document.querySelector('section[aria-label="Results"]')
  let began = null
  document.addEventListener('keydown', () => { began = performance.now() }, true)
  new MutationObserver(() => {
    if (results.getAttribute('aria-busy') === 'false' && began !== null) {
      window.benchAnswers.push(performance.now() - began)
      began = null
    }
  }).observe(results, { attributes: true, attributeFilter: ['aria-busy'] })
}"""
PASTE = """(text) => {
  const data = new DataTransfer()
  data.setData('text/plain', text)
  const at = document.querySelector('.cm-content')
  at.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
}"""


@dataclass(frozen=True)
class Opening:
    """Milliseconds from the request until the first card stood, until the page was free, and its longest task."""

    drawn: float
    usable: float
    longest: float


def opening(page: Page, address: str) -> Opening:
    """Open a pipeline in a page that has been open before, as a browser that knows the code does."""
    page.goto(address)
    page.locator(".react-flow__node").first.wait_for(timeout=60_000)
    page.wait_for_timeout(4000)
    drawn: float = page.evaluate("window.benchDrawn")
    tasks: list[tuple[float, float]] = page.evaluate("window.benchTasks")
    usable = max([drawn, *(at + length for at, length in tasks)])
    return Opening(drawn, usable, max([0.0, *(length for _, length in tasks)]))


@contextmanager
def longest_task(page: Page) -> Iterator[list[float]]:
    """Collect, of what goes on inside, the milliseconds for which the page was held longest."""
    page.evaluate("window.benchTasks.length = 0")
    found: list[float] = []
    yield found
    found.append(max([0.0, *(length for _, length in page.evaluate("window.benchTasks"))]))


def large_text() -> str:
    """A configuration of five megabytes: fifty sources with a long comment and long paths."""
    block = "".join(f"  # {'a note on where this comes from ' * 30}\n" for _ in range(100))
    parts = ["sources:\n"]
    while sum(map(len, parts)) < MEGABYTES * 1_000_000:
        parts.append(f"{block}  big_{len(parts)}:\n    type: demo_logs\n    format: json\n")
    return "".join(parts)


def document(page: Page) -> tuple[float, str]:
    """Paste five megabytes over the text: the longest freeze in milliseconds, and what the page says of it."""
    page.get_by_role("tab", name="YAML").click()
    page.locator(".cm-line").first.wait_for(timeout=30_000)
    page.wait_for_timeout(2000)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    text = large_text()
    with longest_task(page) as longest:
        page.evaluate(PASTE, text)
        page.wait_for_timeout(8000)
    said = page.get_by_role("alert").or_(page.get_by_role("status")).all_inner_texts()
    return longest[0], " / ".join(each.strip() for each in said if each.strip())[:160]


def memory(page: Page, minutes: float) -> tuple[float, float]:
    """Megabytes of the page's objects after collection at the end, and how many more they become in a minute."""
    session: Any = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    samples: list[float] = []
    # The first is left out: what is made once is no growth.
    for _ in range(max(4, round(minutes * 60 / SAMPLE_SECONDS)) + 1):
        page.wait_for_timeout(SAMPLE_SECONDS * 1000)
        session.send("HeapProfiler.collectGarbage")
        samples.append(session.send("Runtime.getHeapUsage")["usedSize"] / 1e6)
    kept = samples[1:]
    at = [n * SAMPLE_SECONDS / 60 for n in range(len(kept))]
    return kept[-1], statistics.linear_regression(at, kept).slope


def answers(page: Page, address: str) -> list[float]:
    """Milliseconds from a key in a program to the results of ten events, ten times; the pause after the last key is in them."""
    page.goto(address)
    page.get_by_role("button", name="Try on events").click()
    editors = page.get_by_role("dialog").locator(".cm-content")
    editors.nth(1).click()
    page.keyboard.press("Control+A")
    lines = "\n".join(json.dumps({"message": f"GET /{n}", "status": 200 + n}) for n in range(EVENTS))
    page.keyboard.insert_text(lines)
    results = page.get_by_role("region", name="Results")
    expect(results.get_by_text("Passed on")).to_have_count(EVENTS, timeout=30_000)
    page.evaluate(ANSWERS)
    editors.nth(0).click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(".seen = 1")
    for n in range(10):
        count = page.evaluate("window.benchAnswers.length")
        page.keyboard.press(str(n))
        page.wait_for_function("(n) => window.benchAnswers.length > n", arg=count, timeout=30_000)
        page.wait_for_timeout(300)
    return list(page.evaluate("window.benchAnswers"))
