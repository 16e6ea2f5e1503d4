"""A running engine that is changed, and each remaining component in a real process."""

import json
import os
import signal
import subprocess
import time

import pytest

PIPE = """
acknowledgements: true
sources: {in: {type: file, include: [@/in.log], glob_minimum_cooldown_ms: 100}}
transforms:
  parse: {type: remap, inputs: [in], source: ". = {\\"n\\": to_int!(.message)}"}
sinks:
  out: {type: file, inputs: [parse], path: @/out.log, encoding: {codec: json}}
"""


def reload_with(engine, text):
    engine.write(text)
    engine.send(signal.SIGHUP)


def test_reload_changes_the_pipeline_and_loses_nothing(engine, appending):
    log = appending(engine.folder / "in.log")
    engine.start(PIPE)
    log.write("".join(f"{n}\n" for n in range(500)))
    engine.until(lambda: len(engine.lines()) == 500)
    changed = PIPE.replace("@/out.log", "@/second.log").replace('\\"n\\":', '\\"m\\":')
    changed = changed.replace("sinks:\n", "sinks:\n  more: {type: blackhole, inputs: [in]}\n")
    reload_with(engine, changed)
    log.write("".join(f"{n}\n" for n in range(500, 1000)))
    engine.settled("reloaded_total", 1)
    log.write("".join(f"{n}\n" for n in range(1000, 1500)))
    engine.until(lambda: len(engine.lines()) + len(engine.lines("second.log")) == 1500)
    assert engine.lines("second.log")
    assert "m" in engine.events("second.log")[0]
    engine.until(lambda: engine.metric("component_received_events_total", component_id="more"))
    assert engine.stop() == 0


def test_reload_of_a_changed_source_goes_on_where_it_was(engine, appending):
    log = appending(engine.folder / "in.log")
    engine.start(PIPE)
    log.write("1\n2\n")
    engine.until(lambda: len(engine.lines()) == 2)
    reload_with(engine, PIPE.replace("glob_minimum_cooldown_ms: 100", "glob_minimum_cooldown_ms: 50"))
    engine.settled("reloaded_total", 1)
    log.write("3\n")
    engine.until(lambda: len(engine.lines()) == 3)
    time.sleep(0.3)
    assert [event["n"] for event in engine.events()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("to_int!", "to_nonsense!", "topology_build_failed"),
        ("acknowledgements: true", "acknowledgements: false", "global_options_changed"),
        ("type: blackhole", "type: prometheus_exporter", "topology_build_failed"),
    ],
)
def test_a_bad_reload_keeps_the_old(engine, appending, old, new, reason):
    log = appending(engine.folder / "in.log")
    text = PIPE + "  hole: {type: blackhole, inputs: [in]}\n"
    engine.start(text)
    reload_with(engine, text.replace(old, new))
    engine.settled("component_errors_total", 1, error_type="configuration_failed", reason=reason)
    log.write("1\n")
    engine.until(lambda: len(engine.lines()) == 1)
    assert engine.metric("reloaded_total") is None
    assert engine.process.poll() is None


def test_a_reload_that_cannot_bind_goes_back(engine, appending):
    log = appending(engine.folder / "in.log")
    engine.start(PIPE)
    log.write("1\n")
    engine.until(lambda: len(engine.lines()) == 1)
    clash = f'sources:\n  http: {{type: http_server, address: "127.0.0.1:{engine.api}"}}\n  in:'
    text = PIPE.replace("sources: {in: ", clash + " ").replace("cooldown_ms: 100}}", "cooldown_ms: 50}")
    reload_with(engine, text.replace("inputs: [in]", "inputs: [in, http]"))
    engine.until(lambda: "restoring the old configuration" in engine.log())
    log.write("2\n")
    engine.until(lambda: len(engine.lines()) == 2)
    engine.settled("component_errors_total", 1, error_type="configuration_failed")
    assert "cannot listen on" in engine.log()
    assert engine.stop() == 0


def test_a_full_disk_is_waited_for(engine, appending):
    os.symlink("/dev/full", engine.folder / "out.log")
    log = appending(engine.folder / "in.log")
    engine.start(PIPE)
    log.write("1\n2\n")
    engine.until(
        lambda: (engine.metric("component_errors_total", component_id="out", stage="sending") or 0) > 1
    )
    assert "No space left on device" in engine.log()
    (engine.folder / "out.log").unlink()
    engine.until(lambda: len(engine.lines()) == 2)
    assert [event["n"] for event in engine.events()] == [1, 2]


def test_a_torn_line_does_not_swallow_the_next(engine):
    (engine.folder / "out.log").write_text('{"n": 1')
    (engine.folder / "in.log").write_text("2\n")
    engine.start(PIPE)
    engine.until(lambda: engine.lines()[1:] == ['{"n":2}'])


