"""The application around the editor: several tabs with one event stream, and a list that is kept in order."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.e2e.journey import focus_by_tab, sign_in, violations, yaml_text
from tests.e2e.pipelines import component, create, deploy, document
from tests.e2e.stack import Api, Stack, wait_until

PATIENCE = 30_000


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

    wait_until(one_stream, seconds=60, what="three tabs have one stream")
    asked = {request.url for request in streams.open}
    assert all(re.search(f"rates%3A{pipeline}", url) for url in asked)
    first.close()
    wait_until(one_stream, seconds=60, what="another tab leads")
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


def choose(page: Page, name: str) -> None:
    """Press a checkbox where a person would, on what is drawn for it."""
    page.locator("label", has=page.get_by_role("checkbox", name=name)).click()


def test_pipelines_are_filed_found_and_deleted_together(stack: Stack, api: Api, page: Page) -> None:
    for name in ("zeta one", "zeta two", "zeta three"):
        api.post(f"{api.base}/pipelines", {"name": name})
    sign_in(page, stack)
    for name in ("zeta one", "zeta two"):
        choose(page, f"Choose {name}")
    expect(page.get_by_text("2 pipelines chosen")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Folder and tags…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Folder").fill("edge/eu")
    dialog.get_by_label("Tags").fill("prod, team a")
    assert violations(page) == []
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell").get_by_text("edge/eu", exact=True).first).to_be_visible(timeout=60_000)

    # Filter by folder and tag, save it, and find it again after a reload of another view.
    page.get_by_role("button", name=re.compile("^(All folders )?Folder")).click()
    page.get_by_role("option", name=re.compile("^edge.eu")).click()
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_role("button", name=re.compile("^(Add a tag )?Tag")).click()
    page.get_by_role("option", name=re.compile("^prod")).click()
    expect(page).to_have_url(re.compile("folder=.*tags=prod"))
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("menuitem", name="Save this filter…").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Europe")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Europe")).to_be_visible()
    # It shows before the server has it; the form leaves the address once it has.
    expect(page).not_to_have_url(re.compile("dialog="), timeout=60_000)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("menuitem", name="Europe").click()
    expect(page.get_by_role("row")).to_have_count(3)
    assert violations(page) == []

    choose(page, "Choose all")
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No pipeline matches")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_role("link", name="zeta three")).to_be_visible()
    assert [each["name"] for each in api.get(f"{api.base}/pipelines?q=zeta")["items"]] == ["zeta three"]


def test_nothing_typed_is_lost_by_a_reload_or_an_ended_session(stack: Stack, api: Api, page: Page) -> None:
    made = create(
        api,
        "zz draft",
        document(
            [component("in", "source", "demo_logs", format="json"), component("out", "sink", "blackhole")],
            [("in", "_default", "out")],
        ),
    )
    sign_in(page, stack)
    address = f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{made}"
    page.goto(f"{address}?pane=yaml")
    expect(page.locator(".cm-line", has_text="type: blackhole")).to_be_visible(timeout=30_000)

    # A text that cannot be read yet is still there after a reload.
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nnonsense: [")
    expect(page.get_by_text("This cannot be read yet")).to_be_visible(timeout=30_000)
    page.reload()
    expect(page.get_by_text("This cannot be read yet")).to_be_visible(timeout=30_000)
    assert "nonsense: [" in yaml_text(page)
    page.get_by_role("button", name="Show the graph’s text").click()
    expect(page.locator(".cm-line", has_text="nonsense")).to_have_count(0)

    # The session ends while the name is being changed; signing in again brings the change back.
    page.get_by_label("Name of the pipeline").fill("zz renamed")
    page.get_by_label("Name of the pipeline").blur()
    page.context.clear_cookies()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Password")).to_be_visible(timeout=30_000)
    page.get_by_label("E-mail address").fill(stack.demo["email"])
    page.get_by_label("Password").fill(stack.demo["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Your unsaved changes from before the reload are back.")).to_be_visible(
        timeout=30_000
    )
    assert page.url.partition("?")[0].endswith(address)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible(timeout=30_000)
    assert api.get(f"{api.base}/pipelines/{made}")["name"] == "zz renamed"


COUNT_POINTERS = """() => {
    for (const type of ['pointerdown', 'mousedown', 'wheel', 'touchstart'])
        addEventListener(type, () => sessionStorage.setItem('pointers', 'used'), true)
}"""


@pytest.mark.timeout(300)
def test_the_main_journey_by_keyboard_alone(stack: Stack, api: Api, page: Page) -> None:
    """From the sign-in to a filter that is deployed, seen at work and rolled back; no pointer is used."""
    made = create(
        api,
        "zz keyboard",
        document(
            [
                component("in", "source", "demo_logs", format="json", interval=0.2),
                component("out", "sink", "blackhole"),
            ],
            [("in", "_default", "out")],
        ),
    )
    deploy(api, made)
    page.add_init_script(f"({COUNT_POINTERS})()")
    keys = page.keyboard
    node = page.locator(".react-flow__node")

    def command(words: str, option: str) -> None:
        keys.press("Control+k")
        page.get_by_role("dialog").wait_for()
        keys.type(words)
        expect(page.get_by_role("option", name=re.compile(option)).first).to_be_visible(timeout=PATIENCE)
        keys.press("Enter")

    page.goto("/")
    expect(page.get_by_label("E-mail address")).to_be_focused(timeout=PATIENCE)
    keys.type(stack.demo["email"])
    keys.press("Tab")
    keys.type(stack.demo["password"])
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Pipelines")).to_be_visible(timeout=PATIENCE)
    command("zz keyboard", "zz keyboard")
    expect(node).to_have_count(2, timeout=PATIENCE)
    assert made in page.url

    # Onto the canvas; what is added has the focus, and one key leads into its options.
    keys.press("ArrowDown")
    expect(node.and_(page.locator('[data-id="in"]'))).to_be_focused(timeout=PATIENCE)
    assert node.first.evaluate("e => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keys.press("Enter")
    expect(page).to_have_url(re.compile("component=in"), timeout=PATIENCE)
    keys.press("a")
    page.get_by_role("dialog").get_by_placeholder("Type a name").wait_for()
    keys.type("filter")
    expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(node).to_have_count(3, timeout=PATIENCE)
    added = node.and_(page.locator('[data-id="filter"]'))
    expect(added).to_be_focused(timeout=PATIENCE)
    keys.press("Enter")
    condition = page.get_by_role("textbox", name=re.compile("ondition"))
    expect(condition).to_be_focused(timeout=PATIENCE)

    # Passing the condition does not catch anybody; what is typed there stays, and Escape leads back.
    keys.press("Tab")
    expect(condition).not_to_be_focused()
    keys.press("Shift+Tab")
    expect(condition).to_be_focused(timeout=PATIENCE)
    keys.insert_text("exists(.message)")

    def escaped() -> bool:
        # Once for suggestions where there are any.
        keys.press("Escape")
        return bool(added.evaluate("e => e === document.activeElement"))

    wait_until(escaped, seconds=30, what="Escape leads back onto the canvas")
    keys.press("c")
    expect(page.get_by_role("option", name="out")).to_be_focused(timeout=PATIENCE)
    keys.press("Enter")
    expect(page.locator('.react-flow__edge[data-id="filter._default>out"]')).to_have_count(
        1, timeout=PATIENCE
    )
    expect(added).to_be_focused(timeout=PATIENCE)
    keys.press("Control+s")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible(timeout=PATIENCE)
    kept = api.get(f"{api.base}/pipelines/{made}")["document"]
    found = [each for each in kept["components"] if each["type"] == "filter"]
    assert [each["options"]["condition"] for each in found] == ["exists(.message)"]
    assert {"source": "in", "port": "_default", "target": found[0]["id"]} in kept["edges"]

    # Deployed in stages, watched until the node says so, and seen at work.
    command("deploy", "Deploy")
    batch = page.get_by_label("Nodes in the first batch")
    expect(batch).to_be_visible(timeout=PATIENCE)
    focus_by_tab(page, lambda: batch)
    keys.type("1")
    focus_by_tab(page, lambda: page.get_by_role("button", name="Deploy to 1 node"))
    keys.press("Enter")
    expect(page.get_by_text("runs revision 2")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Done", exact=True).first).to_be_visible(timeout=60_000)
    focus_by_tab(page, lambda: page.get_by_role("link", name="zz keyboard"))
    keys.press("Enter")
    rate = page.locator('[data-edge-rate^="filter._default"]')
    expect(rate).to_have_text(re.compile("[1-9]"), timeout=60_000)

    # And back to what ran before.
    focus_by_tab(page, lambda: page.get_by_role("main").get_by_role("link", name="Rollouts"))
    keys.press("Enter")
    newest = page.get_by_role("table").get_by_role("link").first
    expect(newest).to_be_visible(timeout=PATIENCE)
    focus_by_tab(page, lambda: newest)
    keys.press("Enter")
    back = page.get_by_role("button", name="Roll back to revision 1")
    expect(back).to_be_visible(timeout=PATIENCE)
    focus_by_tab(page, lambda: back)
    keys.press("Enter")
    expect(page.get_by_text("runs revision 1")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Done", exact=True).first).to_be_visible(timeout=60_000)
    assert page.evaluate("sessionStorage.getItem('pointers')") is None
