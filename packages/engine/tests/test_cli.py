"""The command: validate, version, exit codes, signals, messages."""

import json
import signal
import socket
import time

import pytest
from tests.patience import patience

GOOD = """
data_dir: @/data
sources: {in: {type: file, include: [@/in.log]}}
transforms: {r: {type: remap, inputs: [in], source: ". = parse_json!(.message)"}}
sinks: {out: {type: file, inputs: [r], path: @/out.log, encoding: {codec: json}}}
"""
PIPE = """
sources: {in: {type: stdin}}
sinks: {out: {type: console, inputs: [in], encoding: {codec: text}}}
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "data").mkdir()

    def write(text, name="c.yaml"):
        path = tmp_path / name
        path.write_text(text.replace("@", str(tmp_path)))
        return path

    return write


def test_version(command):
    code, out, _ = command("--version")
    assert (code, out) == (0, "vectorflow-engine 0.1.0 (embedded)\n")


def test_bad_flags(command):
    assert command("--nonsense")[0] == 2
    assert command("--graceful-shutdown-limit-secs", "0")[0] == 2


def test_validate_good(command, config):
    code, out, _ = command("validate", config(GOOD))
    assert code == 0
    assert "√ Loaded" in out
    assert out.rstrip().endswith("Validated")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("type: file, include", "type: kafka, include", ["Source `in` (type `kafka`)", "does not run"]),
        (
            "include: [@/in.log]",
            "include: [@/in.log], colour: red",
            ["Source `in` (type `file`): option `colour` is unknown"],
        ),
        ("include: [@/in.log]", "include: 5", ["option `include`: expected `array`, got `int`"]),
        ("codec: json", "codec: avro", ["Sink `out` (type `file`): option `encoding.codec`"]),
        (", encoding: {codec: json}", "", ["option `encoding` is required"]),
        (
            "parse_json!(.message)",
            "parse_json(.message)",
            ["Transform `r` (type `remap`): VRL does not compile", "source:1:5 E103"],
        ),
        ("parse_json!(.message)", "[" * 300, ["nests more than"]),
        ("inputs: [r]", "inputs: [x]", ['Input "x" for sink "out"']),
        (
            "inputs: [r]",
            "inputs: [r], buffer: {type: disk, max_size: 300000000}",
            ["Sink `out` (type `file`): buffer"],
        ),
        ("path: @/out.log", "path: '{{ x }}/out.log'", ["option `path`"]),
        ("type: remap,", "type: remap, timezone: Mars/Base,", ["unknown timezone 'Mars/Base'"]),
        ("data_dir: @/data", "data_dir: @/none", ["not writable"]),
    ],
)
def test_validate_bad(command, config, old, new, words):
    code, _, err = command("validate", config(GOOD.replace(old, new)))
    assert code == 78
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_validate_without_environment_needs_no_folder(command, config):
    path = config(GOOD.replace("@/data", "/nowhere"))
    assert command("validate", "--no-environment", path)[0] == 0
    assert command("validate", path)[0] == 78


def test_validate_does_not_resolve_secrets(command, config):
    path = config(GOOD.replace("path: @/out.log", 'path: "@/SECRET[vf.zone].log"'))
    assert command("validate", path)[0] == 0
    whole = config(
        GOOD.split("sinks:", maxsplit=1)[0]
        + 'sinks: {out: {type: http, inputs: [r], uri: "SECRET[vf.uri]", encoding: {codec: json}}}',
        "w.yaml",
    )
    assert command("validate", whole)[0] == 0
    code, _, err = command("-c", path)
    assert code == 78
    assert "secret backend `vf` is not defined" in err


def test_a_compiler_killer_is_refused_by_name(command, config):
    bomb = "a = [1]\n" + "\n".join(["a = append(a, a)"] * 30)
    text = GOOD.replace('". = parse_json!(.message)"', json.dumps(bomb))
    began = time.monotonic()
    code, _, err = command("validate", config(text))
    assert code == 78
    assert "Transform `r` (type `remap`)" in err
    assert "took longer than" in err
    assert time.monotonic() - began < 20 * patience()


def test_missing_and_broken_files(command, config):
    assert command("-c", "none.yaml")[0] == 78
    code, _, err = command("-c", config("a: [", "broken.yaml"))
    assert code == 78
    assert "broken.yaml" in err
    assert "Traceback" not in err


def test_all_sources_finished(command, config):
    code, out, err = command("-c", config(PIPE), stdin="one\ntwo\nthree")
    assert (code, out) == (0, "one\ntwo\nthree\n")
    assert "All sources have finished" in err


def test_duplicate_ids_over_files(command, config):
    code, _, err = command("-c", config(PIPE), "-c", config(PIPE, "d.yaml"))
    assert code == 78
    assert "duplicate source id found: in" in err


def test_config_dir(command, config, tmp_path):
    (tmp_path / "conf").mkdir()
    config(PIPE, "conf/a.yaml")
    assert command("-C", tmp_path / "conf", stdin="x\n")[1] == "x\n"


def test_port_in_use(command, config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = f'sources: {{in: {{type: http_server, address: "{address}"}}}}\nsinks: {{out: {{type: blackhole, inputs: [in]}}}}'
        code, _, err = command("-c", config(text))
    assert code == 78
    assert f"cannot listen on {address}" in err
    assert "source `in`" in err.lower()


def test_memory_limit(command, config):
    text = PIPE.replace("sinks:", "transforms: {r: {type: remap, inputs: [in], source: @@}}\nsinks:").replace(
        "inputs: [in], encoding", "inputs: [r], encoding"
    )
    bomb = "'" + '.s = "xxxxxxxxxxxxxxxx"\n\n' + "\n\n".join([".s = string!(.s) + string!(.s)"] * 33) + "'"
    path = config(text.replace("@@", bomb))
    code, _, _ = command("--memory-limit", str(900 * 1024 * 1024), "-c", path, stdin="x\n")
    assert code < 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_graceful_stop(engine, number):
    engine.start(GOOD)
    (engine.folder / "in.log").write_text('{"id": 1}\n')
    engine.until(engine.lines)
    status, body = engine.fetch(f"http://127.0.0.1:{engine.api}/health")
    assert (status, body) == (200, b'{"ok":true}')
    assert engine.fetch(f"http://127.0.0.1:{engine.api}/health", method="HEAD") == (200, b"")
    assert engine.stop(number) == 0
    assert "has stopped" in engine.log()


STUCK = """
sources: {in: {type: file, include: [@/in.log]}}
sinks:
  out: {type: http, inputs: [in], uri: "http://127.0.0.1:9/", encoding: {codec: json}, batch: {timeout_secs: 0.1}}
