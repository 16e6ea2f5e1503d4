"""The editor by keyboard alone: two people's changes put together, and what holds for the whole pipeline."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.editing import address_of, chain, conditions, saved_elsewhere
from tests.e2e.journey import focus_by_tab, sign_in, violations
from tests.e2e.stack import Api, Stack


def is_saved(page: Page) -> None:
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible(timeout=30_000)


def test_both_sides_are_put_together_by_keyboard_alone(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz keys")
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?component=first")
    condition = page.get_by_role("textbox", name="Condition")
    expect(condition).to_be_visible(timeout=30_000)
    saved_elsewhere(api, made, first={"condition": ".theirs"}, second={"condition": ".theirs"})
    keys = page.keyboard
    focus_by_tab(page, lambda: condition)
    keys.press("Control+a")
    keys.insert_text(".mine")
    expect(page.get_by_role("status").filter(has_text="Not saved")).to_be_visible()

    # Leaving it goes back to where one wrote.
    keys.press("Control+s")
    dialog = page.get_by_role("dialog", name="Somebody else saved this pipeline")
    expect(dialog).to_be_visible(timeout=30_000)
    assert violations(page) == []
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    expect(condition).to_be_focused()

    # Tab goes round within the dialog, and reaches all of it.
    keys.press("Control+s")
    expect(dialog).to_be_visible(timeout=30_000)
    inside = "e => e.contains(document.activeElement)"
    reached = set()
    for _ in range(14):
        keys.press("Tab")
        assert dialog.evaluate(inside)
        reached.add(
            page.evaluate(
                "(document.activeElement.closest('label') ?? document.activeElement).textContent.trim()"
            )
        )
    assert {"Go on editing", "Take theirs", "Save mine over it", "Compare as text"} <= reached
    mine = dialog.get_by_role("radio", name="Mine")
    focus_by_tab(page, lambda: dialog.get_by_role("radio", name="Theirs"))
    keys.press("ArrowDown")
    expect(mine).to_be_checked()
    focus_by_tab(page, lambda: dialog.get_by_role("button", name="Put together and save"))
    keys.press("Enter")
    is_saved(page)
    assert conditions(api, made) == {"first": ".mine", "second": ".theirs"}
    expect(condition).to_be_focused()


def test_the_settings_are_written_by_keyboard_alone(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz keys of settings")
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?pane=outline")
    keys = page.keyboard
    tab = page.get_by_role("tab", name="List")
    expect(tab).to_be_visible(timeout=30_000)
    focus_by_tab(page, lambda: tab)
    keys.press("ArrowRight")
    settings = page.get_by_role("tab", name="Settings")
    expect(settings).to_be_focused()

    labels = page.get_by_label("Labels of its nodes")
    focus_by_tab(page, lambda: labels)
    keys.type("!absent")
    expect(page.get_by_text("Finds 1 node now")).to_be_visible(timeout=30_000)

    # A table, made from a menu that gives the focus back.
    add = page.get_by_role("button", name="Add table", exact=True)
    focus_by_tab(page, lambda: add)
    keys.press("Enter")
    expect(page.get_by_role("menuitem", name="CSV file")).to_be_focused()
    assert violations(page) == []
    keys.press("Enter")
    expect(add).to_be_focused()
    name = page.get_by_label("Name of the table")
    focus_by_tab(page, lambda: name, backwards=True)
    keys.press("Control+a")
    keys.type("teams")
    keys.press("Enter")
    expect(page.get_by_role("group", name="Table teams")).to_be_visible()
    path = page.get_by_role("group", name="Table teams").get_by_role("textbox", name="Path")
    focus_by_tab(page, lambda: path)
    keys.type("/etc/teams.csv")

    # Variables: one that stays, and one that goes and leaves the focus where the next is named.
    new = page.get_by_label("Name of a new variable")
    focus_by_tab(page, lambda: new)
    keys.type("limit")
    keys.press("Enter")
    keys.type("gone")
    keys.press("Enter")
    expect(new).to_be_focused()
    focus_by_tab(page, lambda: page.get_by_role("button", name="Remove variable gone"), backwards=True)
    keys.press("Enter")
    expect(page.get_by_role("group", name="Variable gone")).to_have_count(0)
    expect(new).to_be_focused()
    focus_by_tab(page, lambda: page.get_by_role("button", name=re.compile("Type of limit")), backwards=True)
    keys.press("Enter")
    expect(page.get_by_role("option", name="Text")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("Enter")
    focus_by_tab(page, lambda: page.get_by_label("Value of limit"))
    keys.press("Control+a")
    keys.type("12")

    focus_by_tab(page, lambda: page.locator('[data-option="globals.timezone"]').get_by_role("textbox"))
    keys.type("Europe/Berlin")
    assert violations(page) == []
    keys.press("Control+s")
    is_saved(page)
    kept = api.get(f"{api.base}/pipelines/{made}")["document"]
    assert kept["selector"] == "!absent"
    assert kept["globals"] == {"timezone": "Europe/Berlin"}
    assert kept["variables"] == {"limit": {"type": "number", "value": 12}}
    file = {"path": "/etc/teams.csv", "encoding": {"type": "csv"}}
    assert kept["enrichment_tables"] == {"teams": {"type": "file", "file": file}}

    # Undone from here, the table goes too, and the way out is the one that led in.
    focus_by_tab(page, lambda: page.get_by_role("button", name="Remove table teams"), backwards=True)
    keys.press("Enter")
    expect(add).to_be_focused()
    focus_by_tab(page, lambda: settings, backwards=True)
    keys.press("ArrowLeft")
    expect(page.get_by_role("tab", name="List")).to_be_focused()


def test_every_pane_is_in_sight_at_360_pixels(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz narrow")
    page.set_viewport_size({"width": 360, "height": 740})
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?component=first")
    tabs = page.get_by_role("tablist", name="Side pane").get_by_role("tab")
    expect(tabs).to_have_count(6, timeout=30_000)
    for each in tabs.all():
        box = each.bounding_box()
        assert box is not None
        assert box["x"] >= 0, each.inner_text()
        assert box["x"] + box["width"] <= 360, each.inner_text()
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_label("Labels of its nodes")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
