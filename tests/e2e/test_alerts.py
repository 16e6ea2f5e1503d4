"""Being told, in a real browser on the real product: each alert comes as a mail and as a signed request."""

import email
import email.policy
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from playwright.sync_api import Page, Route, expect

from tests.e2e.journey import sign_in
from tests.e2e.pipelines import create, deploy, document, lines_to_http
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Api, Stack, free_port, wait_until

SILENT = "node_silent"
FAILED = "pipeline_failed"
ERRORS = "component_errors"
RULES = {
    SILENT: ("Silent", "a node falls silent"),
    FAILED: ("Refused", "a configuration is refused, or crashes"),
    ERRORS: ("Failing", "a component counts errors"),
}


class Mailbox:
    """A real mail server, and what it was given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"

    def __enter__(self) -> "Mailbox":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def subjects(self) -> list[str]:
        return [str(each["Subject"]) for each in self.mails]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as running:
        yield running


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, hook: Receiver) -> Iterator[Stack]:
    running = Stack(
        tmp_path_factory.mktemp("stack"),
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(mailbox.port),
        SMTP_SECURITY="plain",
        MAIL_FROM="vectorflow@example.com",
        EGRESS_ALLOW=f"127.0.0.1:{mailbox.port},127.0.0.1:{hook.port}",
    )
    try:
        yield running.start()
    finally:
        for agent in running.agents():
            agent.send_signal(signal.SIGCONT)
        running.end()


def _told(mailbox: Mailbox, hook: Receiver, rule: str, event: str = "opened") -> bool:
    """Whether mail and request have both come about a rule's incident."""
    word = "Resolved" if event == "resolved" else "Alert"
    mailed = any(word in subject and subject.endswith(f": {rule}") for subject in mailbox.subjects())
    called = any(each["type"] == f"incident.{event}" and each["data"]["rule"] == rule for each in hook.events)
    return mailed and called


def test_nothing_moves_from_under_the_pointer_while_the_page_is_read(stack: Stack, page: Page) -> None:
    sign_in(page, stack)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/alert-rules*", hold)
    with page.expect_response("**/incidents?*"), page.expect_response("**/channels*"):
        page.get_by_role("link", name="Alerts").click()
    new = page.get_by_role("button", name="New channel")
    expect(page.get_by_role("status", name="Loading")).to_be_visible()
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert new.count() == 0
    for each in held:
        each.continue_()
    expect(new.first).to_be_visible()


def test_channels_and_rules_are_made_in_the_browser(
    stack: Stack, page: Page, mailbox: Mailbox, hook: Receiver
) -> None:
    sign_in(page, stack)
    page.get_by_role("link", name="Alerts").click()
    for kind, name, where in (("Mail", "On call", "oncall@example.com"), ("Webhook", "Hook", hook.url)):
        page.get_by_role("button", name="New channel").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("button", name="Kind").click()
        page.get_by_role("option", name=kind).click()
        dialog.get_by_label("To" if kind == "Mail" else "Address").fill(where)
        dialog.get_by_role("button", name="Make channel").click()
        if kind == "Webhook":
            expect(page.get_by_text("What signs its requests")).to_be_visible()
            page.get_by_role("dialog").get_by_role("button", name="Done").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    for kind, (name, when) in RULES.items():
        page.get_by_role("button", name="New rule").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("button", name="When").click()
        page.get_by_role("option", name=when).click()
        if kind == SILENT:
            dialog.get_by_label("Seconds without a heartbeat").fill("30")
        dialog.get_by_role("button", name="Make rule").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(
            page.get_by_role("cell", name=name, exact=True).or_(page.get_by_text(name, exact=True)).first
        ).to_be_visible()
    assert mailbox.mails == []


@pytest.mark.timeout(400)
def test_a_failing_component_a_refused_configuration_and_a_silent_node_are_told_and_shown(
    stack: Stack, api: Api, page: Page, mailbox: Mailbox, hook: Receiver
) -> None:
    # A component whose receiver refuses everything, and a source whose port is somebody else's.
    lines = stack.directory / "lines.jsonl"
    lines.write_text('{"id": 0}\n')

    def failing_is_told() -> bool:
        # It goes on failing, as such things do.
        with lines.open("a") as file:
            file.write('{"id": 1}\n')
        return _told(mailbox, hook, "Failing")

    with Receiver() as refusing:
        refusing.refuse_with = 400
        failing = create(api, "Failing sink", lines_to_http(lines, refusing.url))
        deploy(api, failing)
        taken = create(
            api,
            "Taken port",
            document(
                [
                    {
                        "id": "in", "kind": "source", "type": "http_server", "enabled": True, "comment": "",
                        "options": {"address": f"127.0.0.1:{hook.port}"},
                    },
                    {
                        "id": "out", "kind": "sink", "type": "blackhole", "enabled": True, "comment": "",
                        "options": {},
                    },
                ],
                [("in", "_default", "out")],
            ),
        )  # fmt: skip
        deploy(api, taken, expect="halted")
        agents = stack.agents()
        wait_until(lambda: _told(mailbox, hook, "Refused"), seconds=90, what="the refusal is told")
        wait_until(failing_is_told, seconds=120, what="the errors are told", pause=0.5)
    for agent in agents:
        os.kill(agent.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: _told(mailbox, hook, "Silent"), seconds=120, what="the silence is told")
        sign_in(page, stack)
        page.get_by_role("link", name="Alerts").click()
        for _, (name, _when) in RULES.items():
            expect(page.get_by_role("row").filter(has_text=name).first).to_be_visible(timeout=30_000)
    finally:
        for agent in agents:
            os.kill(agent.pid, signal.SIGCONT)
    assert len({str(mail["To"]) for mail in mailbox.mails}) == 1
    # Once each, however often the rules were looked at meanwhile.
    assert len([each for each in mailbox.subjects() if each.endswith(": Silent") and "Alert" in each]) == 1
