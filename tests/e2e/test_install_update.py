"""From the command that the enrolment page shows to a node, and from one version of its agent to the next."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from packages.agent.tests.releasing import built, changed
from playwright.sync_api import BrowserContext, expect
from scripts import agent_release

from tests.e2e.journey import sign_in
from tests.e2e.stack import PROGRAMS, Api, Stack, wait_until
from tests.patience import patience

MOST_SECONDS = 60.0
NAME = "fresh-machine"
NEW, BAD = "9.1.0", "9.2.0"
CRASHES = b"""
import os, sys
if "preflight" in sys.argv:
    print("vectorflow-agent 9.2.0")
else:
    os._exit(3)
"""


STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tree to install into, and `sudo` as root has it: it runs what it is given."""
    root = tmp_path_factory.mktemp("machine")
    programs = root / "bin"
    programs.mkdir()
    (programs / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (programs / "vectorflow-agent").symlink_to(PROGRAMS / "vectorflow-agent")
    for each in programs.iterdir():
        each.chmod(0o755)
    yield root
    for started in STARTED:
        started.kill()
        started.wait()
    for process in psutil.process_iter(["cmdline"]):
        if any(str(root) in word for word in process.info["cmdline"] or []):
            process.kill()


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two releases, one of which ends when it is started, signed with a key of the test's own; and its public half."""
    folder = tmp_path_factory.mktemp("releases")
    capture = subprocess.run(
        [sys.executable, "-m", "scripts.agent_release", "key", "--out", str(folder / "key")],
        capture_output=True,
        text=True,
        check=True,
    )
    public = capture.stdout.strip()
    good, bad = folder / "good.zip", folder / "bad.zip"
    good.write_bytes(built(NEW))
    bad.write_bytes(changed(BAD, **{"run.py": CRASHES}))
    out = folder / "out"
    made = ["index", "--key", folder / "key", "--number", 1, "--minimum", "0.1.0", "--out", out, good, bad]
    assert agent_release.main([str(each) for each in made]) == 0
    return out, public


def test_the_shown_command_makes_a_node_within_a_minute(
    stack: Stack, api: Api, context: BrowserContext, machine: Path, releases: tuple[Path, str]
) -> None:
    policy = machine / "etc/vectorflow-agent/policy.yaml"
    policy.parent.mkdir(parents=True)
    # As somebody who builds agents has it on the node already; the installer leaves it as it is.
    policy.write_text(f"release_keys: [{releases[1]}]\n")
    page = context.new_page()
    sign_in(page, stack)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/enrolment")
    page.get_by_role("button", name="New token").first.click()
    page.get_by_label("Name", exact=True).fill("machines")
    page.get_by_role("button", name="Make token").click()
    command = page.get_by_label("Install command").inner_text()
    fingerprint = command.partition("--root-fingerprint ")[2].split()[0].strip("'")
    expect(page.get_by_text(fingerprint).last).to_be_visible()
    for way in ("Container", "Kubernetes", "To try it"):
        page.get_by_role("tab", name=way).click()
        expect(page.get_by_label("Install command")).to_contain_text(fingerprint)
    began = time.monotonic()
    with (machine / "install.log").open("ab") as log:
        # As shown; here without systemd, so it is told to run the agent in the foreground, in a tree of its own.
        started = subprocess.Popen(
            ["bash", "-c", f"{command} --root {machine} --run"],
            env={
                "PATH": f"{machine / 'bin'}:{os.environ['PATH']}",
                "VECTORFLOW_HOSTNAME": NAME,
                "VECTORFLOW_UPDATE_CONFIRM_SECONDS": "60",
            },
            stdout=log,
            stderr=log,
        )
    STARTED.append(started)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/nodes")
    try:
        expect(page.get_by_text(NAME).first).to_be_visible(timeout=MOST_SECONDS * patience() * 1000)
    except AssertionError as error:
        raise AssertionError((machine / "install.log").read_text()[-4000:]) from error
    node = wait_until(
        lambda: [
            each
            for each in api.get(f"{api.base}/nodes")["items"]
            if each["name"] == NAME and each["last_seen_at"]
        ],
        seconds=MOST_SECONDS * patience(),
        what="a heartbeat",
    )
    seconds = time.monotonic() - began
    print(f"from the command to the first heartbeat: {seconds:.1f} s")
    assert seconds <= MOST_SECONDS * patience()
    assert node[0]["agent_version"]


def test_an_update_is_begun_in_the_browser_and_a_bad_one_is_returned_from(
    stack: Stack, api: Api, context: BrowserContext, machine: Path, releases: tuple[Path, str]
) -> None:
    done = subprocess.run(
        [PROGRAMS / "vectorflow", "release", "import", releases[0], "--public", releases[1]],
        env=stack.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (node,) = [each for each in api.get(f"{api.base}/nodes")["items"] if each["name"] == NAME]
    api.raw(
        "PUT",
        f"{api.base}/nodes/{node['id']}/labels",
        json={"labels": {"ring": "canary"}},
        headers={"If-Match": node["etag"]},
    ).raise_for_status()
    api.post(f"{api.base}/groups", {"name": "canaries", "selector": "ring=canary"})
    page = context.new_page()
    sign_in(page, stack)
    page.goto(f"/{stack.demo['organization']}/{stack.demo['environment']}/updates")
    for version, word in ((NEW, "Done"), (BAD, "Did not take it")):
        page.get_by_role("button", name="New update").first.click()
        dialog = page.get_by_role("dialog")
        for label, choice in (("Version", version), ("For", "canaries")):
            dialog.get_by_role("button", name=label).click()
            page.get_by_role("option", name=choice, exact=True).click()
        dialog.get_by_role("button", name="Begin").click()
        plan = page.get_by_role("region", name=f"Agent {version} · canaries")
        expect(plan.get_by_role("row", name=NAME)).to_contain_text(word, timeout=90_000)
    expect(plan).to_contain_text("Paused", timeout=60_000)
    expect(plan).to_contain_text("ended with code 3")
    # It runs what it ran before, and says so.
    expect(plan.get_by_role("row", name=NAME)).to_contain_text(NEW)
