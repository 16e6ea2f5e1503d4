"""Taps on the real product: from the editor and a terminal to the node's engine and back, and a capture kept and erased."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.journey import JUDGE, sign_in
from tests.e2e.stack import Api, Stack, wait_until

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


def _running(stack: Stack, api: Api) -> str:
    """The demo's pipeline, once its node runs it."""
    wait_until(
        lambda: all(each["state"] == "done" for each in api.get(f"{api.base}/rollouts")["items"]),
        seconds=60,
        what="the demo's first rollout is done",
    )
    return str(api.get(f"{api.base}/pipelines")["items"][0]["id"])


def _violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in page.evaluate(JUDGE)]


def _picture(page: Page, name: str, widths: tuple[int, ...] = (1440,)) -> None:
    """With ``VECTORFLOW_PICTURES`` set to a folder, what the page looks like in both themes."""
    folder = os.environ.get("VECTORFLOW_PICTURES")
    before = page.viewport_size
    for scheme in ("light", "dark") if folder else ():
        for width in widths:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(200)
            page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png")
    if before is not None:
        page.set_viewport_size(before)


def _name(api: Api, pipeline: str) -> str:
    return str(api.get(f"{api.base}/pipelines/{pipeline}")["name"])


def _traffic(api: Api) -> None:
    for _ in range(5):
        api.get("/session")


def test_tap_an_output_keep_some_events_and_erase_them(stack: Stack, api: Api, page: Page) -> None:
    pipeline = _running(stack, api)
    base = f"/{stack.demo['organization']}/{stack.demo['environment']}"
    sign_in(page, stack)
    page.goto(f"{base}/pipelines/{pipeline}?component=access_log")
    page.get_by_role("button", name="Tap", exact=True).click()
    dialog = page.get_by_role("dialog", name=re.compile("^Tap"))
    start = dialog.get_by_role("button", name="Start")
    expect(start).to_be_disabled()  # without a reason nobody looks
    _picture(page, "tap-form")
    dialog.get_by_label("Reason").fill("what does the access log say")
    start.click()
    events = dialog.get_by_role("list", name="Events").get_by_role("listitem")

    def shown() -> bool:
        _traffic(api)
        page.wait_for_timeout(200)
        return events.count() > 2

    wait_until(shown, seconds=60, what="events are shown")
    expect(dialog.get_by_text("Live")).to_be_visible()
    dialog.get_by_role("button", name="Pause").click()
    first = events.first
    first.get_by_role("button", expanded=False).click()
    expect(first.get_by_text("message", exact=True)).to_be_visible()
    # Addresses of machines were replaced on the node.
    assert "127.0.0.1" not in dialog.inner_text()
    assert _violations(page) == []
    _picture(page, "tap-tree")
    dialog.get_by_role("button", name="View").click()
    page.get_by_role("option", name="Table").click()
    expect(dialog.get_by_role("columnheader", name="message")).to_be_visible()
    assert _violations(page) == []
    _picture(page, "tap-table")
    dialog.get_by_role("button", name="Pin").first.click()
    expect(dialog.get_by_text("1 pinned")).to_be_visible()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Export").click()
    (line,) = Path(download.value.path()).read_text().splitlines()
    assert "message" in json.loads(line)
    dialog.get_by_role("button", name="Save as capture").click()
    saving = page.get_by_role("dialog", name="Save as capture")
    saving.get_by_label("Name").fill("one line")
    saving.get_by_role("button", name="Save", exact=True).click()
    expect(saving).to_have_count(0)
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog.get_by_text("It was stopped.")).to_be_visible(timeout=60_000)
    dialog.get_by_role("button", name="Close").click()
    # Nothing is left but the capture, which opens, and is erased.
    page.goto(f"{base}/captures")
    expect(page.get_by_role("button", name="one line")).to_be_visible()
    _picture(page, "captures", (1440, 390))
    page.get_by_role("button", name="one line").click()
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Erase").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()
    expect(page.get_by_role("heading", name="No captures")).to_be_visible()
    records = api.get(f"/orgs/{stack.demo['organization']}/audit?limit=50")["items"]
    actions = [each["action"] for each in records]
    for action in ("tap.opened", "tap.ended", "capture.saved", "capture.read", "capture.erased"):
        assert action in actions
    (opened,) = [each for each in records if each["action"] == "tap.opened"]
    assert "what does the access log say" in opened["summary"]


def test_tap_from_a_terminal(stack: Stack, api: Api, tmp_path: Path) -> None:
    pipeline = _running(stack, api)
    password = tmp_path / "password"
    password.write_text(stack.demo["password"])
    environment = {
        "PATH": "/usr/bin:/bin",
        "XDG_CONFIG_HOME": str(tmp_path),
        "VECTORFLOW_IN": f"{stack.demo['organization']}/{stack.demo['environment']}",
    }
    command = str(Path(sys.executable).with_name("vectorflow"))
    login = ["login", stack.demo["url"], "--email", stack.demo["email"], "--password-file", str(password)]
    subprocess.run([command, *login], env=environment, check=True, timeout=60)
    tap = [
        "tap",
        _name(api, pipeline),
        "access_log",
        "--reason",
        "a test",
        "--limit",
        "3",
        "--json",
        "--where",
        "message~api",
        "--where",
        'vrl: contains(string(.message) ?? "", "session")',
    ]
    with subprocess.Popen(
        [command, *tap], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:

            def ended() -> bool:
                _traffic(api)
                return process.poll() is not None

            wait_until(ended, seconds=90, what="three events came", pause=0.5)
            said, heard = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, heard
    lines = said.splitlines()
    assert len(lines) == 3
    assert all("session" in json.loads(line)["message"] for line in lines)
    assert "events sent" in heard
