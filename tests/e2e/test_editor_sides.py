"""The editor when things get in the way: somebody else saves, and documents that are large or too large."""

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.editing import address_of, chain, conditions, save, saved_elsewhere
from tests.e2e.journey import sign_in, violations
from tests.e2e.pipelines import component, create, document
from tests.e2e.stack import Api, Stack, wait_until

KEPT_FAR = """() => new Promise((resolve, reject) => {
    const opening = indexedDB.open('vectorflow')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
        const database = opening.result
        const counting = database.objectStoreNames.length === 0
            ? null : database.transaction('unsaved').objectStore('unsaved').count()
        const done = value => { database.close(); resolve(value) }
        if (counting === null) done(0)
        else counting.onsuccess = () => done(counting.result)
    }
})"""


def test_two_people_save_and_both_sides_are_put_together(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz two")
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?component=first")
    condition = page.get_by_role("textbox", name="Condition")
    expect(condition).to_be_visible(timeout=30_000)
    saved_elsewhere(api, made, second={"condition": ".theirs"})

    def change(text: str) -> None:
        condition.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(text)
        expect(page.get_by_role("status").filter(has_text="Not saved")).to_be_visible()
        page.get_by_role("button", name="Save", exact=True).click()

    # Each changed another component: nothing has to be chosen.
    change(".mine")
    dialog = page.get_by_role("dialog", name="Somebody else saved this pipeline")
    expect(dialog.get_by_role("region", name="Only theirs")).to_contain_text("Component second changed")
    expect(dialog.get_by_role("region", name="Only mine")).to_contain_text("Component first changed")
    assert violations(page) == []
    dialog.get_by_role("button", name="Put together and save").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible(timeout=30_000)
    assert conditions(api, made) == {"first": ".mine", "second": ".theirs"}

    # Both changed the same one: somebody has to choose, and sees both.
    saved_elsewhere(api, made, first={"condition": ".theirs_too"}, second={"condition": ".theirs_again"})
    change(".mine_again")
    both = dialog.get_by_role("group", name="Component first")
    expect(both).to_contain_text("condition: .theirs_too")
    expect(both).to_contain_text("condition: .mine_again")
    together = dialog.get_by_role("button", name="Put together and save")
    expect(together).to_be_disabled()
    dialog.get_by_text("Compare as text").click()
    expect(dialog.locator(".cm-mergeView")).to_be_visible(timeout=30_000)
    assert violations(page) == []
    both.get_by_role("radio", name="Mine").check()
    together.click()
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible(timeout=30_000)
    assert conditions(api, made) == {"first": ".mine_again", "second": ".theirs_again"}

    # Taking theirs brings it into the editor, and undo brings mine back.
    saved_elsewhere(api, made, first={"condition": ".last"})
    change(".not_kept")
    dialog.get_by_role("button", name="Take theirs").click()
    expect(condition).to_contain_text(".last")
    page.get_by_role("button", name="Undo: Take theirs").click()
    expect(condition).to_contain_text(".not_kept")
    assert conditions(api, made)["first"] == ".last"


@pytest.mark.timeout(300)
def test_the_server_goes_and_answers_are_lost_while_one_edits(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz gone")
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?component=first")
    condition = page.get_by_role("textbox", name="Condition")
    expect(condition).to_be_visible(timeout=30_000)
    unreachable = page.get_by_text("The server cannot be reached")
    saved = page.get_by_role("status").filter(has_text=re.compile("^Saved$"))

    def change(text: str) -> None:
        condition.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(text)

    def lose(route: Route) -> None:
        """The server gets the save, and its answer never arrives."""
        if route.request.method == "PUT":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    # The page says so while it lasts, one goes on, and nothing has to be done once the server is back but to save.
    page.context.set_offline(True)
    change(".mine")
    note = page.get_by_text("No answer from the server. Changes are kept here.")
    expect(note).to_be_visible(timeout=30_000)
    page.keyboard.press("Control+s")
    expect(unreachable).to_be_visible(timeout=30_000)
    assert violations(page) == []
    assert stack.kill("servers") > 0
    page.context.set_offline(False)
    expect(note).to_have_count(0, timeout=90_000)
    save(page)
    assert conditions(api, made)["first"] == ".mine"

    # A save that came through without its answer is one's own: saving again asks nothing, and so does a reload.
    address = f"**/api/v1/**/pipelines/{made}"
    expect(unreachable).to_have_count(0, timeout=30_000)
    page.route(address, lose)
    change(".lost")
    page.keyboard.press("Control+s")
    expect(unreachable).to_be_visible(timeout=30_000)
    page.unroute(address)
    save(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(unreachable).to_have_count(0, timeout=30_000)
    page.route(address, lose)
    change(".lost_again")
    page.keyboard.press("Control+s")
    expect(unreachable).to_be_visible(timeout=30_000)
    page.unroute(address)
    page.reload()
    expect(condition).to_contain_text(".lost_again", timeout=30_000)
    expect(saved).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Your unsaved changes")).to_have_count(0)
    assert conditions(api, made)["first"] == ".lost_again"

    # A reload in the middle of a drag or of a dialog leaves nothing half done.
    card = page.locator(".react-flow__node-component")
    box = card.first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 160, steps=4)
    page.reload()
    page.mouse.up()
    expect(card).to_have_count(4, timeout=30_000)
    expect(saved).to_be_visible(timeout=30_000)
    card.first.focus()
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_be_visible(timeout=30_000)
    page.reload()
    expect(card).to_have_count(4, timeout=30_000)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(saved).to_be_visible(timeout=30_000)


def test_an_import_over_a_pipeline_sees_what_was_saved_meanwhile(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz import")
    sign_in(page, stack)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/import?into={made}")
    text = "sources:\n  in: {type: demo_logs, format: json}\nsinks:\n  out: {type: blackhole, inputs: [in]}\n"
    page.get_by_role("textbox").first.fill(text)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_text("What changes in zz import")).to_be_visible(timeout=30_000)
    saved_elsewhere(api, made, second={"condition": ".theirs"})
    replace = page.get_by_role("button", name="Replace the draft")
    replace.click()
    expect(page.get_by_role("alert")).to_contain_text("saved the pipeline while you looked at this")
    assert conditions(api, made)["second"] == ".theirs"
    assert violations(page) == []
    replace.click()
    expect(page).to_have_url(re.compile(f"pipelines/{made}"), timeout=30_000)
    assert conditions(api, made) == {}


def test_a_large_document_is_edited_and_a_too_large_one_refused(stack: Stack, api: Api, page: Page) -> None:
    comment = "# " + "x" * 18_500 + "\n"
    steps = [component(f"step_{n}", "transform", "remap", source=f"{comment}.n = {n}") for n in range(100)]
    components = [component("in", "source", "demo_logs", format="json"), *steps]
    content = document(components, [("in", "_default", "step_0")])
    assert 1_800_000 < len(json.dumps(content)) < 2_000_000
    made = create(api, "zz large", content)
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?component=step_3&pane=outline")
    expect(page.locator(".react-flow__node-component").first).to_be_visible(timeout=60_000)
    page.get_by_label("Name of the pipeline").fill("zz larger")
    page.get_by_label("Name of the pipeline").press("Tab")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible(timeout=60_000)
    assert api.get(f"{api.base}/pipelines/{made}")["name"] == "zz larger"

    # Five megabytes from the clipboard: a word, and nothing changes.
    page.evaluate(
        """text => {
            const data = new DataTransfer()
            data.setData('text/plain', text)
            document.querySelector('.react-flow').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))
        }""",
        "sources:\n  more:\n    type: demo_logs\n    format: json\n" + comment * 290,
    )
    expect(page.get_by_text(re.compile("large|at most", re.IGNORECASE)).first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible()

    # A draft that grows beyond what is kept says so when it is saved, and stays in the editor.
    page.goto(f"{address_of(stack, made)}?component=step_3")
    field = page.get_by_role("textbox", name="Note")
    expect(field).to_be_visible(timeout=60_000)
    field.fill("y" * 300_000)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("at most 2097152")).first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("status").filter(has_text="Not saved")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Undo")).click()
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible(timeout=30_000)

    # One beyond what a tab's session can hold is back after a reload, and gone once it is given up.
    field.fill("z" * 4_000_000)
    wait_until(lambda: page.evaluate(KEPT_FAR) == 1, seconds=60, what="the draft is in the database")
    page.reload()
    expect(page.get_by_text("Your unsaved changes from before the reload are back.")).to_be_visible(
        timeout=60_000
    )
    assert page.get_by_role("textbox", name="Note").evaluate("field => field.value.length") == 4_000_000
    page.get_by_role("button", name="Discard them").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("", timeout=30_000)
    wait_until(lambda: page.evaluate(KEPT_FAR) == 0, seconds=60, what="the draft is forgotten")
