#!/usr/bin/env python3
# ruff: noqa: T201  it is a program, and printing is what it is for
"""A stand-in for Vector: the same command line, signals, exit codes, health API and exporter.

It moves no events, and reads only the JSON that the tests write (which is YAML too). What it does wrong is told by options of the source `in` in its configuration.
"""

import json
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

EXIT_CONFIG = 78


def main(arguments):
    if "--version" in arguments:
        print("vector 0.99.0 (x86_64-unknown-linux-gnu stand-in)")
        return 0
    if arguments[0] == "validate":
        return validate([a for a in arguments[1:] if not a.startswith("--")])
    files = [arguments[i + 1] for i, a in enumerate(arguments) if a == "--config"]
    return Engine(files).run()


def load(files, *, resolve):
    merged = {}
    for file in files:
        text = Path(file).read_text()
        for section, content in json.loads(text).items():
            if isinstance(content, dict):
                merged.setdefault(section, {}).update(content)
            else:
                merged[section] = content
    if not resolve:
        return merged
    folder = merged.get("secret", {}).get("vectorflow", {}).get("path", "")

    def value(match):
        return (Path(folder) / match.group(1)).read_text()

    return json.loads(re.sub(r"SECRET\[vectorflow\.([\w.-]+)\]", value, json.dumps(merged)))


def options(config):
    return config.get("sources", {}).get("in", {})


def validate(files):
    wish = options(load(files, resolve=False))
    if wish.get("invalid"):
        print("Failed to load: x Configuration error. unknown option `invalid`", file=sys.stderr)
        return EXIT_CONFIG
    time.sleep(wish.get("slow_validate", 0))
    print("Validated")
    return 0


class Engine:
    def __init__(self, files):
        self.files = files
        self.reloaded = 0
        self.failed = 0
        self.draining = threading.Event()
        self.events = 0
        self.config = {}

    def run(self):
        self.config = load(self.files, resolve=True)
        wish = options(self.config)
        if wish.get("say"):
            print(f"ERROR stand-in: {wish['say']}", file=sys.stderr, flush=True)
        if "start_exit" in wish:
            return wish["start_exit"]
        if "listen" in wish:
            listener = socket.socket()
            try:
                listener.bind(("127.0.0.1", wish["listen"]))
            except OSError:
                print("ERROR source: error binding: Address already in use (os error 98)", file=sys.stderr)
                return EXIT_CONFIG
            listener.listen()
        signal.signal(signal.SIGTERM, lambda *_: self.draining.set())
        signal.signal(signal.SIGINT, lambda *_: self.draining.set())
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=self.reload).start())
        self.serve(self.config["api"]["address"], self.health)
        self.serve(self.config["sinks"]["vf_exporter"]["address"], self.metrics)
        print("INFO vector: Vector has started.", file=sys.stderr, flush=True)
        print("an event with personal data", flush=True)
        began = time.monotonic()
        while not self.draining.wait(0.02):
            wish = options(self.config)
            self.events += wish.get("rate", 1)
            if "die_after" in wish and time.monotonic() - began > wish["die_after"]:
                print("ERROR stand-in: dying", file=sys.stderr, flush=True)
                os._exit(wish.get("die_code", 0))
        time.sleep(options(self.config).get("drain", 0))
        return 0

    def reload(self):
        config = load(self.files, resolve=True)
        if options(config).get("bad_reload") or options(config).get("invalid"):
            print("ERROR vector: Configuration error. reload refused", file=sys.stderr, flush=True)
            self.failed += 1
            return
        self.config = config
        self.reloaded += 1

    def serve(self, address, answer):
        host, _, port = address.rpartition(":")
        listener = socket.create_server((host, int(port)))

        def loop():
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    code, text = answer()
                    head = f"HTTP/1.1 {code} Said\r\nconnection: close\r\ncontent-length: {len(text)}\r\n\r\n"
                    connection.sendall((head + text).encode())

        threading.Thread(target=loop, daemon=True).start()

    def health(self):
        good = not (self.draining.is_set() or options(self.config).get("unhealthy"))
        return (200, '{"ok":true}') if good else (503, '{"ok":false}')

    def metrics(self):
        lines = [f'vector_reloaded_total{{host="h"}} {self.reloaded} 1700000000000']
        lines.append(f'vector_component_errors_total{{error_code="reload",host="h"}} {self.failed}')
        names = [(kind, name) for kind in ("sources", "sinks") for name in self.config.get(kind, {})]
        for kind, name in names:
            labels = f'component_id="{name}",component_kind="{kind[:-1]}",component_type="x"'
            lines.append(f"vector_component_received_events_total{{{labels}}} {self.events} 1700000000000")
            lines.append(f'vector_component_sent_events_total{{{labels},output="_default"}} {self.events}')
        return 200, "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
