"""Real engine processes and a real receiver, for tests of whole pipelines."""

import contextlib
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

BASE = """
data_dir: {folder}/data
api: {{enabled: true, address: "127.0.0.1:{api}"}}
sources: {{vf_metrics: {{type: internal_metrics, scrape_interval_secs: 0.1}}}}
sinks: {{vf_exporter: {{type: prometheus_exporter, inputs: [vf_metrics], address: "127.0.0.1:{prom}"}}}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(check, seconds=15.0, what="condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"{what} did not come true in {seconds} s")


def fetch(url, data=None, headers=None, method=None):
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class EngineProcess:
    """One engine with a folder of its own; every start appends to the same log."""

    until = staticmethod(until)
    free_port = staticmethod(free_port)
    fetch = staticmethod(fetch)

    def __init__(self, folder):
        self.folder = folder
        self.api, self.prom = free_port(), free_port()
        (folder / "data").mkdir()
        self.config = folder / "pipeline.yaml"
        self.base = folder / "vf.yaml"
        self.base.write_text(BASE.format(folder=folder, api=self.api, prom=self.prom))
        self.process = None

    def write(self, text):
        self.config.write_text(text.replace("@", str(self.folder)))

    def start(self, text=None, *args, ready=True, stdin=subprocess.DEVNULL):
        if text is not None:
            self.write(text)
        self.seen = len(self.log())
        with (self.folder / "stderr").open("ab") as err, (self.folder / "stdout").open("ab") as out:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "vectorflow_engine",
                    "-c",
                    str(self.base),
                    "-c",
                    str(self.config),
                    *args,
                ],
                stdin=stdin,
                stdout=out,
                stderr=err,
                cwd=self.folder,
            )
        if ready:
            until(
                lambda: "has started" in self.log()[self.seen :] or self.process.poll() is not None,
                30,
                "start",
            )
            assert self.process.poll() is None, self.log()
        return self

    def log(self):
        path = self.folder / "stderr"
        return path.read_text() if path.exists() else ""

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def metric(self, name, **labels):
        status, body = fetch(f"http://127.0.0.1:{self.prom}/metrics")
        assert status == 200
        total, found = 0.0, False
        for line in body.decode().splitlines():
            if line.startswith(f"vector_{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(re.search(r"} (\S+)", line)[1])
                found = True
        return total if found else None

    def settled(self, name, value, **labels):
        return until(lambda: self.metric(name, **labels) == value, 15, f"{name}{labels} == {value}")

    def settled_value(self, name, **labels):
        """The metric once two readings 0.5 s apart agree."""
        before = None
        while (value := self.metric(name, **labels)) != before or value is None:
            before = value
            time.sleep(0.5)
        return value

    def lines(self, name="out.log"):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def events(self, name="out.log"):
        return [json.loads(line) for line in self.lines(name)]


@pytest.fixture
def engine(tmp_path):
    made = EngineProcess(tmp_path)
    yield made
    made.kill()


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; answers with the next status of ``script``, then 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests, self.script, self.delay = [], [], 0.0
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/in"

    def events(self):
        with self.lock:
            bodies = [body for status, _, body in self.requests if status == 200]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def handle_error(self, *_):
        """A client that was killed is part of the test."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.server.delay)
        with self.server.lock:
            status = self.server.script.pop(0) if self.server.script else 200
            self.server.requests.append((status, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def command(tmp_path):
    """Run the command to its end: exit code, output, errors."""

    def run(*args, stdin="", env=None):
        done = subprocess.run(
            [sys.executable, "-m", "vectorflow_engine", *map(str, args)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def appending():
    """Open files for appending, closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda path: stack.enter_context(path.open("a", buffering=1))
