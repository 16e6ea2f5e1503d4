"""Unit tests of somebody else's pipeline: each run in a process of its own that is killed when it takes too long."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_engine.testing.types import TestResult

DEFAULT_SECONDS = 10.0
DEFAULT_MEMORY_BYTES = 1024 * 1024 * 1024
MAX_OUTPUT_BYTES = 8 * 1024 * 1024
# The process takes this long at most to start; the limit counts from there.
_START_SECONDS = 20.0

_results = msgspec.json.Decoder(list[TestResult])


class TestsStopped(Exception):
    """The tests took too long, too much memory, or said too much; the text says which."""

    __test__ = False


async def run_sealed(
    config: Mapping[str, Any],
    *,
    seconds: float = DEFAULT_SECONDS,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> list[TestResult]:
    """Run the tests of a configuration away from network, files and environment. Raises `TestsStopped`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "vectorflow_engine.testing.worker", str(memory_bytes), f"{seconds:g}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds + _START_SECONDS):
            said = await _talk(process, msgspec.json.encode(config))
            code = await process.wait()
    except TimeoutError:
        raise TestsStopped(_too_long(seconds)) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if code == -signal.SIGALRM:  # the process set it for itself
        raise TestsStopped(_too_long(seconds))
    try:
        return _results.decode(said)
    except (msgspec.MsgspecError, RecursionError):
        raise TestsStopped("the tests ended their process or ran out of memory; make them smaller") from None


async def _talk(process: asyncio.subprocess.Process, config: bytes) -> bytes:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are piped
    with contextlib.suppress(ConnectionError):
        process.stdin.write(config)
        await process.stdin.drain()
        process.stdin.close()
    said = bytearray()
    while part := await process.stdout.read(65536):
        said += part
        if len(said) > MAX_OUTPUT_BYTES:
            raise TestsStopped("the events that came out are too large to be shown; make them smaller")
    return bytes(said)


def _too_long(seconds: float) -> str:
    return f"the tests took longer than {seconds:g} s and were stopped; make them fewer or simpler"
