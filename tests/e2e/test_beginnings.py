"""Beginning in a browser: a first pipeline, a template, somebody's configuration; and tests that show what was made."""

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.e2e.journey import sign_in
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Api, Stack, wait_until

PATIENCE = 60_000
CONFIGURATION = """\
sources:
  in: {type: http_server, address: "127.0.0.1:0"}
  apart: {type: stdin}
sinks:
  out:
    type: http
    inputs: [in]
    uri: https://collector.example.com
    encoding: {codec: json}
    auth: {strategy: basic, user: ann, password: hunter2-in-plain-text}
  nowhere: {type: blackhole, inputs: [apart]}
"""


def _open(page: Page, stack: Stack, path: str) -> None:
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/{path}")


def _pipeline(api: Api, name: str) -> dict:
    listed = api.get(f"{api.base}/pipelines?q={name}")["items"]
    (found,) = [each for each in listed if each["name"] == name]
    return api.get(f"{api.base}/pipelines/{found['id']}")


class Newcomer:
    """Somebody who does it for the first time: every action and every typed field is counted, and takes a person's time."""

    SECONDS_TO_ACT = 5.0
    """To read what is new on the screen, find what to press, and press it."""
    SECONDS_TO_TYPE = 10.0
    """To go to a field and to type an address of some 25 characters, at three characters a second."""

    def __init__(self) -> None:
        self.actions = self.fields = 0
        self._began = time.monotonic()

    def press(self, target: Locator) -> None:
        self.actions += 1
        target.first.click(timeout=PATIENCE)

    def fill(self, target: Locator, text: str) -> None:
        self.fields += 1
        target.fill(text, timeout=PATIENCE)

    def seconds(self) -> float:
        """What it took: the product's own time, and the person's beside it."""
        person = self.actions * self.SECONDS_TO_ACT + self.fields * self.SECONDS_TO_TYPE
        return time.monotonic() - self._began + person


def test_from_sign_in_to_an_event_in_a_sink_of_ones_own(
    stack: Stack, page: Page, record_property: Callable[[str, object], None]
) -> None:
    """The way to a first deployed pipeline takes less than three minutes, and ends where this test chose."""
    with Receiver() as receiver:
        newcomer = Newcomer()
        page.goto("/")
        newcomer.fill(page.get_by_label("E-mail address"), stack.demo["email"])
        newcomer.fill(page.get_by_label("Password"), stack.demo["password"])
        newcomer.press(page.get_by_role("button", name="Sign in"))
        newcomer.press(page.get_by_role("button", name="New pipeline"))
        newcomer.fill(page.get_by_role("dialog").get_by_label("Name"), "First")
        newcomer.press(page.get_by_role("button", name="Create", exact=True))
        newcomer.press(page.locator('[data-palette="source/demo_logs"]'))
        # It is selected, and nothing reads it yet: the way to go on is in sight without pointing at anything.
        newcomer.press(page.get_by_role("button", name="Add after demo_logs, output output"))
        newcomer.fill(page.get_by_role("dialog").get_by_placeholder("Type a name"), "http")
        newcomer.press(page.get_by_role("option"))
        newcomer.fill(page.locator('[data-option="uri"] input'), receiver.url)
        newcomer.press(page.get_by_role("button", name="Save and deploy…"))
        newcomer.press(page.get_by_role("button", name="Deploy to 1 node"))
        wait_until(lambda: receiver.events, seconds=120, what="an event arrived where the pipeline sends it")
        took = newcomer.seconds()
    words = f"{took:.0f} s with {newcomer.actions} actions and {newcomer.fields} typed fields"
    record_property("figure", f"from sign-in to an event in a sink of one's own: {words}")
    assert took < 180, words
    assert newcomer.actions <= 8, words
    assert newcomer.fields <= 5, words
    assert {"message", "host"} <= receiver.events[0].keys()


def test_a_template_becomes_a_pipeline_whose_tests_pass(stack: Stack, api: Api, page: Page) -> None:
    sign_in(page, stack)
    _open(page, stack, "templates")
    page.get_by_role("searchbox", name="Search templates").fill("card luhn")
    page.get_by_role("link", name="Mask payment card numbers").click()
    expect(page.get_by_role("img", name="receive to protect")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Create pipeline")).to_be_disabled()
    page.get_by_label("Where events go").fill("https://collector.example.com/clean")
    page.get_by_label("Name of the pipeline").fill("Cards")
    page.get_by_role("button", name="Create pipeline").click()
    page.get_by_role("tab", name="Tests").click(timeout=PATIENCE)
    page.get_by_role("button", name="Run tests").click()
    expect(page.get_by_text("All 3 tests passed.")).to_be_visible(timeout=PATIENCE)
    made = _pipeline(api, "Cards")["document"]
    assert made["variables"]["uri"]["value"] == "https://collector.example.com/clean"

    page.get_by_role("button", name="a card number is masked").click()
    condition = page.get_by_role("textbox", name="Condition 1")
    condition.click()
    page.keyboard.press("Control+a")
    page.keyboard.type('.message == "other"')
    page.get_by_role("button", name="Run tests").click()
    expect(page.get_by_text("1 of 3 failed.")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("the condition is false")).to_be_visible()


def test_a_configuration_comes_in_without_its_password(stack: Stack, api: Api, page: Page) -> None:
    sign_in(page, stack)
    _open(page, stack, "import")
    page.get_by_role("textbox", name="Configuration text").fill("sources: [")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_text("line 1").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Start over").click()
    page.get_by_role("textbox", name="Configuration text").fill(CONFIGURATION)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_role("img", name="in to out")).to_be_visible(timeout=PATIENCE)
    names = page.get_by_label("Name, 2 components")
    expect(names).to_have_count(2)
    names.first.fill("Brought in")
    page.get_by_role("switch", name="Import apart").press("Space")
    expect(page.get_by_text("out.auth.password", exact=True)).to_be_visible()
    page.get_by_label("Secret", exact=True).fill("collector-password")
    page.get_by_role("button", name="Create 1 pipeline").click()
    expect(page.get_by_label("Name of the pipeline")).to_have_value("Brought in", timeout=PATIENCE)
    made = _pipeline(api, "Brought in")["document"]
    (sink,) = [each for each in made["components"] if each["id"] == "out"]
    assert sink["options"]["auth"]["password"] == "SECRET[collector-password]"
    assert "hunter2" not in str(made)
    secrets = api.get(f"{api.base}/secrets?limit=200")["items"]
    assert "collector-password" in {each["name"] for each in secrets}


def test_a_snippet_goes_where_the_cursor_stands(stack: Stack, page: Page) -> None:
    sign_in(page, stack)
    _open(page, stack, "pipelines")
    page.get_by_role("button", name="New pipeline").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Snippets")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("An empty pipeline")).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("a")
    page.get_by_role("dialog").get_by_placeholder("Type a name").fill("remap")
    page.get_by_role("option").first.click()
    program = page.get_by_role("textbox", name="Program")
    program.click()
    page.keyboard.type(".first = 1")
    page.get_by_role("button", name="Snippets…").click()
    page.get_by_role("searchbox", name="Search snippets").fill("rename field")
    page.get_by_role("button", name="Insert Rename a field").click()
    expect(program).to_contain_text("if exists(.msg)", timeout=PATIENCE)
    expect(program).to_contain_text(".first = 1")
