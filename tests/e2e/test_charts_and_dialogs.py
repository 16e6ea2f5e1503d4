"""Charts of what really runs, and the dialogs: drawn, zoomed by mouse and keys, kept in the address, and clean for axe."""

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.journey import sign_in, violations
from tests.e2e.stack import Api, Stack, wait_until

PAINTED = """(canvas) => {
  const { width, height } = canvas
  const data = canvas.getContext('2d').getImageData(0, 0, width, height).data
  const seen = new Set()
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 200) seen.add((data[i] >> 4) * 256 + (data[i + 1] >> 4) * 16 + (data[i + 2] >> 4))
  return [...seen].filter((each) => {
    const [r, g, b] = [each >> 8, (each >> 4) & 15, each & 15]
    return Math.max(r, g, b) - Math.min(r, g, b) >= 4
  }).length
}"""
"""How many colours that are no grey a canvas shows: grid and words are grey, lines are not."""


def _part(page: Page) -> tuple[int, int] | None:
    """The part of time that the address names, in milliseconds."""
    # Asked of the page itself: what the driver knows of its address stands still while a test only waits.
    asked = parse_qs(str(page.evaluate("location.search.slice(1)")))
    return (int(asked["from"][0]), int(asked["to"][0])) if "from" in asked else None


def _drawn(figure: Locator) -> None:
    canvas = figure.locator("canvas").first
    expect(canvas).to_be_visible(timeout=30_000)
    wait_until(lambda: canvas.evaluate(PAINTED) > 0, seconds=30, what="a line is drawn")


def _drag(page: Page, figure: Locator, begin: float, end: float) -> None:
    canvas = figure.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * begin, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=4)
    page.mouse.up()


def _table_agrees(figure: Locator) -> None:
    """The table beside the chart holds values of the time that is shown."""
    figure.get_by_role("button", name="As a table").click()
    expect(figure.get_by_role("row").nth(1)).to_be_visible()
    figure.get_by_role("button", name="As a chart").click()
    _drawn(figure)


def test_metrics_of_a_pipeline_are_drawn_and_zoomed(stack: Stack, api: Api, page: Page) -> None:
    pipeline = api.get(f"{api.base}/pipelines")["items"][0]["id"]
    series = f"{api.base}/pipelines/{pipeline}/series?metric=received&minutes=15"
    wait_until(lambda: len(api.get(series)["points"]) > 1, seconds=90, what="something was measured", pause=1)
    sign_in(page, stack)
    address = f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{pipeline}/metrics"
    page.goto(f"{address}?range=15m")
    events = page.get_by_role("figure", name="Events", exact=True)
    _drawn(events)
    _table_agrees(events)
    assert violations(page) == []
    page.reload()
    expect(page.get_by_role("button", name=re.compile("^(15 min )?Time range"))).to_have_text(
        re.compile("15 min")
    )

    # By mouse: a part, which the address keeps, and the whole again.
    _drawn(events)
    _drag(page, events, 0.3, 0.9)
    expect(page).to_have_url(re.compile("from=.*to="))
    dragged = _part(page)
    assert dragged is not None
    assert 4 * 60_000 < dragged[1] - dragged[0] < 15 * 60_000
    page.reload()
    expect(page.get_by_role("button", name="Whole range")).to_be_visible(timeout=30_000)
    assert _part(page) == dragged
    assert violations(page) == []
    page.get_by_role("button", name="Whole range").click()
    expect(page).not_to_have_url(re.compile("from="))

    # By keys alone: closer, and what lies before and after.
    page.get_by_role("button", name="Zoom in").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("from=.*to="))
    near = _part(page)
    page.get_by_role("button", name="Earlier").focus()
    page.keyboard.press("Enter")
    wait_until(lambda: _part(page) != near, seconds=60, what="an earlier part is shown")
    earlier = _part(page)
    assert near is not None
    assert earlier is not None
    assert earlier[0] < near[0]
    page.get_by_role("button", name="Zoom out").focus()
    page.keyboard.press("Enter")
    wait_until(lambda: _part(page) != earlier, seconds=60, what="more is shown")


