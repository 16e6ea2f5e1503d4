#!/usr/bin/env python3
# ruff: noqa: T201  it is a program, and printing is what it is for
"""A stand-in for Vector: the same command line, signals, exit codes, APIs and exporter.

It moves no events, and reads only the JSON that the tests write (which is YAML too). `--as 0.54`
before all else chooses the version it behaves like: interpolation of variables up to 0.56, GraphQL
up to 0.54, gRPC since 0.55. What it does wrong is told by options of the source `in`.
"""

import glob
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import h2.config
import h2.connection
import h2.events

EXIT_CONFIG = 78
VARIABLE = re.compile(r"\$\$|\$([A-Za-z0-9_.]+)|\$\{([A-Za-z0-9_.]+)\}")
SECRET = re.compile(r"SECRET\[vectorflow\.([\w.-]+)\]")
COMPONENTS = "/vector.observability.v1.ObservabilityService/GetComponents"


class Refused(Exception):
    """The configuration cannot be used."""


def main(arguments):
    version = "0.57"
    if arguments[0] == "--as":
        version, arguments = arguments[1], arguments[2:]
    if "--version" in arguments:
        print(f"vector {version}.0 (x86_64-unknown-linux-gnu stand-in)")
        return 0
    try:
        if arguments[0] == "validate":
            flags = {a for a in arguments[1:] if a.startswith("--")}
            return validate([a for a in arguments[1:] if not a.startswith("--")], minor(version), flags)
        files = [arguments[i + 1] for i, a in enumerate(arguments) if a == "--config"]
        return Engine(files, minor(version)).run()
    except Refused as refused:
        print(f"x Configuration error. {refused}", file=sys.stderr)
        return EXIT_CONFIG


def minor(version):
    return int(version.split(".")[1])


def load(files, version, *, resolve):
    merged = {}
    for file in files:
        text = interpolated(Path(file).read_text(), version)
        for section, content in json.loads(text).items():
            if isinstance(content, dict):
                merged.setdefault(section, {}).update(content)
            else:
                merged[section] = content
    if version >= 55 and "graphql" in merged.get("api", {}):
        raise Refused("unknown field `graphql` in api")
    if not resolve:
        return merged
    folder = merged.get("secret", {}).get("vectorflow", {}).get("path", "")

    def value(match):
        return (Path(folder) / match.group(1)).read_text()

    return json.loads(SECRET.sub(value, json.dumps(merged)))


def interpolated(text, version):
    if version >= 57 or os.environ.get("VECTOR_DISABLE_ENV_VAR_INTERPOLATION") == "true":
        return text

    def value(match):
        name = match.group(1) or match.group(2)
        if name is None:
            return "$"
        if name not in os.environ:
            raise Refused(f"Missing environment variable: {name}")
        return os.environ[name]

    return VARIABLE.sub(value, text)


def options(config):
    return config.get("sources", {}).get("in", {})


def validate(files, version, flags):
    wish = options(load(files, version, resolve=False))
    if wish.get("invalid"):
        raise Refused("unknown option `invalid`")
    if "--no-environment" not in flags and "must_be" in wish and wish["must_be"] != wish.get("password"):
        # As Vector would say about an address that is none: with the value in it.
        raise Refused(f"password {wish.get('password')!r} is not usable")
    time.sleep(wish.get("slow_validate", 0))
    print("Validated")
    return 0


