"""The main journey in a real browser on the real product: see, change, deploy, watch, and every count agrees."""

import json
import os
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.journey import count_in, sign_in, yaml_text
from tests.e2e.stack import Api, Stack, wait_until

CONDITION = 'string!(.path) != "/api/v1/session"'


def _agents_count(stack: Stack, pipeline: str, component: str) -> int:
    """What the agent itself counted a component to have received."""
    status = json.loads((stack.state / "agent" / "state" / "status.json").read_text())
    (running,) = [each for each in status["heartbeat"]["pipelines"] if each["id"] == pipeline]
    counted = {each["id"]: each for each in running["components"]}
    return int(counted.get(component, {}).get("received_events", 0))


def _receivers_count(stack: Stack) -> int:
    return int((stack.state / "demo" / "received.count").read_text())


def _page_count(page: Page) -> int:
    shown = page.locator("dt", has_text=re.compile("^Received$")).locator("xpath=following-sibling::dd[1]")
    return count_in(shown.inner_text())


def test_change_the_demo_pipeline_and_watch_it_arrive(stack: Stack, api: Api, page: Page) -> None:
    wait_until(
        lambda: all(each["state"] == "done" for each in api.get(f"{api.base}/rollouts")["items"]),
        seconds=30,
        what="the demo's first rollout is done",
    )
    sign_in(page, stack)
    page.get_by_role("link", name="Access log").click()
    expect(page.locator(".react-flow__node")).to_have_count(5)
    pipeline = page.url.rpartition("/")[2].partition("?")[0]
    expect(page.locator(".cm-line", has_text="inputs: [parse]")).to_be_visible()

    # A filter between two components; the YAML follows.
    label = "Add between: parse._default → split"
    page.get_by_role("button", name=label).hover(force=True)
    page.get_by_role("button", name=label).click(force=True)
    page.get_by_role("dialog").get_by_placeholder("Type a name").fill("filter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".react-flow__node")).to_have_count(6)
    expect(page.get_by_role("dialog")).to_have_count(0)
    condition = page.get_by_role("textbox", name=re.compile("ondition"))
    condition.click()
    page.keyboard.type(CONDITION)
    page.get_by_role("tab", name="YAML").click()
    wait_until(lambda: "type: filter" in yaml_text(page), seconds=60, what="the YAML shows the filter")
    assert "inputs: [parse]" in yaml_text(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()

    # Deploy: the difference, then the agents' own reports.
    page.get_by_role("link", name=re.compile("Deploy")).or_(
        page.get_by_role("button", name=re.compile("Deploy"))
    ).first.click()
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    expect(page.get_by_text("type: filter").first).to_be_visible()
    page.get_by_label("Message").fill("Leave sign-ins out")
    page.get_by_role("button", name="Deploy to 1 node").click()
    expect(page.get_by_text("applied", exact=False).first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("runs revision 2")).to_be_visible(timeout=30_000)
    expect(page.get_by_text(re.compile("^Done$", re.IGNORECASE)).first).to_be_visible(timeout=30_000)

    # The node says so too.
    page.get_by_role("link", name="Nodes").click()
    page.get_by_role("row").nth(1).get_by_role("link").first.click()
    expect(page.get_by_text("Access log").first).to_be_visible()
    assert any(
        report["kind"] == "applied" and report["revision"] == 2
        for report in api.get(f"{api.base}/nodes/{page.url.rpartition('/')[2]}")["reports"]
    )

    # Rates change when there is something to see, and the filter's effect shows.
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{pipeline}")
    rate = page.locator('[data-edge-rate^="access_log._default"]')
    expect(rate).to_be_visible(timeout=60_000)

    def busy() -> bool:
        for _ in range(20):
            api.get("/session")
            api.get(f"{api.base}/pipelines")
        return float(rate.inner_text().removesuffix("/s").replace(",", "")) > 3

    wait_until(busy, seconds=30, what="the edge's rate rises", pause=0.2)

    if pictures := os.environ.get("VECTORFLOW_PICTURES"):
        page.goto(f"{page.url.partition('?')[0]}?pane=yaml")
        wait_until(busy, seconds=30, what="the edge's rate rises again", pause=0.2)
        page.screenshot(path=Path(pictures) / "editor.png")

    # Once it is quiet, page, agent and receiver agree to the event.
    page.locator(".react-flow__node", has_text="receiver").click()
    expect(page.locator("dt", has_text=re.compile("^Received$"))).to_be_visible()
    seen: set[int] = set()

    def agreed() -> bool:
        counts = (_page_count(page), _agents_count(stack, pipeline, "receiver"), _receivers_count(stack))
        if counts[0] == counts[1] == counts[2] > 0:
            seen.add(counts[0])
            return True
        return False

    wait_until(agreed, seconds=40, what="page, agent and receiver count the same")
    for _ in range(30):
        api.get(f"{api.base}/pipelines")
    wait_until(lambda: agreed() and len(seen) > 1, seconds=40, what="and again after more events")
    assert max(seen) - min(seen) >= 30


def test_the_filter_left_sign_ins_out(stack: Stack, api: Api) -> None:
    """Runs after the journey, on the same product: what the receiver got since holds no sign-in."""
    received = stack.state / "demo" / "received.jsonl"

    def lines() -> list[dict[str, object]]:
        return [json.loads(line) for line in Path(received).read_text().splitlines()]

    before = len(lines())
    api.sign_in()
    for _ in range(5):
        api.get(f"{api.base}/nodes")
    wait_until(lambda: len(lines()) >= before + 5, seconds=60, what="new events at the receiver")
    assert all(line["path"] != "/api/v1/session" for line in lines()[before:])