"""


def stuck(engine, *args):
    (engine.folder / "in.log").write_text("x\n" * 10)
    engine.start(STUCK, *args)
    engine.until(lambda: "Retrying" in engine.log())


def test_draining_answers_503_and_a_second_signal_quits(engine):
    stuck(engine)
    engine.send(signal.SIGTERM)
    engine.until(lambda: engine.fetch(f"http://127.0.0.1:{engine.api}/health")[0] == 503)
    assert engine.stop(signal.SIGTERM) == 0
    assert "has quit" in engine.log()


def test_sigquit_is_immediate(engine):
    stuck(engine)
    assert engine.stop(signal.SIGQUIT) == 0


def test_the_graceful_limit(engine):
    stuck(engine, "--graceful-shutdown-limit-secs", "1")
    began = time.monotonic()
    assert engine.stop() == 0
    assert 0.9 < time.monotonic() - began < 8 * patience()
    assert "Failed to gracefully shut down in time" in engine.log()


def test_hostile_text_stays_on_one_log_line(engine):
    engine.start(
        GOOD.replace('". = parse_json!(.message)"', '"assert!(false, string!(.message))"').replace(
            "data_dir: @/data", ""
        )
    )
    (engine.folder / "in.log").write_text("\x1b[31mred\x07\rERROR fake\n")
    engine.until(lambda: "Mapping failed" in engine.log())
    assert "\x1b" not in engine.log()
    assert "\r" not in engine.log()
