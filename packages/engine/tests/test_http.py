"""``http`` sink and ``http_server`` source: delivery, retries, back-pressure, who waits for whom."""

import gzip
import json
import threading
import time

import pytest
from tests.patience import patience

SINK = """
sources: {in: {type: file, include: [@/in.log], glob_minimum_cooldown_ms: 100}}
transforms: {r: {type: remap, inputs: [in], source: ". = {\\"n\\": to_int!(.message)}"}}
sinks:
  out:
    type: http
    inputs: [r]
    uri: URI
    encoding: {codec: json}
    framing: {method: newline_delimited}
    acknowledgements: true
    batch: {timeout_secs: 0.1, max_events: 50}
    request: {retry_initial_backoff_secs: 0.05, retry_max_duration_secs: 0.2, concurrency: 2}
"""


def start(engine, receiver, count, extra=""):
    (engine.folder / "in.log").write_text("".join(f"{n}\n" for n in range(count)))
    return engine.start(SINK.replace("URI", receiver.url) + extra)


def numbers(receiver):
    return sorted(event["n"] for event in receiver.events())


def test_delivers_everything_in_batches(engine, receiver):
    start(engine, receiver, 205)
    engine.until(lambda: numbers(receiver) == list(range(205)))
    sizes = [len(body.splitlines()) for _, _, body in receiver.requests]
    assert max(sizes) == 50
    assert len(sizes) == 5
    assert receiver.requests[0][1]["content-type"] == "application/x-ndjson"
    engine.settled("component_sent_events_total", 205, component_id="out")
    assert engine.metric("component_sent_events_total", component_id="in", output="_default") == 205
    assert engine.metric("component_received_events_total", component_id="out") == 205


@pytest.mark.parametrize("status", [503, 429])
def test_retries(engine, receiver, status):
    receiver.script = [status] * 5
    start(engine, receiver, 120)
    engine.until(lambda: numbers(receiver) == list(range(120)))
    engine.settled(
        "component_errors_total", 5, component_id="out", error_type="request_failed", stage="sending"
    )
    assert engine.metric("component_discarded_events_total", component_id="out") is None


def test_a_refusal_is_counted_and_not_repeated(engine, receiver):
    receiver.script = [400]
    start(engine, receiver, 10)
    engine.settled("component_discarded_events_total", 10, component_id="out", intentional="false")
    assert len(receiver.requests) == 1


def test_a_slow_receiver_holds_the_source_back(engine, receiver):
    receiver.delay = 0.3
    start(engine, receiver, 20_000)
    time.sleep(2)
    sent = engine.metric("component_sent_events_total", component_id="in")
    delivered = engine.metric("component_sent_events_total", component_id="out") or 0
    # In flight: the buffer (500), two requests and a full parcel (50 each), and one read of the source (64 KiB).
    assert sent < 20_000
    assert engine.metric("buffer_size_events", component_id="out") <= 500
    assert sent - delivered <= 500 + 150 + 64 * 1024 / 2
    receiver.delay = 0.0
    engine.until(lambda: len(receiver.events()) >= 20_000, 30)
    assert numbers(receiver) == list(range(20_000))


def test_drop_newest_counts_what_it_drops(engine, receiver):
    receiver.delay = 0.2
    start(engine, receiver, 5_000, "    buffer: {max_events: 100, when_full: drop_newest}\n")
    engine.until(lambda: (engine.metric("component_sent_events_total", component_id="in") or 0) == 5_000)
    dropped = engine.settled_value("component_discarded_events_total", component_id="out", intentional="true")
    receiver.delay = 0.0
    engine.until(lambda: len(receiver.events()) == 5_000 - dropped)
    assert engine.metric("buffer_discarded_events_total", component_id="out") == dropped


def test_graceful_stop_delivers_what_is_in_flight(engine, receiver):
    start(engine, receiver, 5_000)
    engine.until(lambda: len(receiver.requests) > 2)
    assert engine.stop() == 0
    got = numbers(receiver)
    assert len(set(got)) == len(got)
    engine.start()
    engine.until(lambda: len(receiver.events()) >= 5_000)
    assert numbers(receiver) == list(range(5_000))


def test_headers_auth_compression_and_uri_fields(engine, receiver):
    extra = "    auth: {strategy: basic, user: me, password: hunter2}\n    compression: gzip\n"
    text = (
        SINK.replace("URI", receiver.url + "/{{ n }}").replace(
            "request: {", "request: {headers: {x-team: blue}, "
        )
        + extra
    )
    (engine.folder / "in.log").write_text("7\n8\n")
    engine.start(text)
    engine.until(lambda: len(receiver.requests) == 2)
    _, headers, body = receiver.requests[0]
    assert json.loads(gzip.decompress(body)) in ({"n": 7}, {"n": 8})
    assert headers["x-team"] == "blue"
    assert headers["authorization"] == "Basic bWU6aHVudGVyMg=="
    assert headers["content-encoding"] == "gzip"


