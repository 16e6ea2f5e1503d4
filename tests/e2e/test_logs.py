"""Log lines over deaths of the gateway: numbered without a hole, what was dropped is told; and the page's filters."""

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.journey import sign_in
from tests.e2e.pipelines import component, create, deploy, document
from tests.e2e.stack import Api, Stack, wait_until

STEADY = 40
FLOOD = 900
KILLS = 2


def _engine_log(stack: Stack, pipeline: str) -> Path:
    """Where the pipeline's engine writes what it says."""
    return next(iter((stack.state / "agent").glob(f"*/{pipeline}/engines/*/engine.log")))


def _say(log: Path, *lines: str) -> None:
    """As the engine itself would: appended to its log, which it has open for appending."""
    with log.open("ab") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def _lines(api: Api, pipeline: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.get(f"{api.base}/logs?pipeline={pipeline}&limit=200{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.timeout(300)
def test_no_line_is_missing_without_a_word_and_the_page_finds_them(
    stack: Stack, api: Api, page: Page, tmp_path: Path
) -> None:
    (tmp_path / "in.log").touch()
    content = document(
        [
            component("lines", "source", "file", include=[str(tmp_path / "in.log")]),
            component("out", "sink", "blackhole"),
        ],
        [("lines", "_default", "out")],
    )
    pipeline = create(api, "telling", content)
    deploy(api, pipeline)
    log = _engine_log(stack, pipeline)

    def tell() -> None:
        for number in range(STEADY):
            _say(log, f"ERROR sink{{component_id=out}}: steady {number}.")
            time.sleep(0.25)

    telling = threading.Thread(target=tell)
    telling.start()
    killed = 0
    for _ in range(KILLS):
        time.sleep(4)
        killed += wait_until(lambda: stack.kill("servers"), seconds=60, what="a server runs")
    telling.join()
    assert killed >= KILLS
    # More than may be sent: some of it is not, and how many is told.
    _say(log, *(f"WARN source{{component_id=lines}}: flood {number}." for number in range(FLOOD)))

    def all_told() -> list[dict[str, Any]]:
        lines = _lines(api, pipeline)
        flood = [each for each in lines if "flood" in each["text"]]
        return lines if len(flood) + sum(each["dropped"] for each in lines) >= FLOOD else []

    lines = wait_until(all_told, seconds=150, what="every line, or how many were dropped, is told", pause=1)
    numbers = sorted(each["sequence"] for each in lines)
    assert numbers == list(range(numbers[0], numbers[0] + len(lines)))
    assert numbers[0] == 1
    steady = [each["text"] for each in lines if "steady" in each["text"]]
    assert sorted(steady) == sorted(f"sink{{component_id=out}}: steady {number}." for number in range(STEADY))
    flood = [each["text"] for each in lines if "flood" in each["text"]]
    assert len(flood) == len(set(flood))
    dropped = [each for each in lines if each["dropped"]]
    assert sum(each["dropped"] for each in dropped) == FLOOD - len(flood) > 0
    assert all("lines a second" in each["text"] for each in dropped)

    _filter(stack, page, pipeline)


def _filter(stack: Stack, page: Page, pipeline: str) -> None:
    sign_in(page, stack)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/logs?pipeline={pipeline}")
    filters = page.get_by_role("search", name="Filter the lines")
    expect(page.get_by_text("flood").first).to_be_visible(timeout=30_000)
    filters.get_by_role("button", name="Level").click()
    page.get_by_role("option", name=re.compile("^Error")).click()
    expect(page.get_by_text("steady").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("flood")).to_have_count(0, timeout=30_000)
    filters.get_by_label("Search the text").fill("STEADY 7.")
    expect(page.get_by_text("steady 7.")).to_have_count(1, timeout=30_000)
    expect(page.get_by_text("steady 8.")).to_have_count(0, timeout=30_000)
    assert "level=error" in page.url
    # A view can be sent to somebody: the address alone brings it back.
    page.goto(page.url)
    expect(page.get_by_text("steady 7.")).to_have_count(1, timeout=30_000)
    filters.get_by_role("button", name="Clear", exact=True).last.click()
    filters.get_by_label("Component").fill("lines")
    expect(page.get_by_text("flood").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("steady")).to_have_count(0, timeout=30_000)
    filters.get_by_label("Component").fill("nobody")
    expect(page.get_by_role("heading", name="No line matches")).to_be_visible(timeout=30_000)
