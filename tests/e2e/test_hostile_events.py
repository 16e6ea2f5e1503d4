"""What events hold goes through taps, captures and logs without a secret, and steers nothing."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, expect

from tests.e2e.hostile import CLEAN, CONTROL, HOSTILE, assert_nowhere
from tests.e2e.journey import sign_in
from tests.e2e.pipelines import component, create, deploy, document
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Api, Stack, wait_until

JUDGE = """
said, error = "cannot take " + to_string(.text)
if error == null { assert!(false, message: said) }
"""


def _content(source: Path, url: str) -> dict[str, Any]:
    return document(
        [
            component("lines", "source", "file", include=[str(source)], read_from="beginning"),
            component("parse", "transform", "remap", source=". = parse_json!(.message)"),
            component("judge", "transform", "remap", source=JUDGE),
            component(
                "out",
                "sink",
                "http",
                uri=url,
                encoding={"codec": "json"},
                auth={"strategy": "bearer", "token": "SECRET[canary]"},
            ),
        ],
        [("lines", "_default", "parse"), ("parse", "_default", "judge"), ("judge", "_default", "out")],
    )


def _event(known: str, canary: str) -> str:
    """An event that repeats a secret of the vault, and holds others in the places where events have them."""
    return json.dumps(
        {
            "text": f"{HOSTILE} {known} password={canary} Authorization: Bearer {canary}",
            "password": canary,
            "deep": [{"api_key": canary, HOSTILE: f"https://ann:{canary}@example.com/"}],
            f"repeats {known}": {"cookie": f"id={canary}"},
        }
    )


class Terminal:
    """The product's command, signed in."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.command = str(Path(sys.executable).with_name("vectorflow"))
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "XDG_CONFIG_HOME": str(folder),
            "VECTORFLOW_IN": f"{stack.demo['organization']}/{stack.demo['environment']}",
        }
        password = folder / "password"
        password.write_text(stack.demo["password"])
        self("login", stack.demo["url"], "--email", stack.demo["email"], "--password-file", str(password))

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [self.command, *words], env=self.environment, capture_output=True, check=False, timeout=90
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 0, said
        return said

    def begun(self, *words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [self.command, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def _tapped(terminal: Terminal, source: Path, event: str) -> list[dict[str, Any]]:
    """Tap the output while events come, and give what the terminal printed."""
    words = ("tap", "hostile events", "parse", "--reason", CLEAN, "--limit", "3", "--json")
    with terminal.begun(*words) as tap:
        try:

            def ended() -> bool:
                with source.open("a") as file:
                    file.write(f"{event}\n")
                return tap.poll() is not None

            wait_until(ended, seconds=90, what="three events came", pause=0.3)
            said, heard = tap.communicate(timeout=30)
        finally:
            tap.kill()
    assert tap.returncode == 0, heard
    assert not CONTROL.search(said.decode() + heard.decode())
    return [json.loads(line) for line in said.decode().splitlines()]


def test_events_tell_no_secret_and_steer_nothing(
    stack: Stack, api: Api, receiver: Receiver, context: BrowserContext, tmp_path: Path
) -> None:
    known, canary = f"canary{uuid.uuid4().hex}", f"canary{uuid.uuid4().hex}"
    source = tmp_path / "in.log"
    source.touch()
    api.post(f"{api.base}/secrets", {"name": "canary", "value": known, "settings": {}})
    pipeline = create(api, "hostile events", _content(source, receiver.url))
    deploy(api, pipeline)
    terminal = Terminal(stack, tmp_path)

    events = _tapped(terminal, source, _event(known, canary))
    assert len(events) == 3
    assert all(HOSTILE.split("\x1b", maxsplit=1)[0] in event["text"] for event in events)
    assert "[redacted" in str(events[0])
    wait_until(lambda: receiver.events, seconds=60, what="events arrive")
    assert receiver.authorizations == {f"Bearer {known}"}
    assert canary in str(receiver.events)  # at their destination they are whole

    tap = api.get(f"{api.base}/taps")["items"][0]
    captured = [{"event": event, "node_id": tap["nodes"][0]["node_id"]} for event in events]
    capture = api.post(
        f"{api.base}/captures", {"tap_id": tap["id"], "name": CLEAN[:90], "events": captured, "days": 1}
    )
    lines = wait_until(
        lambda: api.get(f"{api.base}/logs?pipeline={pipeline}&component=judge")["items"],
        seconds=60,
        what="the engine's words about the event are told",
    )
    assert "cannot take =cmd|" in lines[0]["text"]
    shown = terminal("logs", "--pipeline", "hostile events") + terminal("logs", "--json")
    assert "cannot take" in shown
    assert not CONTROL.search(shown)

    text = json.dumps(events) + shown
    for path in (
        f"{api.base}/taps",
        f"{api.base}/taps/{tap['id']}",
        f"{api.base}/captures",
        f"{api.base}/captures/{capture['id']}",
        f"{api.base}/logs?limit=200",
        f"{api.base}/nodes/{tap['nodes'][0]['node_id']}",
        f"{api.organization}/audit?limit=200",
    ):
        answer = api.raw("GET", path)
        assert answer.status_code == 200, path
        text += answer.text
    assert known not in text
    assert canary not in text
    assert_nowhere(stack, known)
    # What the engine itself writes stays on its machine, as its input does.
    assert_nowhere(stack, canary, of_agent=lambda path: not path.name.startswith("engine.log"))
    _look(stack, context, pipeline, (known, canary))


def _look(stack: Stack, context: BrowserContext, pipeline: str, canaries: tuple[str, str]) -> None:
    page = context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("dialog", lambda dialog: (thrown.append(dialog.message), dialog.dismiss()))
    sign_in(page, stack)
    base = f"/{stack.demo['organization']}/{stack.demo['environment']}"

    def clean(what: str) -> None:
        content = page.content()
        assert page.evaluate("window.hacked") is None, what
        assert page.locator("img[src='x']").count() == 0, what
        assert not any(canary in content for canary in canaries), what

    page.goto(f"{base}/logs?pipeline={pipeline}")
    expect(page.get_by_text("cannot take").first).to_be_visible()
    clean("logs")
    page.goto(f"{base}/captures")
    page.get_by_role("button", name="=cmd|").click()
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", expanded=False).first.click()
    clean("a capture")
    assert thrown == []
