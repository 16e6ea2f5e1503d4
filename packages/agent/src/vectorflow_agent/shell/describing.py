"""What the engine's program says of itself, sent when the gateway asks: its schema and its components."""

import asyncio
import gzip
import logging
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import sha256_file
from vectorflow_agent.shell.engines import Engine, EngineMissing, clean_environment
from vectorflow_agent.shell.link import Link
from vectorflow_wire.messages import EngineSchema

_log = logging.getLogger(__name__)
MOST_BYTES: Final = 64 * 1024 * 1024
ASK_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 600.0


class NotDescribed(Exception):
    """The engine did not say what it is; the message says what it did instead."""


class Describer:
    """Answers the gateway's wish for an engine's schema: seldom, one at a time, and never at a run's cost."""

    def __init__(self, context: Context, gateway: Gateway, link: Link) -> None:
        self._context = context
        self._gateway = gateway
        self._link = link
        self._wanted = ""
        self._asked = asyncio.Event()
        self._done: dict[str, float] = {}

    def want(self, digest: str) -> None:
        """The gateway would like to know the engine of this digest."""
        if digest and time.monotonic() >= self._done.get(digest, 0.0):
            self._wanted = digest
            self._asked.set()

    async def loop(self) -> None:
        """Describe what is wanted, again and again."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            digest = self._wanted
            self._done = {digest: time.monotonic() + AGAIN_SECONDS}
            try:
                await self._send(digest)
            except (NotDescribed, EngineMissing, GatewayError, OSError) as error:
                _log.info("the engine's schema was not sent: %s", error)

    async def _send(self, digest: str) -> None:
        engine = await self._context.engine()
        actual = "sha256:" + await asyncio.to_thread(sha256_file, Path(engine.binary))
        if actual != digest:
            raise NotDescribed("another engine was asked for than is here now")
        described = await describe(engine, self._context.policy)
        body = await asyncio.to_thread(gzip.compress, msgspec.json.encode(described), 6)
        await self._gateway.schema(self._link.token(), digest, body)
        _log.info("the schema of engine %s was sent", engine.facts.version)


async def describe(engine: Engine, policy: Policy) -> EngineSchema:
    """Ask the program for its schema and its components. Raises NotDescribed, OSError."""
    schema = await _printed(engine, policy, "generate-schema")
    listing = await _printed(engine, policy, "list", "--format", "json")
    return EngineSchema(version=engine.facts.version, schema=schema, listing=listing)


async def _printed(engine: Engine, policy: Policy, *arguments: str) -> msgspec.Raw:
    process = await asyncio.create_subprocess_exec(
        engine.binary,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=clean_environment(os.environ, policy),
    )
    try:
        async with asyncio.timeout(ASK_SECONDS):
            assert process.stdout is not None  # noqa: S101  it was asked for
            output = await _read(process.stdout)
            code = await process.wait()
    except TimeoutError:
        raise NotDescribed(f"{arguments[0]} did not end within {ASK_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise NotDescribed(f"{arguments[0]} ended with {code}")
    try:
        msgspec.json.decode(output, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NotDescribed(f"{arguments[0]} did not print a JSON object") from None
    return msgspec.Raw(output)


async def _read(stream: asyncio.StreamReader) -> bytes:
    data = bytearray()
    while chunk := await stream.read(65536):
        data += chunk
        if len(data) > MOST_BYTES:
            raise NotDescribed(f"it printed more than {MOST_BYTES} bytes")
    return bytes(data)
