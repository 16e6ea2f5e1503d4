"""What the editor does beside the main journey: groups, taps from an output, settings of the whole pipeline."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.editing import address_of, chain, save
from tests.e2e.journey import sign_in, violations
from tests.e2e.pipelines import component, create, document
from tests.e2e.stack import Api, Stack, wait_until


def test_components_are_grouped_folded_moved_and_kept(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz groups")
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?pane=outline")
    card = page.locator(".react-flow__node-component")
    expect(card).to_have_count(4, timeout=30_000)
    page.locator('[data-id="first"]').click()
    page.locator('[data-id="second"]').click(modifiers=["Control"])
    page.keyboard.press("g")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Group 2 components")
    dialog.get_by_label("Name").fill("Clean up")
    page.keyboard.press("Enter")
    frame = page.get_by_role("region", name="Group Clean up")
    expect(frame).to_be_visible()
    assert violations(page) == []

    # The name carries its components along, in one step to undo.
    def places() -> dict[str, float]:
        save(page)
        layout = api.get(f"{api.base}/pipelines/{made}")["document"]["layout"]
        return {name: place["y"] for name, place in layout.items()}

    frame.get_by_text("Clean up").hover()
    page.mouse.down()
    box = frame.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 80, box["y"] + 90, steps=8)
    page.mouse.up()
    moved = places()
    assert moved["first"] == moved["second"] > 0 == moved["in"] == moved["out"]
    page.get_by_role("button", name="Undo: Move").click()
    assert places()["first"] == 0

    # Folded, one card stands for both, with the connections that lead in and out.
    fold = page.get_by_role("button", name="Components of Clean up")
    fold.press("Enter")
    expect(card).to_have_count(2)
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(page.locator(".react-flow__edge")).to_have_count(2)
    assert violations(page) == []
    save(page)
    kept = {"Clean up": {"members": ["first", "second"], "collapsed": True}}
    assert api.get(f"{api.base}/pipelines/{made}")["document"]["groups"] == kept
    page.reload()
    expect(page.get_by_role("region", name="Group Clean up")).to_contain_text("2 components", timeout=30_000)

    # The YAML knows nothing of groups, and an edit of it leaves them alone.
    page.goto(f"{address_of(stack, made)}?pane=yaml")
    line = page.locator(".cm-line", has_text="type: blackhole")
    expect(line).to_be_visible(timeout=30_000)
    line.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.insert_text("print_interval_secs: 9")

    def groups_saved() -> bool:
        save(page)
        now = api.get(f"{api.base}/pipelines/{made}")["document"]
        return bool(now["groups"] == kept and now["components"][3]["options"])

    wait_until(groups_saved, seconds=30, what="the edit is saved and the group is there")
    page.get_by_role("button", name="Actions of group Clean up").click()
    page.get_by_role("menuitem", name="Dissolve the group").click()
    expect(card).to_have_count(4)


def test_groups_stay_whole_when_tidied_copied_and_cloned(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz whole")
    before = api.get(f"{api.base}/pipelines/{made}")
    before["document"] |= {
        "groups": {
            "Ends": {"members": ["in", "out"], "collapsed": False},
            "Clean up": {"members": ["first"], "collapsed": True},
        },
        "layout": {
            each: {"x": 40 * n, "y": 7 * n} for n, each in enumerate(("in", "first", "second", "out"))
        },
    }
    body = {key: before[key] for key in ("name", "description", "document")}
    api.call("PUT", f"{api.base}/pipelines/{made}", json=body, headers={"If-Match": before["etag"]})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?pane=outline")
    frames = page.locator(".react-flow__node-frame")
    cards = page.locator(".react-flow__node-component")
    expect(frames).to_have_count(2, timeout=30_000)

    def kept() -> dict[str, Any]:
        save(page)
        return dict(api.get(f"{api.base}/pipelines/{made}")["document"])

    # Tidied, the frame holds its own components alone; once more is no step to undo.
    page.get_by_role("button", name="Tidy the layout").click()
    expect(page.get_by_role("button", name="Undo: Tidy")).to_be_visible(timeout=30_000)
    ends = frames.filter(has_text="Ends").bounding_box()
    stranger = cards.and_(page.locator('[data-id="second"]')).bounding_box()
    assert ends is not None
    assert stranger is not None
    apart = (
        stranger["x"] + stranger["width"] <= ends["x"]
        or ends["x"] + ends["width"] <= stranger["x"]
        or stranger["y"] + stranger["height"] <= ends["y"]
        or ends["y"] + ends["height"] <= stranger["y"]
    )
    assert apart, (ends, stranger)
    tidy = kept()["layout"]
    page.get_by_role("button", name="Undo: Tidy").click()
    page.get_by_role("button", name="Redo: Tidy").click()
    page.get_by_role("button", name="Tidy the layout").click()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible()
    assert kept()["layout"] == tidy

    # A folded group is duplicated from its menu, and copied and pasted by keyboard.
    page.get_by_role("button", name="Actions of group Clean up", exact=True).click()
    page.get_by_role("menuitem", name="Duplicate").click()
    expect(page.get_by_role("region", name="Group Clean up 2")).to_be_visible()
    page.get_by_role("button", name="Components of Ends", exact=True).focus()
    page.keyboard.press("Control+c")
    expect(page.get_by_text("2 components are on the clipboard")).to_be_visible(timeout=30_000)
    page.keyboard.press("Control+v")
    expect(page.get_by_role("region", name="Group Ends 2")).to_be_visible(timeout=30_000)
    groups = kept()["groups"]
    assert groups == {
        "Ends": {"members": ["in", "out"], "collapsed": False},
        "Clean up": {"members": ["first"], "collapsed": True},
        "Clean up 2": {"members": ["first_copy"], "collapsed": True},
        "Ends 2": {"members": ["in_2", "out_2"], "collapsed": False},
    }
    assert violations(page) == []

    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines")
    page.get_by_role("button", name="Actions for zz whole").click()
    page.get_by_role("menuitem", name="Clone").click()
    expect(frames).to_have_count(4, timeout=30_000)
    (clone,) = [each for each in api.get(f"{api.base}/pipelines?q=zz whole")["items"] if each["id"] != made]
    assert api.get(f"{api.base}/pipelines/{clone['id']}")["document"]["groups"] == groups


def test_an_output_is_tapped_from_the_canvas(stack: Stack, api: Api, page: Page) -> None:
    pipeline = api.get(f"{api.base}/pipelines")["items"][0]["id"]
    sign_in(page, stack)
    page.goto(address_of(stack, pipeline))
    split = page.locator(".react-flow__node-component", has_text="route").first
    split.hover(timeout=30_000)
    button = split.get_by_role("button", name=re.compile("^Tap .*, output ")).first
    name = re.fullmatch("Tap (.+), output (.+)", button.get_attribute("aria-label") or "")
    assert name is not None
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Tap: {name[1]}.{name[2]}")
    expect(dialog.get_by_role("button", name=re.compile(f"{re.escape(name[2])} Output"))).to_be_visible()
    dialog.get_by_label("Reason").fill("seeing the slow ones")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("button", name="Pause")).to_be_visible(timeout=30_000)
    assert violations(page) == []


def test_what_holds_for_the_whole_pipeline_is_set_in_a_form(stack: Stack, api: Api, page: Page) -> None:
    made = chain(api, "zz settings")
    api.call("POST", f"{api.base}/lookup-files", params={"name": "teams"}, content=b"id,team\n1,core\n")
    sign_in(page, stack)
    page.goto(f"{address_of(stack, made)}?pane=settings")
    labels = page.get_by_label("Labels of its nodes")
    expect(labels).to_be_visible(timeout=30_000)
    expect(page.get_by_text(re.compile(r"Finds \d+ nodes? now"))).to_be_visible()
    labels.fill("region in (")
    expect(page.get_by_text(re.compile("selector", re.IGNORECASE)).first).to_be_visible()
    labels.fill("!absent")
    expect(page.get_by_text("Finds 1 node now")).to_be_visible()

    page.get_by_role("button", name="Add table").click()
    page.get_by_role("menuitem", name="CSV file").click()
    table = page.get_by_role("group", name="Table table")
    table.get_by_role("button", name=re.compile("from the vault")).click()
    page.get_by_role("option", name="FILE[teams]").click()
    page.get_by_label("Name of a new variable").fill("limit")
    page.keyboard.press("Enter")
    variable = page.get_by_role("group", name="Variable limit")
    expect(variable).to_contain_text("not used")
    variable.get_by_role("button", name=re.compile("Type of limit")).click()
    page.get_by_role("option", name="Number").click()
    variable.get_by_label("Value of limit").fill("12")
    page.locator('[data-option="globals.timezone"]').get_by_role("textbox").fill("Europe/Berlin")
    assert violations(page) == []
    save(page)
    kept = api.get(f"{api.base}/pipelines/{made}")["document"]
    assert kept["selector"] == "!absent"
    assert kept["globals"] == {"timezone": "Europe/Berlin"}
    assert kept["variables"] == {"limit": {"type": "number", "value": 12}}
    file = {"path": "FILE[teams]", "encoding": {"type": "csv"}}
    assert kept["enrichment_tables"] == {"table": {"type": "file", "file": file}}


def test_a_template_of_ones_own_asks_for_what_was_chosen(stack: Stack, api: Api, page: Page) -> None:
    components = [
        component("in", "source", "demo_logs", format="json", interval=2.5),
        component("out", "sink", "file", path="/tmp/one.log", encoding={"codec": "json"}),
    ]
    create(api, "zz template", document(components, [("in", "_default", "out")]))
    sign_in(page, stack)
    page.get_by_role("row", name=re.compile("zz template")).get_by_role(
        "button", name="Actions for zz template"
    ).click()
    page.get_by_role("menuitem", name="Save as template…").click()
    dialog = page.get_by_role("dialog")
    for value in ("in · interval: 2.5", "out · path: /tmp/one.log"):
        dialog.locator("label", has=page.get_by_role("checkbox", name=value)).click()
    dialog.get_by_label("Name of out · path").fill("target")
    assert violations(page) == []
    dialog.get_by_role("button", name="Save as template").click()
    expect(dialog).to_have_count(0)
    own = next(each for each in api.get(f"{api.base}/templates")["items"] if each["title"] == "zz template")
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/templates/{own['id']}")
    page.get_by_label("Target").fill("/tmp/two.log")
    assert violations(page) == []
    page.get_by_role("button", name="Create pipeline").click()
    expect(page.locator(".react-flow__node-component")).to_have_count(2, timeout=30_000)
    made = api.get(f"{api.base}/pipelines/{page.url.partition('/pipelines/')[2].partition('?')[0]}")[
        "document"
    ]
    assert {name: each["value"] for name, each in made["variables"].items()} == {
        "in_interval": 2.5,
        "target": "/tmp/two.log",
    }
    assert made["components"][1]["options"]["path"] == "VAR[target]"
