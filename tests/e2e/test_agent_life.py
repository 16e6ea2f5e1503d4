"""A node's whole life, with the real agent: told once by the stream, new keys, coming back by proof, and leaving."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.stack import PROGRAMS, Api, Stack, wait_until

NAME = "life"
SECONDS = 60.0


class Node:
    """An agent of its own beside the product, and what it left on disk."""

    def __init__(self, folder: Path, stack: Stack, api: Api) -> None:
        self.state = folder / "state"
        self.log = folder / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._stack = stack
        self._api = api
        body = {"name": NAME, "expires_in_seconds": 3600, "max_uses": 1, "labels": {}}
        self._token = folder / "token"
        self._token.write_text(api.post(f"{api.base}/enrolment-tokens", body)["token"])

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "VECTORFLOW_URL": f"http://127.0.0.1:{self._stack.gateway_port}",
            "VECTORFLOW_ENROLMENT_TOKEN_FILE": str(self._token),
            "VECTORFLOW_AGENT_STATE_DIR": str(self.state),
            "VECTORFLOW_HOSTNAME": NAME,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(PROGRAMS / "vectorflow-agent"), "run"], env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def replace_token(self) -> None:
        body = {"name": f"{NAME} again", "expires_in_seconds": 3600, "max_uses": 1, "labels": {}}
        self._token.write_text(self._api.post(f"{self._api.base}/enrolment-tokens", body)["token"])

    def engines(self) -> list[int]:
        return sorted(
            each.pid for each in self._stack.processes("vectorflow-engine", "--config", str(self.state))
        )

    def enrolment(self) -> dict[str, Any]:
        return json.loads((self.state / "node.json").read_text())  # type: ignore[no-any-return]

    def seen(self) -> dict[str, Any]:
        found = [each for each in self._api.get(f"{self._api.base}/nodes")["items"] if each["name"] == NAME]
        return self._api.get(f"{self._api.base}/nodes/{found[0]['id']}") if found else {}  # type: ignore[no-any-return]

    def answered(self, statement_id: str) -> dict[str, Any]:
        """Wait for the node's answer to a statement."""
        path = f"{self._api.base}/nodes/{self.enrolment()['node_id']}/statements"

        def done() -> Any:
            told = [each for each in self._api.get(path)["items"] if each["id"] == statement_id]
            return told and told[0]["state"] not in ("requested", "signed") and told[0]

        return wait_until(done, seconds=SECONDS, what="the node's answer")  # type: ignore[no-any-return]

    def polls_with(self, token: str) -> int:
        return httpx2.get(
            f"http://127.0.0.1:{self._stack.gateway_port}/agent/v1/desired",
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
        ).status_code


