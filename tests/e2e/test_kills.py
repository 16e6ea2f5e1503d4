"""Nothing that was acknowledged is lost while agent, engine and server are killed for real."""

import random
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest

from tests.e2e.pipelines import create, deploy, lines_to_http
from tests.e2e.receiver import Receiver
from tests.e2e.stack import Api, Stack, wait_until

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]

LINES = 100_000
# What one kill may repeat (docs/concepts/engine.md): buffer, eight requests of 1,000 events, one read of the file.
WINDOW = 10_000
KILLS = ["agents"] * 5 + ["engines"] * 5 + ["servers"] * 2


def _write(path: Path, ids: list[str], seconds: float) -> None:
    chunk = 500
    pause = seconds / (len(ids) / chunk)
    with path.open("a") as file:
        for start in range(0, len(ids), chunk):
            file.writelines(f'{{"id":"{each}"}}\n' for each in ids[start : start + chunk])
            file.flush()
            time.sleep(pause)


def _running(stack: Stack, kind: str, pipeline: str) -> list[psutil.Process]:
    """The processes to kill; of the engines only the one of this test's pipeline."""
    found: list[psutil.Process] = stack.engines(pipeline) if kind == "engines" else getattr(stack, kind)()
    return found


def _crashes(api: Api, pipeline: str) -> int:
    node = api.get(f"{api.base}/nodes")["items"][0]["id"]
    reports = api.get(f"{api.base}/nodes/{node}")["reports"]
    # An engine that died while no agent ran is told as restarted by the next one.
    return sum(
        each["kind"] in ("crashed", "restarted") and each["pipeline_id"] == pipeline for each in reports
    )


def test_every_line_arrives_through_all_kills(
    stack: Stack, api: Api, receiver: Receiver, tmp_path: Path
) -> None:
    source = tmp_path / f"{uuid.uuid4()}.log"
    source.touch()
    pipeline = create(api, f"Kills {uuid.uuid4()}", lines_to_http(source, receiver.url))
    deploy(api, pipeline)

    ids = [uuid.uuid4().hex for _ in range(LINES)]
    writer = threading.Thread(target=_write, args=(source, ids, 30))
    writer.start()
    order = KILLS.copy()
    random.Random(7).shuffle(order)
    killed = dict.fromkeys(KILLS, 0)
    for kind in order:
        time.sleep(2.2)
        killed[kind] += (
            1 if wait_until(lambda kind=kind: stack.kill(kind), seconds=30, what=f"{kind} run") else 0
        )
    writer.join()
    assert killed == {"agents": 5, "engines": 5, "servers": 2}

    wait_until(lambda: len(receiver.ids()) >= LINES, seconds=120, what="every line arrives", pause=0.5)
    wait_until(lambda: _crashes(api, pipeline) >= 5, seconds=90, what="the five crashes are reported")
    counts = receiver.ids()
    assert set(counts) == set(ids)
    duplicates = sum(counts.values()) - len(counts)
    assert duplicates <= WINDOW * 5, duplicates
    print(f"{LINES} lines, {duplicates} duplicates, kills: {killed}")