def test_routes_drops_and_counts(engine):
    (engine.folder / "in.log").write_text("".join(f"{n}\n" for n in range(100)) + "x\n" * 7 + "skip\n" * 3)
    engine.start("""
sources: {in: {type: file, include: [@/in.log]}}
transforms:
  parse:
    type: remap
    inputs: [in]
    drop_on_error: true
    reroute_dropped: true
    source: |
      if .message == "skip" { abort "not wanted" }
      . = {"n": to_int!(.message)}
  by: {type: route, inputs: [parse], route: {small: "int!(.n) < 10", even: "mod(int!(.n), 2) == 0"}}
sinks:
  bad: {type: file, inputs: [parse.dropped], path: @/bad.log, encoding: {codec: json}}
  small: {type: file, inputs: [by.small], path: "@/small.log", encoding: {codec: json}}
  rest: {type: blackhole, inputs: [by._unmatched]}
""")
    engine.until(lambda: len(engine.lines("bad.log")) == 10 and len(engine.lines("small.log")) == 10)
    dropped = engine.events("bad.log")
    assert dropped[0]["message"] == "x"
    assert dropped[0]["metadata"]["dropped"] == {
        "component_id": "parse",
        "component_kind": "transform",
        "component_type": "remap",
        "message": dropped[0]["metadata"]["dropped"]["message"],
        "reason": "error",
    }
    assert dropped[-1]["metadata"]["dropped"]["reason"] == "abort"
    assert dropped[-1]["metadata"]["dropped"]["message"] == "not wanted"
    engine.settled("component_sent_events_total", 100, component_id="parse", output="_default")
    engine.settled("component_sent_events_total", 10, component_id="parse", output="dropped")
    engine.settled("component_errors_total", 7, component_id="parse", error_type="conversion_failed")
    engine.settled("component_sent_events_total", 10, component_id="by", output="small")
    engine.settled("component_received_events_total", 100, component_id="by")


def test_demo_logs_console_and_the_end_of_all_sources(command, tmp_path):
    (tmp_path / "c.yaml").write_text("""
sources:
  a: {type: demo_logs, format: shuffle, lines: [x], count: 5, interval: 0.001, sequence: true}
  b: {type: demo_logs, format: json, count: 1500, interval: 0, decoding: {codec: json}}
sinks:
  lines: {type: console, inputs: [a], encoding: {codec: text}}
  docs: {type: file, inputs: [b], path: docs.log, encoding: {codec: json, only_fields: [method, request_id]}}
""")
    code, out, _ = command("-c", "c.yaml")
    assert (code, out) == (0, "".join(f"{n} x\n" for n in range(1, 6)))
    docs = [json.loads(line) for line in (tmp_path / "docs.log").read_text().splitlines()]
    assert len(docs) == 1500
    assert set(docs[0]) == {"method", "request_id"}


@pytest.mark.parametrize("form", ["apache_common", "apache_error", "bsd_syslog", "syslog", "json"])
def test_demo_formats(command, tmp_path, form):
    (tmp_path / "c.yaml").write_text(
        f"sources: {{a: {{type: demo_logs, format: {form}, count: 3, interval: 0.001}}}}\n"
        "sinks: {o: {type: console, inputs: [a], encoding: {codec: text}}}"
    )
    code, out, _ = command("-c", "c.yaml")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_metrics_pass_through_remap_and_filter(command, tmp_path):
    (tmp_path / "c.yaml").write_text("""
sources:
  m:
    type: static_metrics
    interval_secs: 0.05
    metrics:
      - {name: a, kind: absolute, value: {gauge: {value: 2}}, tags: {x: "1"}}
      - {name: b, kind: incremental, value: {counter: {value: 1}}, tags: {}}
transforms:
  f: {type: filter, inputs: [m], condition: '.name == "a"'}
  r: {type: remap, inputs: [f], source: '.tags.team = "blue"'}
sinks: {o: {type: console, inputs: [r], encoding: {codec: text}}}
""")
    with subprocess.Popen(
        ["timeout", "-s", "TERM", "1.5", os.sys.executable, "-m", "vectorflow_engine", "-c", "c.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    ) as process:
        out = process.stdout.read().decode()
    assert set(out.splitlines()) == {'static_a{team="blue",x="1"} = 2'}


def test_a_reader_that_leaves_ends_the_engine(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "sources: {a: {type: demo_logs, format: shuffle, lines: [x], interval: 0.001}}\n"
        "sinks: {o: {type: console, inputs: [a], encoding: {codec: text}}}"
    )
    with subprocess.Popen(
        [os.sys.executable, "-m", "vectorflow_engine", "-c", "c.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()
        assert process.wait(20) == 0
    assert "sink o" in errors
