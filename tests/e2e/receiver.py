"""A receiver of the tests: takes JSON over HTTP, remembers every event, can refuse and can be slow."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Receiver:
    """An HTTP server on a free loopback port."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.authorizations: set[str] = set()
        self.refuse_with: int | None = None
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.refuse_with is not None:
                    self._answer(receiver.refuse_with)
                    return
                stripped = body.strip()
                events = (
                    json.loads(stripped)
                    if stripped.startswith(b"[")
                    else [json.loads(line) for line in stripped.split(b"\n") if line]
                )
                with receiver._lock:
                    receiver.events.extend(events)
                    receiver.authorizations.add(self.headers.get("authorization", ""))
                self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def ids(self, field: str = "id") -> Counter[Any]:
        """How often each event came, by one of its fields."""
        with self._lock:
            return Counter(event.get(field) for event in self.events)