@pytest.fixture(scope="module")
def node(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    api = stack.api()
    made = Node(tmp_path_factory.mktemp("life"), stack, api)
    made.start()
    try:
        wait_until(lambda: made.engines() and made.seen(), seconds=SECONDS, what="the node runs")
        yield made
    finally:
        made.kill()
        for pid in made.engines():
            os.kill(pid, signal.SIGKILL)
        api.close()


def command(stack: Stack, folder: Path, *words: str) -> str:
    """Run the user's command line, signed in."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(
        [str(PROGRAMS / "vectorflow"), *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_statements_are_delivered_and_answered(stack: Stack, api: Api, node: Node, tmp_path: Path) -> None:
    place = f"{stack.demo['organization']}/{stack.demo['environment']}"
    (tmp_path / "password").write_text(stack.demo["password"])
    command(
        stack, tmp_path, "login", stack.demo["url"], "--email", stack.demo["email"], "--password-file",
        str(tmp_path / "password"),
    )  # fmt: skip
    before, seen = node.engines(), node.seen()
    pipeline = seen["assignments"][0]["pipeline"]["name"]
    said = command(stack, tmp_path, "nodes", "restart", "--in", place, NAME, pipeline)
    answer = node.answered(said.rpartition("(")[2].rstrip(").\n"))
    assert answer["state"] == "done", answer
    wait_until(
        lambda: len(node.engines()) == len(before) and set(node.engines()) != set(before),
        seconds=SECONDS,
        what="another engine runs",
    )
    assert len(set(before) - set(node.engines())) == 1
    told = api.post(f"{api.base}/nodes/{seen['id']}/log-level", {"level": "debug", "minutes": 1})
    answer = node.answered(told["id"])
    assert (answer["state"], answer["message"]) == ("done", "the agent logs at debug")


def test_what_runs_already_is_rolled_out_again_at_once(api: Api, node: Node) -> None:
    engines = node.engines()
    assignment = node.seen()["assignments"][0]
    order = {
        "revision": assignment["revision"], "message": "", "batch_size": None, "watch_seconds": 0,
        "timeout_seconds": 120,
    }  # fmt: skip
    wait_until(
        lambda: all(each["state"] == "done" for each in api.get(f"{api.base}/rollouts")["items"]),
        seconds=SECONDS,
        what="the rollout of the start is done",
    )
    made = api.post(f"{api.base}/pipelines/{assignment['pipeline']['id']}/rollouts", order)
    path = f"{api.base}/rollouts/{made['id']}"
    over = wait_until(
        lambda: (now := api.get(path))["state"] not in ("running", "waiting") and now,
        seconds=SECONDS,
        what="the rollout is over",
    )
    assert over["state"] == "done", over
    assert node.engines() == engines


def test_token_and_sealing_key_change_under_running_engines(node: Node) -> None:
    engines, old = node.engines(), node.enrolment()
    sealing = (node.state / "sealing.key").read_bytes()
    node.kill()
    (node.state / "node.json").write_text(json.dumps(old | {"token_since": 0}))
    node.start()
    new = wait_until(
        lambda: (now := node.enrolment())["node_token"] != old["node_token"] and now,
        seconds=SECONDS,
        what="a new token",
    )
    assert new["node_id"] == old["node_id"]
    wait_until(
        lambda: (node.state / "sealing.key").read_bytes() != sealing, seconds=SECONDS, what="a new key"
    )
    assert node.polls_with(new["node_token"]) == 200
    assert node.engines() == engines


def test_a_machine_that_kept_its_key_alone_is_the_same_node(node: Node) -> None:
    engines, old = node.engines(), node.enrolment()
    node.kill()
    (node.state / "node.json").unlink()
    node.replace_token()
    node.start()
    wait_until((node.state / "node.json").exists, seconds=SECONDS, what="it is enrolled")
    assert node.enrolment()["node_id"] == old["node_id"]
    assert node.enrolment()["node_token"] != old["node_token"]
    assert node.polls_with(node.enrolment()["node_token"]) == 200
    assert node.engines() == engines


def test_a_node_that_leaves_removes_all_it_held(api: Api, node: Node) -> None:
    seen, token = node.seen(), node.enrolment()["node_token"]
    answer = api.raw(
        "POST",
        f"{api.base}/nodes/{seen['id']}/decommission",
        json={"engines": "stop"},
        headers={"If-Match": seen["etag"]},
    )
    assert answer.status_code == 202, answer.text
    wait_until(lambda: not node.engines(), seconds=SECONDS, what="its engines have stopped")
    wait_until(
        lambda: (
            {each.name for each in node.state.rglob("*") if each.is_file()} <= {"agent.lock", "leaving.json"}
        ),
        seconds=SECONDS,
        what="nothing is left on disk",
    )
    wait_until(lambda: node.polls_with(token) == 401, seconds=SECONDS, what="its token has ended")
    assert NAME not in [each["name"] for each in api.get(f"{api.base}/nodes")["items"]]
    # It stays away, also after a restart.
    node.kill()
    node.start()
    time.sleep(2)
    assert not (node.state / "node.json").exists()
