"""The demo's receiver: takes the events that the demo pipeline's ``http`` sink posts, and counts them.

``POST /`` takes a JSON array or newline-delimited JSON and needs the bearer token of the file it was given;
``GET /counts`` answers how many events came. Every event is appended to a file before it is acknowledged.
"""

import argparse
import asyncio
import hmac
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
_LARGEST_BODY = 16 * 1024 * 1024
_KEPT_BYTES = 64 * 1024 * 1024


class Receiver:
    """An ASGI application that appends events to a file and counts them."""

    def __init__(self, directory: Path, token: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._events = directory / "received.jsonl"
        self._counter = directory / "received.count"
        self._token = token
        self._writing = threading.Lock()
        self.count = int(self._counter.read_text()) if self._counter.exists() else 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["method"] == "GET" and scope["path"] == "/counts":
            await _answer(send, 200, {"events": self.count})
            return
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            await _answer(send, 401, {"detail": "The bearer token is not the receiver's."})
            return
        body = await _body(receive)
        try:
            events = _events(body)
        except (msgspec.DecodeError, ValueError):
            await _answer(send, 400, {"detail": "Send a JSON array or newline-delimited JSON."})
            return
        await asyncio.to_thread(self._keep, events)
        await _answer(send, 200, {"accepted": len(events)})

    def _keep(self, events: list[Any]) -> None:
        with self._writing:
            if self._events.exists() and self._events.stat().st_size > _KEPT_BYTES:
                self._events.replace(self._events.with_suffix(".jsonl.1"))
            with self._events.open("ab") as file:
                file.writelines(msgspec.json.encode(event) + b"\n" for event in events)
            self.count += len(events)
            # Whole or not at all: it is read meanwhile, and by the next start.
            fresh = self._counter.with_suffix(".new")
            fresh.write_text(str(self.count))
            fresh.replace(self._counter)


def _events(body: bytes) -> list[Any]:
    stripped = body.strip()
    if not stripped:
        return []
    if stripped.startswith(b"["):
        return msgspec.json.decode(stripped, type=list[Any])
    return [msgspec.json.decode(line) for line in stripped.split(b"\n") if line.strip()]


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= _LARGEST_BODY:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer(send: Send, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    arguments = parser.parse_args()
    receiver = Receiver(arguments.directory, arguments.token_file.read_text().strip())
    uvicorn.run(receiver, host="127.0.0.1", port=arguments.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
