import asyncio
import gzip
import hashlib

import msgspec
import pytest

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.shell import describing
from vectorflow_agent.shell.client import GatewayError
from vectorflow_agent.shell.describing import Describer, NotDescribed, describe
from vectorflow_agent.shell.engines import Engine
from vectorflow_wire.messages import EngineFacts, EngineKind, EngineSchema

GOOD = """case "$1" in
generate-schema) echo '{"definitions": {}}' ;;
list) echo '{"sources": ["file"], "with": "'"$2 $3"'"}' ;;
esac"""


def engine(tmp_path, text=GOOD):
    path = tmp_path / "vector"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return Engine(
        facts=EngineFacts(kind=EngineKind.VECTOR, version="0.58.0", digest=digest), binary=str(path)
    )


class Told:
    """Where the describer asks for its engine, its token, and sends to."""

    policy = Policy()

    def __init__(self, found, failing=False):
        self.found, self.failing, self.sent = found, failing, []

    async def engine(self):
        return self.found

    def token(self):
        return "t"

    async def schema(self, token, digest, zipped):
        self.sent.append((token, digest, msgspec.json.decode(gzip.decompress(zipped), type=EngineSchema)))
        if self.failing:
            raise GatewayError("not now", status=503)


async def told(describer, until):
    loop = asyncio.create_task(describer.loop())
    try:
        async with asyncio.timeout(20):
            while not until():
                assert not loop.done()
                await asyncio.sleep(0.01)
    finally:
        loop.cancel()


async def test_schema_and_list_are_sent_when_wanted(tmp_path):
    found = engine(tmp_path)
    told_of = Told(found)
    describer = Describer(told_of, told_of, told_of)
    describer.want("")
    assert not describer._asked.is_set()
    describer.want(found.facts.digest)
    await told(describer, lambda: told_of.sent)
    ((token, digest, sent),) = told_of.sent
    assert (token, digest, sent.version) == ("t", found.facts.digest, "0.58.0")
    assert msgspec.json.decode(sent.schema) == {"definitions": {}}
    assert msgspec.json.decode(sent.listing) == {"sources": ["file"], "with": "--format json"}
    describer.want(found.facts.digest)  # asked again at once: not again at once
    assert not describer._asked.is_set()


async def test_nothing_is_said_of_another_program_and_a_failure_ends_nothing(tmp_path):
    found = engine(tmp_path)
    told_of = Told(found, failing=True)
    describer = Describer(told_of, told_of, told_of)
    describer.want("sha256:" + "0" * 64)
    await told(describer, lambda: not describer._asked.is_set())
    assert told_of.sent == []
    describer.want(found.facts.digest)
    await told(describer, lambda: told_of.sent)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "ended with 3"),
        ("echo nothing", "did not print a JSON object"),
        ("echo '[]'", "did not print a JSON object"),
        ("head -c 3000 /dev/zero", "more than"),
        ("exec sleep 60", "did not end"),
    ],
)
async def test_a_program_that_misbehaves_is_not_described(tmp_path, monkeypatch, text, why):
    monkeypatch.setattr(describing, "MOST_BYTES", 2000)
    monkeypatch.setattr(describing, "ASK_SECONDS", 0.5)
    with pytest.raises(NotDescribed, match=why):
        await describe(engine(tmp_path, text), Policy())
