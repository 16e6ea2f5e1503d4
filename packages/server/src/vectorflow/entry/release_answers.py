"""Answering agents that fetch releases: the index, and files in pieces, from where an earlier try ended."""

# house: test: packages/server/tests/gateway/test_updates.py
import asyncio
import re
from typing import Final

from vectorflow.entry.agent_calls import Call
from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.fleet.release_shelf import ReleaseShelf
from vectorflow.platform.http.asgi import answer
from vectorflow_wire.releases import RELEASES_PATH

_PIECE: Final = 256 * 1024
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_RANGE: Final = re.compile(r"bytes=([0-9]{1,12})-")


async def answer_release(call: Call, releases: ReleaseShelf) -> None:
    """Answer with the index, or with a file of it. Raises `ReleasesMissing`, `FileNotNamed`, `AgentRequestInvalid`."""
    if call.path == RELEASES_PATH:
        await answer(call.send, 200, "application/json", await releases.index())
        return
    sha256 = call.path.removeprefix(RELEASES_PATH + "/")
    if not _NAME.fullmatch(sha256):
        raise AgentRequestInvalid("a release is named by 64 hexadecimal digits")
    path, size = await releases.file(sha256)
    asked = _RANGE.fullmatch(call.header(b"range") or "")
    begin = int(asked[1]) if asked else 0
    if begin >= size:
        begin, asked = 0, None
    head = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(size - begin).encode()),
        *([(b"content-range", f"bytes {begin}-{size - 1}/{size}".encode())] if asked else []),
    ]
    with await asyncio.to_thread(path.open, "rb") as file:
        await asyncio.to_thread(file.seek, begin)
        await call.send({"type": "http.response.start", "status": 206 if asked else 200, "headers": head})
        while piece := await asyncio.to_thread(file.read, _PIECE):
            await call.send({"type": "http.response.body", "body": piece, "more_body": True})
    await call.send({"type": "http.response.body", "body": b"", "more_body": False})