def test_the_machine_over_time_is_drawn_with_its_gaps(stack: Stack, api: Api, page: Page) -> None:
    node = api.get(f"{api.base}/nodes")["items"][0]["id"]
    series = f"{api.base}/nodes/{node}/host-series?minutes=15"
    wait_until(lambda: len(api.get(series)["points"]) > 1, seconds=90, what="something was measured", pause=1)
    sign_in(page, stack)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/nodes/{node}?range=15m")
    for name in ("Processor", "Memory", "Disk of the agent"):
        _drawn(page.get_by_role("figure", name=name))
    processor = page.get_by_role("figure", name="Processor")
    processor.get_by_role("button", name="As a table").click()
    # No row stands for a time in which nothing was measured: the agent is minutes old, the range is not.
    answer = api.get(series)
    rows = processor.get_by_role("row").count() - 1
    assert 1 <= rows <= len(answer["points"]) + 1
    first = datetime.fromisoformat(answer["points"][0]["at"])
    assert (datetime.now(first.tzinfo) - first).total_seconds() < 15 * 60
    page.reload()
    expect(page).to_have_url(re.compile("range=15m"))
    assert violations(page) == []


DIALOGS: tuple[tuple[str, str, str | None], ...] = (
    ("secrets", "New secret", None),
    ("secrets", "Rules…", None),
    ("secrets", "Set value…", None),
    ("secrets?tab=variables", "New variable", None),
    ("secrets?tab=certificates", "Upload certificate", None),
    ("enrolment", "New token", None),
    ("alerts", "New rule", None),
    ("alerts", "New channel", None),
    ("encryption", "Bring a key…", None),
    ("audit", "Export", None),
    ("groups", "New group", None),
    ("rules", "New rule", None),
    ("pipelines", "New pipeline", None),
    ("pipelines", "Actions for Access log", "Save as template…"),
    ("pipelines", "Actions for Access log", "Folder and tags…"),
    ("nodes/{node}", "Actions", "Begin maintenance…"),
    ("nodes/{node}", "Tap", None),
)
"""Where a dialog is opened: the page, its button, and the entry of the button's menu."""


@pytest.fixture
def narrow(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A signed-in window of 390 pixels in the dark theme, the one with the smaller contrasts."""
    context = browser.new_context(
        base_url=stack.demo["url"], viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    sign_in(page, stack)
    yield page
    context.close()


@pytest.mark.timeout(240)
def test_dialogs_fit_and_are_clean(stack: Stack, api: Api, narrow: Page) -> None:
    base = f"/{stack.demo['organization']}/{stack.demo['environment']}"
    node = api.get(f"{api.base}/nodes")["items"][0]["id"]
    wrong: list[str] = []

    def judge(name: str) -> None:
        dialog = narrow.get_by_role("dialog")
        expect(dialog).to_be_visible()
        wrong.extend(f"{name}: {each}" for each in violations(narrow))
        for control in dialog.get_by_role("button").all():
            box = control.bounding_box()
            if box is not None and (box["x"] < 0 or box["x"] + box["width"] > 390):
                wrong.append(f"{name}: {control.inner_text()} is off screen")

    for path, name, entry in DIALOGS:
        narrow.goto(f"{base}/{path.format(node=node)}")
        narrow.get_by_role("button", name=name, exact=True).first.click()
        if entry is not None:
            narrow.get_by_role("menuitem", name=entry).click()
        judge(f"{path}, {entry or name}")
        # Whoever gets the link sees the same; Back closes what a press opened.
        if "dialog=" not in narrow.url:
            wrong.append(f"{path}, {entry or name} is not in the address")
        narrow.reload()
        expect(narrow.get_by_role("dialog")).to_be_visible()
        narrow.go_back()
        expect(narrow.get_by_role("dialog")).to_have_count(0)
    narrow.goto(f"{base}/nodes")
    expect(narrow.locator("h1")).to_have_count(1)
    for key, name in (("Control+k", "commands"), ("?", "shortcuts")):
        narrow.keyboard.press(key)
        judge(name)
        narrow.keyboard.press("Escape")
        expect(narrow.get_by_role("dialog")).to_have_count(0)
    assert wrong == []
