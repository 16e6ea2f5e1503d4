"""``file`` source in a real process: rotation, truncation, kills, checkpoints, long lines."""

import os
import signal
import time

import pytest

PIPE = """
data_dir: @/data
acknowledgements: true
sources: {in: {type: file, include: ["@/*.log"], exclude: ["@/out*"], glob_minimum_cooldown_ms: 100%s}}
sinks: {out: {type: file, inputs: [in], path: @/out.txt, encoding: {codec: text}}}
"""


def got(engine, count, seconds=15):
    engine.until(lambda: len(engine.lines("out.txt")) >= count, seconds, f"{count} lines")
    time.sleep(0.15)
    return engine.lines("out.txt")


def test_events_have_vectors_fields(engine):
    (engine.folder / "a.log").write_text("one\n")
    engine.start(PIPE.replace("codec: text", "codec: json") % ", offset_key: at")
    got(engine, 1)
    [event] = engine.events("out.txt")
    assert event["timestamp"].endswith("Z")
    assert {k: event[k] for k in ("message", "file", "source_type", "at")} == {
        "message": "one",
        "file": str(engine.folder / "a.log"),
        "source_type": "file",
        "at": 0,
    }
    assert event["host"]


def test_resumes_after_a_stop_without_repeating(engine, appending):
    log = appending(engine.folder / "a.log")
    log.write("1\n2\n")
    engine.start(PIPE % "")
    got(engine, 2)
    assert engine.stop() == 0
    log.write("3\npartial")
    engine.start()
    got(engine, 3)
    log.write(" line\n")
    assert got(engine, 4) == ["1", "2", "3", "partial line"]


@pytest.mark.parametrize("strategy", ["checksum", "device_and_inode"])
def test_rotation_by_rename(engine, strategy):
    path = engine.folder / "a.log"
    path.write_text("1\n2\n")
    engine.start(PIPE % f", fingerprint: {{strategy: {strategy}}}")
    got(engine, 2)
    with path.open("a") as old:
        path.rename(engine.folder / "a.1.log")
        old.write("3\n")
        old.flush()
        path.write_text("4\n")
        old.write("5\n")
    assert sorted(got(engine, 5)) == ["1", "2", "3", "4", "5"]


def test_rotation_out_of_the_pattern_and_deletion(engine):
    path = engine.folder / "a.log"
    path.write_text("1\n")
    engine.start(PIPE % "")
    got(engine, 1)
    with path.open("a") as old:
        path.rename(engine.folder / "a.old")
        time.sleep(0.3)
        old.write("2\n")
    got(engine, 2)
    with path.open("w") as gone:
        gone.write("3\n")
        gone.flush()
        got(engine, 3)
        path.unlink()
        gone.write("4\nthe rest")
    assert sorted(got(engine, 5)) == ["1", "2", "3", "4", "the rest"]


@pytest.mark.parametrize("content", ["4\n", "1\n5\n6\n7\n", "9\n9\n9\n9\n9\n9\n"])
def test_copytruncate(engine, content):
    path = engine.folder / "a.log"
    path.write_text("1\n2\n3\n")
    engine.start(PIPE % "")
    got(engine, 3)
    path.write_text(content)
    want = ["1", "2", "3", *content.split()]
    assert got(engine, len(want)) == want


def test_read_from_end_and_new_files(engine, appending):
    log = appending(engine.folder / "a.log")
    log.write("old\n")
    engine.start(PIPE % ", read_from: end")
    engine.until(lambda: "Found new file" in engine.log())
    log.write("new\n")
    assert got(engine, 1) == ["new"]
    (engine.folder / "b.log").write_text("later\n")
    assert got(engine, 2) == ["new", "later"]


def test_ignore_older(engine, appending):
    log = appending(engine.folder / "a.log")
    log.write("old\n")
    os.utime(engine.folder / "a.log", (1, 1))
    engine.start(PIPE % ", ignore_older_secs: 60")
    engine.until(lambda: "Found new file" in engine.log())
    log.write("new\n")
    assert got(engine, 1) == ["new"]


def test_long_lines_and_odd_bytes(engine):
    body = b"a\n" + b"x" * 500 + b"\n" + b"y" * 300_000 + b"\n\xff\xfe\nb\n"
    (engine.folder / "a.log").write_bytes(body)
    engine.start(PIPE % ", max_line_bytes: 100")
    assert got(engine, 3) == ["a", "\ufffd\ufffd", "b"]
    engine.settled("component_discarded_events_total", 2, component_id="in", intentional="false")


def test_delimiter_of_several_bytes(engine):
    (engine.folder / "a.log").write_bytes(b"one\r\n\r\ntwo\nstill two\r\n\r\nhalf")
    engine.start(PIPE.replace("codec: text", "codec: json") % ', line_delimiter: "\\r\\n\\r\\n"')
    got(engine, 2)
    assert [event["message"] for event in engine.events("out.txt")] == ["one", "two\nstill two"]


def test_kills_lose_nothing_and_repeat_only_what_was_in_flight(engine, appending):
    engine.start(PIPE % "")
    log = appending(engine.folder / "a.log")
    written = 0
    for _ in range(4):
        for _ in range(50):
            log.write("".join(f"{n}\n" for n in range(written, written + 100)))
            written += 100
        time.sleep(0.4)
        engine.kill()
        engine.start()
    lines = got(engine, written, 30)
    engine.until(lambda: {int(line) for line in engine.lines("out.txt") if line} == set(range(written)))
    # Each kill repeats at most what was written since the last checkpoint: a tenth of a second and what was in flight.
    assert len(lines) - written <= 4 * 5_000


def test_checkpoints_wait_for_acknowledgements(engine, receiver):
    receiver.script = [503] * 1000
    (engine.folder / "a.log").write_text("1\n2\n")
    sink = f"{{type: http, inputs: [in], uri: '{receiver.url}', encoding: {{codec: text}}, batch: {{timeout_secs: 0.05}}}}"
    engine.start(PIPE.split("sinks:", maxsplit=1)[0] % "" + f"sinks: {{out: {sink}}}")
    engine.until(lambda: len(receiver.requests) > 0)
    time.sleep(1.2)
    engine.kill()
    checkpoints = engine.folder / "data" / "in" / "checkpoints.json"
    assert not checkpoints.exists()
    receiver.script = []
    engine.start()
    engine.until(lambda: receiver.requests[-1][2] == b"1\n2\n")
    engine.until(checkpoints.exists)
    assert '"position":4' in checkpoints.read_text()
    assert engine.stop(signal.SIGTERM) == 0


def test_damaged_checkpoints_are_said(engine):
    (engine.folder / "data" / "in").mkdir()
    (engine.folder / "data" / "in" / "checkpoints.json").write_text("{")
    engine.start(PIPE % "", ready=False)
    assert engine.wait() == 78
    assert "the checkpoints in" in engine.log()
