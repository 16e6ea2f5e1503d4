#!/usr/bin/env python3
# ruff: noqa: T201  it is a program, and printing is what it is for
"""A stand-in for Vector: the same command line, signals, exit codes, APIs and exporter.

It moves no events but the lines of a `file` source to a `file` sink, shows taps those of the option `tap`, and
reads only the JSON that the tests write (which is YAML too). `--as 0.54` before all else chooses the version it
behaves like: interpolation of variables up to 0.56, GraphQL up to 0.54, gRPC since 0.55, templates confined since
0.57, sinks that are gone since 0.58. What it does wrong is told by options of the source `in`.
"""

import contextlib
import glob
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

from standin_messages import asked, framed, framed_event, histogram

EXIT_CONFIG = 78
VARIABLE = re.compile(r"\$\$|\$([A-Za-z0-9_.]+)|\$\{([A-Za-z0-9_.]+)\}")
SECRET = re.compile(r"SECRET\[vectorflow\.([\w.-]+)\]")
TAP = "/vector.observability.v1.ObservabilityService/StreamOutputEvents"
COMPONENTS = "/vector.observability.v1.ObservabilityService/GetComponents"


GONE = {"azure_monitor_logs", "logdna"}
"""Sinks that there are none of since 0.58."""
RELOADED = {"sources", "transforms", "sinks", "enrichment_tables", "tests", "secret", "api"}
"""What may differ when a configuration is read again; everything else is global."""


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
    for name in {"graphql", "playground"} & set(merged.get("api", {})) if version >= 55 else ():
        raise Refused(f"unknown field `{name}` in api")
    for sink in merged.get("sinks", {}).values():
        if version >= 58 and sink.get("type") in GONE:
            raise Refused(f"unknown variant `{sink['type']}`")
    if not resolve:
        return merged
    folder = merged.get("secret", {}).get("vectorflow", {}).get("path", "")

    def value(match):
        secret = (Path(folder) / match.group(1)).read_text()
        if not secret:
            raise Refused(f"secret `{match.group(1)}` is empty")
        return secret

    return built(json.loads(SECRET.sub(value, json.dumps(merged))), version)


