"""Without a control plane, new processes deliver new lines, with their secrets."""

import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.e2e.pipelines import create, deploy, lines_to_http
from tests.e2e.receiver import Receiver
from tests.e2e.stack import PROGRAMS, Api, Stack, wait_until
from tests.patience import patience

pytestmark = pytest.mark.timeout(300)


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
    stack.process.kill()  # nobody starts anything again
    stack.process.wait()
    for kind in ("servers", "agents", "engines"):
        assert stack.kill(kind) > 0, kind
    for postgres in stack.processes("postgres", str(stack.state)):
        postgres.kill()
    time.sleep(0.5)
    assert not stack.engines()

    log = (stack.state / "log" / "agent-offline.log").open("wb")
    agent = subprocess.Popen(
        [str(PROGRAMS / "vectorflow-agent"), "run"], env=environment, stdout=log, stderr=log
    )
    try:
        with source.open("a") as file:
            file.write('{"id":"after"}\n')
        began = time.monotonic()
        wait_until(lambda: receiver.ids()["after"], seconds=60, what="the line written while offline")
        assert time.monotonic() - began < 15 * patience()
        assert receiver.authorizations == {f"Bearer {value}"}
        for engine in stack.engines():
            assert value not in " ".join(engine.cmdline())
            assert value not in str(engine.environ())
    finally:
        agent.terminate()
        agent.wait(timeout=60)
        log.close()
    stack.start()  # and everything comes back by itself
    assert api.get(f"{api.base}/nodes")["items"]
