"""Taking over a Vector in the browser and at the machine: found, imported, deployed, and handed back."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from packages.agent.tests.adopting import Machine
from playwright.sync_api import Page, expect

from tests.e2e.journey import sign_in
from tests.e2e.pipelines import deploy
from tests.e2e.stack import PROGRAMS, Api, Stack, wait_until


class WithPolicy(Stack):
    """A product whose agent may go on as root: the tests mostly are."""

    def environment(self) -> dict[str, str]:
        policy = self.directory / "policy.yaml"
        policy.write_text("adopt_root: true\n")
        policy.chmod(0o600)
        return super().environment() | {"VECTORFLOW_POLICY": str(policy)}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = WithPolicy(tmp_path_factory.mktemp("stack"))
    try:
        yield running.start()
    finally:
        running.end()


def test_a_vector_is_found_imported_taken_over_and_handed_back(
    stack: Stack, api: Api, page: Page, tmp_path: Path
) -> None:
    machine = Machine(tmp_path)
    machine.configure()
    machine.write(0, 50)
    old = subprocess.Popen(
        [sys.executable, machine.program, "-c", machine.config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def adopt(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "VECTORFLOW_URL": str(stack.demo["gateway_url"]),
            "VECTORFLOW_AGENT_STATE_DIR": str(stack.state / "agent" / "state"),
            "VECTORFLOW_POLICY": str(stack.directory / "policy.yaml"),
        }
        command = [str(PROGRAMS / "vectorflow-agent"), "adopt", *words]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=180, check=False
        )

    try:
        wait_until(lambda: len(machine.lines()) == 50, seconds=60, what="the old Vector reads")
        sent = adopt("observe", "--send", "--with-configuration")
        assert sent.returncode == 0, sent.stderr
        node = api.get(f"{api.base}/nodes")["items"][0]
        sign_in(page, stack)
        page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/nodes/{node['id']}")
        expect(page.get_by_role("heading", name="Vectors found here that are not managed")).to_be_visible(
            timeout=30_000
        )
        expect(page.get_by_text(f"adopt take-over --pid {old.pid} --pipeline NAME")).to_be_visible()
        found = page.get_by_role("listitem").filter(has_text=f"pid-{old.pid}")
        found.get_by_role("link", name="Import as pipeline").click()
        page.get_by_role("button", name="Read", exact=True).click()
        page.get_by_label("Name, 2 components").fill("adopted")
        page.get_by_role("button", name="Create 1 pipeline").click()
        expect(page.get_by_text("1 pipeline imported.")).to_be_visible()
        pipelines = api.get(f"{api.base}/pipelines")["items"]
        pipeline = next(each["id"] for each in pipelines if each["name"] == "adopted")

        done: list[subprocess.CompletedProcess[str]] = []
        take = ("take-over", "--pid", str(old.pid), "--pipeline", "adopted")
        asked = threading.Thread(target=lambda: done.append(adopt(*take)))
        asked.start()
        journal = stack.state / "agent" / "state" / "adopted" / f"pid-{old.pid}.json"
        wait_until(journal.exists, seconds=60, what="the wish is put down")
        deploy(api, pipeline, seconds=120)
        asked.join(120)
        assert done[0].returncode == 0, done[0].stdout + done[0].stderr
        assert old.wait(30) is not None
        machine.write(50, 50)
        wanted = {f"line {number}" for number in range(100)}
        wait_until(
            lambda: set(machine.lines()) == wanted, seconds=60, what="the pipeline goes on where it was"
        )

        back = adopt("hand-back", "--pid", str(old.pid))
        assert back.returncode == 0, back.stdout + back.stderr
        machine.write(100, 50)
        wanted = {f"line {number}" for number in range(150)}
        wait_until(
            lambda: set(machine.lines()) == wanted, seconds=60, what="the old Vector goes on where it was"
        )
    finally:
        machine.clean_up()
        old.poll()
