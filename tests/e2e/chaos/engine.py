"""A light engine for the chaos test: Vector's command line, signals, health and exporter, in one small process.

Twice a second it sends an id to the receiver: node, pipeline, revision, process, running number. What it
knows comes from the files it was told to read: `chaos-<revision>` somewhere in the pipeline's configuration,
the port of the receiver in the address of its sink, and the agent's own part in JSON.
"""

import json
import os
import re
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

MARK = re.compile(r"chaos-(\d+)")
RECEIVER = re.compile(r"http://127\.0\.0\.1:(\d+)/")
BEAT_SECONDS = 0.5
DRAIN_SECONDS = 0.2


class Engine:
    """One running pipeline."""

    def __init__(self, pipeline: Path, node: Path) -> None:
        self.file = pipeline
        self.own = json.loads(node.read_text())
        parts = pipeline.parts
        self.place = parts.index("pipelines")
        self.name = (parts[self.place - 2], parts[self.place + 1])
        self.revision, self.receiver = 0, 0
        self.reloaded = self.number = 0
        self.told: list[int] = []
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.read()

    def read(self) -> None:
        text = self.file.read_text()
        mark, receiver = MARK.search(text), RECEIVER.search(text)
        if mark is None or receiver is None:
            raise ValueError("not a pipeline of this test")
        self.revision, self.receiver = int(mark.group(1)), int(receiver.group(1))

    def beat(self) -> None:
        self.number += 1
        said = [*self.name, self.revision, os.getpid(), self.number]
        self.out.sendto(json.dumps(said).encode(), ("127.0.0.1", self.receiver))

    def run(self) -> int:
        waker, woken = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, lambda number, _: self.told.append(number))
        waiting = selectors.DefaultSelector()
        waiting.register(woken, selectors.EVENT_READ)
        for address, answer in (
            (self.own["api"]["address"], self.health),
            (self.own["sinks"]["vf_exporter"]["address"], self.metrics),
        ):
            host, _, port = address.rpartition(":")
            listener = socket.create_server((host, int(port)), backlog=16)
            waiting.register(listener, selectors.EVENT_READ, answer)
        due = time.monotonic()
        while True:
            for key, _ in waiting.select(max(0.0, due - time.monotonic())):
                if key.data is None:
                    woken.recv(64)
                else:
                    serve(key.fileobj, key.data())
            while self.told:
                if self.told.pop(0) != signal.SIGHUP:
                    time.sleep(DRAIN_SECONDS)
                    return 0
                self.read()
                self.reloaded += 1
            if time.monotonic() >= due:
                due = time.monotonic() + BEAT_SECONDS
                self.beat()

    def health(self) -> str:
        return '{"ok":true}'

    def metrics(self) -> str:
        labels = 'component_id="out",component_kind="sink",component_type="http"'
        return (
            f"vector_reloaded_total {self.reloaded}\n"
            f"vector_component_received_events_total{{{labels}}} {self.number}\n"
        )


def serve(listener: socket.socket, text: str) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(1)
        try:
            connection.recv(4096)
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(text)}\r\n\r\n"
            connection.sendall((head + text).encode())
        except OSError:
            return


def main(arguments: list[str]) -> int:
    if "--version" in arguments:
        sys.stdout.write("vector 0.57.0 (stand-in of the chaos test)\n")
        return 0
    if arguments[0] == "validate":
        return 0
    pipeline, node = (Path(arguments[at + 1]) for at, word in enumerate(arguments) if word == "--config")
    return Engine(pipeline, node).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
