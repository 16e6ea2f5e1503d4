"""`vectorflow logs`: the real command against a real server."""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vectorflow.entry.logs_cli import line_text, moment
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.clock import SystemClock
from vectorflow.telemetry.logs.intake import LogIntake
from vectorflow_wire import logs

from .conftest import make_world
from .test_fleet_cli import add_node, address, command

__all__ = ["address", "command"]  # fixtures


class Teller:
    """A node that tells lines, past the gateway."""

    def __init__(self, services, world, node_id, environment_id):
        self.intake = LogIntake(services.database, SystemClock(), quota_bytes=2**30)
        self.authority = NodeAuthority(
            world.organization_id, world.slug, environment_id, node_id, b"", b"", b""
        )
        self.batch = 0

    async def tell(self, *texts, **options):
        self.batch += 1
        now = time.time_ns() // 1_000_000
        lines = tuple(
            logs.LogLine(**({"sequence": 1, "at": now + place, "level": "warn", "text": text} | options))
            for place, text in enumerate(texts)
        )
        await self.intake.take(
            self.authority, logs.batch_zipped(logs.LogBatch(spool="s", batch=self.batch, lines=lines))
        )


@pytest.fixture
async def world(services):
    """An organisation without anybody else's nodes."""
    return await make_world(services)


@pytest.fixture
async def teller(services, world):
    await add_node(services, world, "alpha")
    async with services.database.transaction(world.organization_id) as txn:
        node_id = await txn.value("select id from nodes where name = 'alpha'")
        environment_id = await txn.value("select environment_id from nodes where name = 'alpha'")
    return Teller(services, world, node_id, environment_id)


async def test_lines_are_printed_filtered_and_followed(address, command, teller, world) -> None:
    place = f"{world.slug}/dev"
    login = ("login", address, "--email", world.email("owner"), "--password-file", command.password)
    assert (await command(*login))[0] == 0
    code, said = await command("logs", place=place)
    assert (code, "No line was told" in said) == (0, True)
    await teller.tell("one \x1b[31mred\u202e", "two")
    await teller.tell("three", level="error", component="out")
    code, said = await command("logs", place=place)
    assert code == 0, said
    assert [line.rpartition(": ")[2] for line in said.splitlines()] == [
        "one \\u001b[31mred\\u202e",
        "two",
        "three",
    ]
    assert "ERROR alpha agent/out: three" in said
    assert said.isprintable() or "\x1b" not in said
    code, said = await command("logs", "--level", "error", "--node", "alpha", "--json", place=place)
    assert json.loads(said)["component"] == "out"
    assert "three" not in (await command("logs", "--search", "TWO", place=place))[1]
    assert "two" in (await command("logs", "--since", "1d", "-n", "2", place=place))[1]
    for wrong in (
        ("--node", "nobody"),
        ("--pipeline", "none"),
        ("--since", "yesterday"),
        ("--level", "loud"),
    ):
        assert (await command("logs", *wrong, place=place))[0] == 1, wrong
    await _followed(teller, place)


async def _followed(teller, place) -> None:
    program = str(Path(sys.executable).with_name("vectorflow"))
    process = await asyncio.create_subprocess_exec(
        program,
        "logs",
        "--follow",
        "--level",
        "warn",
        env={**os.environ, "VECTORFLOW_IN": place},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            assert process.stdout is not None
            seen = [await process.stdout.readline() for _ in range(3)]
            await teller.tell("four")
            seen.append(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()
    assert [line.rstrip().rpartition(b": ")[2] for line in seen[1:]] == [b"two", b"three", b"four"]


def test_a_moment_is_some_time_ago_or_written() -> None:
    assert moment("2030-01-31T12:00:00Z") == moment("2030-01-31T12:00:00") == "2030-01-31T12:00:00.000Z"
    ago = datetime.now(UTC) - datetime.fromisoformat(moment("15m"))
    assert 899 < ago.total_seconds() < 930
    with pytest.raises(SystemExit):
        moment("15 minutes")


def test_a_line_cannot_steer_the_terminal() -> None:
    line = {
        "at": "2030-01-31T12:00:00.000Z", "level": "warn", "node": {"id": "1", "name": "a\x1b]0;x\x07"},
        "pipeline": {"id": "p", "name": None}, "component": "", "text": "\r\x9b2J",
    }  # fmt: skip
    assert line_text(line).isprintable()
