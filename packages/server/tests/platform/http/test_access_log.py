"""The access log: whole lines, hostile text escaped, rotation noticed, a full disk survived."""

import asyncio
import json
from pathlib import Path

import pytest

from vectorflow.platform.http.access_log import AccessLog, AccessRecord, encode_record
from vectorflow.platform.metrics import Metrics


def record(path: str = "/x", agent: str | None = None) -> AccessRecord:
    return AccessRecord("2026-01-01T00:00:00.000Z", "GET", path, 200, 1.5, 10, "r", "192.0.2.1", agent)


@pytest.mark.parametrize(
    "hostile", ["\r\n{}", "\x1b[31m", "\x7f\x9b", "\u2028", "\u202e", '"}', "=cmd()", "é"]
)
def test_a_record_is_one_safe_line_that_reads_back(hostile) -> None:
    line = encode_record(record(hostile, hostile))
    assert line.count(b"\n") == 1
    assert json.loads(line)["path"] == hostile
    text = line.decode().rstrip("\n")
    assert not any(character in text for character in "\x1b\x7f\x9b\u2028\u202e\r\n")


async def test_every_record_is_written_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "access.jsonl"
    log = AccessLog(path, Metrics())
    async with log.running():
        for number in range(5000):
            log.put(record(f"/{number}"))
    lines = path.read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == [f"/{number}" for number in range(5000)]


async def test_rotation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    log = AccessLog(path, Metrics())
    async with log.running():
        log.put(record("/before"))
        while not path.exists() or not path.read_text():
            await asyncio.sleep(0.01)
        path.rename(tmp_path / "access.1")
        log.put(record("/after"))
    assert "/before" in (tmp_path / "access.1").read_text()
    assert "/after" in path.read_text()
    assert "/before" not in path.read_text()


async def test_a_full_queue_drops_and_counts(tmp_path: Path) -> None:
    metrics = Metrics()
    log = AccessLog(tmp_path / "access.jsonl", metrics)
    for _ in range(20_001):
        log.put(record())
    assert metrics.access_log_dropped._value.get() == 1
    async with log.running():
        pass


async def test_a_disk_that_takes_nothing_does_not_stop_the_server() -> None:
    metrics = Metrics()
    log = AccessLog(Path("/dev/full"), metrics)
    log._rotated = lambda _file: False
    async with log.running():
        log.put(record())
        await asyncio.sleep(0.1)
        log.put(record())
    assert metrics.access_log_dropped._value.get() == 2
