"""Without a control plane new processes deliver new lines, with their secrets, for as long as the organisation allows."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.e2e.pipelines import create, deploy, lines_to_http
from tests.e2e.receiver import Receiver
from tests.e2e.stack import PROGRAMS, Api, Stack, wait_until
from tests.patience import patience
from vectorflow.platform.embedded import running_url

pytestmark = pytest.mark.timeout(300)


HOUR = 3600
AHEAD = str(Path(__file__).with_name("clock_ahead_agent.py"))


def kill_all(stack: Stack, *kinds: str) -> None:
    """Kill the product with its database, for good: nobody starts anything again."""
    stack.process.kill()
    stack.process.wait()
    for kind in kinds:
        assert stack.kill(kind) > 0, kind
    for postgres in stack.processes("postgres", str(stack.state)):
        postgres.kill()


@contextmanager
def agent_alone(stack: Stack, environment: dict[str, str], *program: str) -> Iterator[None]:
    """The agent and nothing else of the product."""
    with (stack.state / "log" / "agent-offline.log").open("ab") as log:
        agent = subprocess.Popen([*program, "run"], env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        agent.terminate()
        agent.wait(timeout=60)


def holding(folder: Path, text: str) -> list[Path]:
    """Files that hold a text; one that goes meanwhile holds nothing."""
    found = []
    for path in folder.rglob("*"):
        try:
            found += [path] if path.is_file() and text.encode() in path.read_bytes() else []
        except FileNotFoundError:
            continue
    return found


def test_new_processes_deliver_new_lines_offline(
    stack: Stack, api: Api, receiver: Receiver, tmp_path: Path
) -> None:
    value = f"canary-{uuid.uuid4().hex}"
    api.post(f"{api.base}/secrets", {"name": "offline_token", "value": value})
    source = tmp_path / "offline.log"
    source.write_text('{"id":"before"}\n')
    content = lines_to_http(
        source, receiver.url, auth={"strategy": "bearer", "token": "SECRET[offline_token]"}
    )
    deploy(api, create(api, "Offline", content))
    wait_until(lambda: receiver.ids()["before"], seconds=60, what="the first line")

    agents = stack.agents()
    assert agents
    environment = agents[0].environ()
    kill_all(stack, "servers", "agents", "engines")
    time.sleep(0.5)
    assert not stack.engines()

    with agent_alone(stack, environment, str(PROGRAMS / "vectorflow-agent")):
        with source.open("a") as file:
            file.write('{"id":"after"}\n')
        began = time.monotonic()
        wait_until(lambda: receiver.ids()["after"], seconds=60, what="the line written while offline")
        assert time.monotonic() - began < 15 * patience()
        assert receiver.authorizations == {f"Bearer {value}"}
        assert stack.engines()
        assert not stack.engines(value)
    stack.start()  # and everything comes back by itself
    api.sign_in()
    assert api.get(f"{api.base}/nodes")["items"]


def test_secrets_end_with_the_organisations_limit_and_come_back(
    stack: Stack, api: Api, receiver: Receiver, tmp_path: Path
) -> None:
    value = f"canary-{uuid.uuid4().hex}"
    secret, plain = tmp_path / "secret.log", tmp_path / "plain.log"
    secret.write_text('{"id":"secret 1"}\n')
    plain.write_text('{"id":"plain 1"}\n')
    api.post(f"{api.base}/secrets", {"name": "limited_token", "value": value})
    auth = {"strategy": "bearer", "token": "SECRET[limited_token]"}
    with_secret = create(api, "With a secret", lines_to_http(secret, receiver.url, auth=auth))
    deploy(api, with_secret)
    without = create(api, "Without one", lines_to_http(plain, receiver.url))
    deploy(api, without)
    wait_until(lambda: {"secret 1", "plain 1"} <= set(receiver.ids()), seconds=60, what="the first lines")
    path = f"{api.organization}/secrets-on-nodes"
    etag = api.get(path)["etag"]
    api.call("PUT", path, json={"max_offline_seconds": HOUR}, headers={"If-Match": etag})

    environment = stack.agents()[0].environ()
    disk = stack.state / "agent"
    wait_until((disk / "state" / "contact.json").exists, seconds=60, what="the node knows of the limit")

    def engines(pipeline: str) -> list[int]:
        return sorted(each.pid for each in stack.engines(pipeline))

    def memory() -> list[Path]:
        return [
            found for each in Path("/dev/shm").glob("vectorflow-agent-*") for found in holding(each, value)
        ]

    going = engines(without)
    assert (len(engines(with_secret)), len(going)) == (1, 1)
    assert memory()
    assert holding(disk, '"sealed"')
    kill_all(stack, "servers", "agents")
    with agent_alone(stack, environment, sys.executable, AHEAD):
        with plain.open("a") as file:
            file.write('{"id":"plain 2"}\n')
        wait_until(lambda: not engines(with_secret), seconds=60, what="what uses secrets has stopped")
        wait_until(
            lambda: not memory() and not holding(disk, '"sealed"'), seconds=60, what="no secret is left"
        )
        assert not holding(disk, value)
        wait_until(lambda: receiver.ids()["plain 2"], seconds=60, what="a line where no secret is used")
        assert engines(without) == going
        with secret.open("a") as file:
            file.write('{"id":"secret 2"}\n')
    stack.start()
    # The hour passes for the server too: bundles are older than the quarter of the limit after which they are renewed.
    with psycopg.connect(running_url(stack.state / "postgres", "vectorflow")) as connection:
        connection.execute("update bundles set half_life_at = half_life_at - interval '1 hour'")
    wait_until(lambda: receiver.ids()["secret 2"], seconds=90, what="the line that had to wait")
    assert len(engines(with_secret)) == 1
    assert receiver.ids()["secret 1"] == 1
    assert memory()
    assert f"Bearer {value}" in receiver.authorizations
