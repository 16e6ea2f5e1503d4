"""Serves the built application with recorded answers of the API, on a loopback port of its own."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from vectorflow_topology.catalogue import catalogue

ROOT = Path(__file__).parents[2]
APPLICATION = ROOT / "packages/server/src/vectorflow/web"
ANSWERS = Path(__file__).parent / "answers.json"
LIVE = {"GET /api/v1/catalogue": lambda: catalogue().json}
"""What is the same for everybody and large, so that it is asked of the program and not recorded."""
TIME = re.compile(r"^\d{4}-\d\d-\d\dT|^\d{13}$")
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".html": "text/html; charset=utf-8",
}


def key(method: str, url: str) -> str:
    """Name a request: what it asks for, without the times that it asks about, which are never the same twice."""
    parts = urlsplit(url)
    query = sorted((name, value) for name, value in parse_qsl(parts.query) if not TIME.match(value))
    return f"{method} {parts.path}" + (f"?{urlencode(query)}" if query else "")


class Replay:
    """Recorded answers, and what was asked for that is not among them."""

    def __init__(self, recording: dict[str, Any]) -> None:
        self._recording = recording
        self._view: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.missing: set[str] = set()
        self._asked: set[str] = set()
        self._served = time.monotonic()

    def begin(self, view: str) -> str:
        """Answer as was recorded for a view from now on; return the time at which it was."""
        self._view = self._recording["views"][view]
        self._asked = set()
        return str(self._view["at"])

    def address(self, path: str) -> str:
        """Return the address of a view's `path`."""
        return self.url + path.format(**self._recording["names"])

    def unasked(self) -> list[str]:
        """Return what was asked for when the view was recorded, and was not yet."""
        return sorted(set(self._view["answers"]) - self._asked)

    def quiet_seconds(self) -> float:
        """Return for how long nothing was asked for, neither answers nor scripts."""
        return time.monotonic() - self._served

    def answer(self, request: str) -> tuple[int, bytes]:
        """Return status and body."""
        self._asked.add(request)
        if request in LIVE:
            return 200, LIVE[request]()
        known = self._view["answers"].get(request)
        if known is None:
            self.missing.add(request)
            return 404, b'{"title": "Not recorded", "status": 404, "type": "urn:recorded:none", "detail": ""}'
        status, name = known
        return status, json.dumps(self._recording["bodies"][name]).encode()

    def served(self) -> None:
        """Note that something was asked for and answered."""
        self._served = time.monotonic()

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="replay", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                # A page that is left no longer waits for what it asked for.
                with suppress(ConnectionError, TimeoutError):
                    super().handle()

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path.endswith("/events"):
                    # An event stream that is open and silent.
                    self.send_response(HTTPStatus.OK)
                    self.send_header("content-type", "text/event-stream")
                    self.send_header("connection", "close")
                    self.end_headers()
                    self.wfile.write(b": silent\n\n")
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.settimeout(300)
                    self.connection.recv(1)
                elif path.startswith("/api/"):
                    self._api()
                else:
                    self._file(path)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self._api()

            def _api(self) -> None:
                status, body = replay.answer(key(self.command, self.path))
                kind = "application/json" if status < 400 else "application/problem+json"
                self._send(status, kind, body)

            def _file(self, path: str) -> None:
                target = (APPLICATION / path.lstrip("/")).resolve()
                if not (target.is_relative_to(APPLICATION) and target.is_file()):
                    target = APPLICATION / "index.html"
                self._send(200, TYPES.get(target.suffix, "application/octet-stream"), target.read_bytes())

            def _send(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                replay.served()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def replaying(recording: dict[str, Any] | None = None) -> Iterator[Replay]:
    """Serve while the block runs."""
    replay = Replay(json.loads(ANSWERS.read_text()) if recording is None else recording)
    replay.start()
    try:
        yield replay
    finally:
        replay.stop()