def built(config, version):
    """What is found only when components are built: a template that could name any file, a condition that is none."""
    for name, sink in config.get("sinks", {}).items():
        if version >= 57 and sink.get("type") == "file" and str(sink.get("path")).startswith("{{"):
            raise Refused(f"sink `{name}`: the template has no literal prefix and is not confined")
    for name, transform in config.get("transforms", {}).items():
        if str(transform.get("condition", "")).rstrip().endswith("=="):
            raise Refused(f"transform `{name}`: syntax error: unexpected end of program")
    return config


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
    config = load(files, version, resolve=False)
    if "--no-environment" not in flags:
        built(config, version)
    wish = options(config)
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
        self.began = time.monotonic()
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
        signal.signal(signal.SIGTERM, self.told_to_end)
        signal.signal(signal.SIGINT, self.told_to_end)
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=self.reload).start())
        self.serve(self.config["api"]["address"], self.answer_api)
        self.serve(self.config["sinks"]["vf_exporter"]["address"], self.answer_metrics)
        print("INFO vector: Vector has started.", file=sys.stderr, flush=True)
        print("an event with personal data", flush=True)
        while not self.draining.wait(0.02):
            wish = options(self.config)
            self.events += wish.get("rate", 1)
            if self.config.get("sinks", {}).get("out", {}).get("type") == "file":
                self.move(wish.get("include", ()), self.config["sinks"]["out"]["path"])
            else:
                self.deliver(wish.get("include", ()))
            if "die_after" in wish and time.monotonic() - self.began > wish["die_after"]:
                print("ERROR stand-in: dying", file=sys.stderr, flush=True)
                os._exit(wish.get("die_code", 0))
        time.sleep(options(self.config).get("drain", 0))
        print("INFO stand-in: drained", file=sys.stderr, flush=True)
        return 0

    def told_to_end(self, *_):
        """As Vector: the first signal drains, the second quits at once."""
        if self.draining.is_set():
            os._exit(0)
        self.draining.set()

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

    def move(self, files, target):
        """A `file` source to a `file` sink: every line once, also over restarts, by a checkpoint in the data folder."""
        for file in map(Path, files):
            checkpoint = Path(self.config["data_dir"]) / f"{file.name}.checkpoint"
            done = int(checkpoint.read_text()) if checkpoint.exists() else 0
            data = file.read_bytes()[done:] if file.exists() else b""
            whole = data[: data.rfind(b"\n") + 1]
            if whole:
                with open(target, "ab") as sink:
                    sink.write(whole)
                checkpoint.write_text(str(done + len(whole)))

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
            kept = [{k: v for k, v in each.items() if k not in RELOADED} for each in (self.config, config)]
            if kept[0] != kept[1]:
                raise Refused("reload refused: global options cannot change while running")
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
                threading.Thread(target=answered, args=(connection,), daemon=True).start()

        def answered(connection):
            with connection, contextlib.suppress(OSError):
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
            wish = options(self.config)
            draining = self.draining.is_set() and not wish.get("hides_drain")
            good = not (draining or wish.get("unhealthy"))
            reply(connection, *((200, '{"ok":true}') if good else (503, '{"ok":false}')))
        elif path == "/graphql" and self.version < 55 and b"upgrade: websocket" in received.lower():
            self.answer_subscription(connection, received)
        elif path == "/graphql" and self.version < 55:
            edges = [{"node": {"componentId": name}} for name in self.components()]
            reply(connection, 200, json.dumps({"data": {"components": {"edges": edges}}}))
        else:
            reply(connection, 404, "")

    def answer_grpc(self, connection, received):
        # Most runs only check a file, and end sooner without this.
        import h2.config  # noqa: PLC0415
        import h2.connection  # noqa: PLC0415
        import h2.events  # noqa: PLC0415

        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        connection.settimeout(2)
        tapped, body = None, b""
        while received:
            for event in http.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    path = dict(event.headers)[b":path"].decode()
                    self.begin_grpc(http, event.stream_id, path)
                    tapped = event.stream_id if path == TAP else None
                if isinstance(event, h2.events.DataReceived) and tapped is not None:
                    body += event.data
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if isinstance(event, h2.events.StreamEnded) and tapped is not None:
                    connection.sendall(http.data_to_send())
                    self.tap_grpc(connection, http, tapped, body)
                    return
            connection.sendall(http.data_to_send())
            try:
                received = connection.recv(65536)
            except OSError:
                return

    def begin_grpc(self, http, stream, path):
        http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        if path == TAP:
            return
        if path == COMPONENTS:
            http.send_data(stream, framed(self.components()))
        http.send_headers(stream, [("grpc-status", "0" if path == COMPONENTS else "12")], end_stream=True)

    def tap_grpc(self, connection, http, stream, body):
        patterns, limit, interval = asked(body)
        connection.settimeout(0.01)
        for events in self.sampled(patterns, limit, interval):
            data = b"".join(framed_event(component, event) for component, event in events)
            try:
                http.receive_data(connection.recv(65536) or b"GOAWAY")
            except TimeoutError:
                pass
            except Exception:  # noqa: BLE001, RUF100  it has gone
                return
            while data:
                room = min(http.local_flow_control_window(stream), http.max_outbound_frame_size, len(data))
                if room:
                    http.send_data(stream, data[:room])
                    data = data[room:]
                connection.sendall(http.data_to_send())
                if not room:
                    time.sleep(0.01)
                    http.receive_data(connection.recv(65536))

    def answer_subscription(self, connection, received):
        """subscriptions-transport-ws, as Vector speaks it: nothing is told before `start`."""
        import wsproto  # noqa: PLC0415  as above
        import wsproto.events  # noqa: PLC0415

        socket = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        connection.settimeout(2)
        while received:
            socket.receive_data(received)
            for event in socket.events():
                if isinstance(event, wsproto.events.Request):
                    accept = wsproto.events.AcceptConnection(subprotocol="graphql-ws")
                    connection.sendall(socket.send(accept))
                elif isinstance(event, wsproto.events.TextMessage):
                    message = json.loads(event.data)
                    if message["type"] == "connection_init":
                        self.say(connection, socket, {"type": "connection_ack"})
                    elif message["type"] == "start":
                        self.tap_graphql(connection, socket, message)
                        return
            received = connection.recv(65536)

    def tap_graphql(self, connection, socket, message):
        wish = message["payload"]["variables"]
        name = "outputEventsByComponentIdPatterns"
        assert name in message["payload"]["query"]
        for events in self.sampled(wish["o"], wish["l"], wish["i"]):
            listed = [
                {"__typename": "Log", "componentId": component, "string": json.dumps(event)}
                for component, event in events
            ]
            data = {"id": message["id"], "type": "data", "payload": {"data": {name: listed}}}
            self.say(connection, socket, data)

    def say(self, connection, socket, message):
        import wsproto.events  # noqa: PLC0415  as above

        connection.sendall(socket.send(wsproto.events.TextMessage(data=json.dumps(message))))

    def sampled(self, patterns, limit, interval):
        """As Vector: at most `limit` events of every interval, of the outputs that there are then."""
        assert patterns
        assert 1 <= limit <= 100_000
        assert interval >= 100
        number = 0
        while not self.draining.wait(interval / 1000):
            wish = options(self.config).get("tap", {})
            outputs = [
                name for name in self.config.get("sources", {}) if any(fnmatch(name, p) for p in patterns)
            ]
            count = min(limit, int(wish.get("rate", 50) * interval / 1000))
            events = []
            for name in outputs:
                for _ in range(count):
                    number += 1
                    events.append((name, {**wish.get("event", {"message": "hello"}), "number": number}))
            yield events

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
        if time.monotonic() - self.began < options(self.config).get("mute", 0):
            reply(connection, 503, "")
            return
        lines = [f'vector_reloaded_total{{host="h"}} {self.reloaded} 1700000000000']
        lines.append(f'vector_component_errors_total{{error_code="reload",host="h"}} {self.failed}')
        kinds = ("sources", "transforms", "sinks")
        names = [(kind, name) for kind in kinds for name in self.config.get(kind, {})]
        for kind, name in names:
            labels = f'component_id="{name}",component_kind="{kind[:-1]}",component_type="x"'
            lines.append(f"vector_component_received_events_total{{{labels}}} {self.events} 1700000000000")
            lines.append(f'vector_component_sent_events_total{{{labels},output="_default"}} {self.events}')
            lines += self.measured(kind, labels)
            if options(self.config).get("misconfigured") == name:
                lines.append(
                    f'vector_component_errors_total{{{labels},error_type="configuration_failed"}} 1 1700000000000'
                )
        reply(connection, 200, "\n".join(lines) + "\n")

    def measured(self, kind, labels):
        """What Vector tells of each kind: every event took 0.02 s, and a sink's buffer holds 9 of 500."""
        if kind == "sinks":
            sizes = {"size_events": 9, "max_size_events": 500}
            if self.version <= 57:
                sizes |= {"events": 9, "max_event_size": 500}
            told = [
                f'vector_buffer_{name}{{buffer_id="out",{labels},stage="0"}} {n}' for name, n in sizes.items()
            ]
            return [*told, *histogram("buffer_send_duration_seconds", labels, self.events)]
        if kind == "sources":
            return histogram("source_lag_time_seconds", labels, self.events)
        return histogram("component_latency_seconds", labels, self.events) if self.version >= 54 else []


def reply(connection, code, text):
    head = f"HTTP/1.1 {code} Said\r\nconnection: close\r\ncontent-length: {len(text)}\r\n\r\n"
    connection.sendall((head + text).encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