def test_secrets_of_a_sink_reach_the_receiver_and_no_log(engine, receiver):
    (engine.folder / "keys").mkdir()
    (engine.folder / "keys" / "token").write_text("canary-5f2c")
    with engine.base.open("a") as base:
        base.write(f"secret: {{vf: {{type: directory, path: {engine.folder}/keys}}}}\n")
    receiver.script = [503, 401]
    start(engine, receiver, 3, '    auth: {strategy: bearer, token: "SECRET[vf.token]"}\n')
    engine.until(lambda: len(receiver.requests) == 2)
    assert receiver.requests[0][1]["authorization"] == "Bearer canary-5f2c"
    engine.until(lambda: "Events dropped" in engine.log())
    assert "canary" not in engine.log()


SERVER = """
sources: {in: {type: http_server, address: "127.0.0.1:PORT", path: /in%s}}
sinks:
  out: {type: file, inputs: [in], path: @/out.log, encoding: {codec: json}}
"""


@pytest.fixture
def server(engine):
    port = engine.free_port()

    def begin(options="", text=SERVER):
        engine.start(text.replace("PORT", str(port)) % options)
        return f"http://127.0.0.1:{port}/in"

    return begin


def post(engine, url, body, **headers):
    return engine.fetch(url, body, headers, "POST")[0]


def test_lines_and_documents(engine, server):
    url = server(", decoding: {codec: json}")
    assert post(engine, url, b'{"a": 1}\n{"a": 2}\n') == 200
    assert post(engine, url, b'[{"a": 3},\n {"a": 4}]') == 200
    assert post(engine, url, gzip.compress(b'{"a": 5}'), **{"content-encoding": "gzip"}) == 200
    engine.until(lambda: len(engine.lines()) == 5)
    assert [event["a"] for event in engine.events()] == [1, 2, 3, 4, 5]
    event = engine.events()[0]
    assert (event["path"], event["source_type"]) == ("/in", "http_server")
    engine.settled("component_received_events_total", 5, component_id="in")


def test_bad_requests(engine, server):
    url = server(", decoding: {codec: json}, auth: {strategy: basic, username: u, password: p}")
    login = {"authorization": "Basic dTpw"}
    assert post(engine, url, b"{}") == 401
    assert post(engine, url, b"{", **login) == 400
    assert post(engine, url, b"5", **login) == 400
    assert post(engine, url + "/other", b"{}", **login) == 404
    assert engine.fetch(url, headers=login)[0] == 405
    assert post(engine, url, b"no gzip", **login, **{"content-encoding": "gzip"}) == 400
    assert post(engine, url, b"{}", **login, **{"content-encoding": "br"}) == 415
    assert engine.lines() == []


def test_the_answer_waits_for_the_acknowledgement(engine, server, receiver):
    receiver.delay = 0.7
    sink = f"  out: {{type: http, inputs: [in], uri: '{receiver.url}', encoding: {{codec: text}}, acknowledgements: ACK, batch: {{timeout_secs: 0.05}}}}\n"
    text = SERVER.split("  out:", maxsplit=1)[0] + sink
    url = server("", text.replace("ACK", "true"))
    began = time.monotonic()
    assert post(engine, url, b"x\n") == 200
    assert time.monotonic() - began > 0.7
    receiver.script = [400]
    assert post(engine, url, b"y\n") == 400
    assert engine.stop() == 0
    url = server("", text.replace("ACK", "false"))
    began = time.monotonic()
    assert post(engine, url, b"z\n") == 200
    assert time.monotonic() - began < 0.5 * patience()


def test_an_answer_under_way_survives_a_graceful_stop(engine, server, receiver):
    receiver.delay = 0.6
    sink = f"  out: {{type: http, inputs: [in], uri: '{receiver.url}', encoding: {{codec: text}}, acknowledgements: true}}\n"
    url = server("", SERVER.split("  out:", maxsplit=1)[0] + sink)
    statuses = []
    client = threading.Thread(target=lambda: statuses.append(post(engine, url, b"x\n")))
    client.start()
    time.sleep(0.3)
    assert engine.stop() == 0
    client.join()
    assert statuses == [200]
    assert len(receiver.requests) == 1