class Engine:
    def __init__(self, files, version):
        self.files = files
        self.version = version
        self.reloaded = 0
        self.failed = 0
        self.draining = threading.Event()
        self.events = 0
        self.config = {}
        self.api = None

    def run(self):
        self.config = load(self.files, self.version, resolve=True)
        wish = options(self.config)
        if wish.get("say"):
            print(f"ERROR stand-in: {wish['say']}", file=sys.stderr, flush=True)
        if "start_exit" in wish:
            return wish["start_exit"]
        if "write" in wish:
            try:
                Path(wish["write"]).write_bytes(b"x" * wish.get("write_bytes", 1))
            except OSError as error:
                print(f"ERROR sink: cannot write: {error.strerror} (os error {error.errno})", file=sys.stderr)
                return 1
        if "listen" in wish and not self.listens(wish["listen"]):
            return EXIT_CONFIG
        signal.signal(signal.SIGTERM, lambda *_: self.draining.set())
        signal.signal(signal.SIGINT, lambda *_: self.draining.set())
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=self.reload).start())
        self.serve(self.config["api"]["address"], self.answer_api)
        self.serve(self.config["sinks"]["vf_exporter"]["address"], self.answer_metrics)
        print("INFO vector: Vector has started.", file=sys.stderr, flush=True)
        print("an event with personal data", flush=True)
        began = time.monotonic()
        while not self.draining.wait(0.02):
            wish = options(self.config)
            self.events += wish.get("rate", 1)
            self.deliver(wish.get("include", ()))
            if "die_after" in wish and time.monotonic() - began > wish["die_after"]:
                print("ERROR stand-in: dying", file=sys.stderr, flush=True)
                os._exit(wish.get("die_code", 0))
        time.sleep(options(self.config).get("drain", 0))
        return 0

    def listens(self, port):
        listener = socket.socket()
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            print(f"ERROR source: error binding: {error.strerror} (os error {error.errno})", file=sys.stderr)
            return False
        listener.listen()
        self.listener = listener
        return True

    def deliver(self, patterns):
        """A `file` source to a console: what can be read of these files goes to standard output, once."""
        done = self.__dict__.setdefault("delivered", set())
        for path in {path for pattern in patterns for path in glob.glob(pattern, recursive=True)} - done:
            done.add(path)
            try:
                content = Path(path).read_text(errors="replace")
            except OSError as error:
                print(f"WARN file: {path} cannot be read: {error.strerror}", file=sys.stderr, flush=True)
                continue
            print(f"read {path}: {content}", flush=True)

    def reload(self):
        try:
            config = load(self.files, self.version, resolve=True)
            if options(config).get("bad_reload") or options(config).get("invalid"):
                raise Refused("reload refused")
        except Refused as refused:
            print(f"ERROR vector: Configuration error. {refused}", file=sys.stderr, flush=True)
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
                    answer(connection)

        threading.Thread(target=loop, daemon=True).start()

    def answer_api(self, connection):
        received = connection.recv(65536)
        if received.startswith(b"PRI * HTTP/2"):
            if self.version >= 55:
                self.answer_grpc(connection, received)
            return
        path = received.split(b" ", 2)[1].decode() if b" " in received else ""
        if path == "/health":
            good = not (self.draining.is_set() or options(self.config).get("unhealthy"))
            reply(connection, *((200, '{"ok":true}') if good else (503, '{"ok":false}')))
        elif path == "/graphql" and self.version < 55:
            edges = [{"node": {"componentId": name}} for name in self.components()]
            reply(connection, 200, json.dumps({"data": {"components": {"edges": edges}}}))
        else:
            reply(connection, 404, "")

    def answer_grpc(self, connection, received):
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        connection.settimeout(2)
        while received:
            for event in http.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    known = (b":path", COMPONENTS.encode()) in event.headers
                    status = "0" if known else "12"
                    http.send_headers(
                        event.stream_id, [(":status", "200"), ("content-type", "application/grpc")]
                    )
                    if known:
                        http.send_data(event.stream_id, framed(self.components()))
                    http.send_headers(event.stream_id, [("grpc-status", status)], end_stream=True)
            connection.sendall(http.data_to_send())
            try:
                received = connection.recv(65536)
            except OSError:
                return

    def components(self):
        missing = options(self.config).get("missing", ())
        return [
            name
            for kind in ("sources", "transforms", "sinks")
            for name in self.config.get(kind, {})
            if name not in missing
        ]

    def answer_metrics(self, connection):
        connection.recv(65536)
        lines = [f'vector_reloaded_total{{host="h"}} {self.reloaded} 1700000000000']
        lines.append(f'vector_component_errors_total{{error_code="reload",host="h"}} {self.failed}')
        names = [(kind, name) for kind in ("sources", "sinks") for name in self.config.get(kind, {})]
        for kind, name in names:
            labels = f'component_id="{name}",component_kind="{kind[:-1]}",component_type="x"'
            lines.append(f"vector_component_received_events_total{{{labels}}} {self.events} 1700000000000")
            lines.append(f'vector_component_sent_events_total{{{labels},output="_default"}} {self.events}')
            if options(self.config).get("misconfigured") == name:
                lines.append(
                    f'vector_component_errors_total{{{labels},error_type="configuration_failed"}} 1 1700000000000'
                )
        reply(connection, 200, "\n".join(lines) + "\n")


def reply(connection, code, text):
    head = f"HTTP/1.1 {code} Said\r\nconnection: close\r\ncontent-length: {len(text)}\r\n\r\n"
    connection.sendall((head + text).encode())


def framed(names):
    """`GetComponentsResponse` with one `Component` of only an id for each name, and the frame around it."""
    message = b""
    for name in names:
        component = b"\x0a" + bytes([len(name)]) + name.encode()
        message += b"\x0a" + bytes([len(component)]) + component
    return b"\0" + len(message).to_bytes(4, "big") + message


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
