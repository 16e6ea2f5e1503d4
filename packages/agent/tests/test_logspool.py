"""`shell.logspool`: batches are numbered once, survive the agent, and what does not fit is counted."""

import gzip
import shutil

import msgspec
import pytest

from vectorflow_agent.shell.logspool import SPOOL_FULL, TOO_OLD, UNWRITTEN, LogSpool
from vectorflow_wire.logs import LogBatch, LogLine

NOW = 1_900_000_000_000


def line(text="hm", pipeline="p1", **options):
    return LogLine(sequence=0, at=NOW, level="warn", text=text, pipeline=pipeline, **options)


def spool(tmp_path, **options):
    made = LogSpool(tmp_path / "logs", **options)
    made.load()
    return made


def read(found):
    number, zipped = found
    batch = msgspec.json.decode(gzip.decompress(zipped), type=LogBatch)
    assert batch.batch == number
    return batch


def test_lines_are_numbered_for_each_source_and_go_on_after_a_restart(tmp_path) -> None:
    first = spool(tmp_path)
    first.add([line(), line(pipeline=""), line()], {"p1/1": 70}, NOW)
    again = spool(tmp_path)
    again.add([line()], {"p1/1": 90}, NOW)
    assert again.offsets == {"p1/1": 90}
    batch = read(again.oldest())
    assert [(each.pipeline, each.sequence) for each in batch.lines] == [("p1", 1), ("", 1), ("p1", 2)]
    again.done(1)
    assert read(again.oldest()).lines[0].sequence == 3
    assert read(again.oldest()).spool != batch.spool
    again.done(2)
    assert again.oldest() is None
    assert read_numbers(spool(tmp_path)) == []


def read_numbers(made):
    numbers = []
    while (found := made.oldest()) is not None:
        numbers.append(found[0])
        made.done(found[0])
    return numbers


def test_what_an_earlier_process_left_is_sent_as_it_was(tmp_path) -> None:
    for _ in range(3):
        spool(tmp_path).add([line()], {}, NOW)
    first, second = spool(tmp_path), spool(tmp_path)
    for number in (1, 2, 3):
        assert first.oldest() == second.oldest()
        assert read(first.oldest()).batch == number
        first.done(number)
        second.done(number)


def test_two_machines_with_one_disk_never_name_different_lines_alike(tmp_path) -> None:
    spool(tmp_path / "a").add([line("before")], {}, NOW)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    named = {}
    for machine in ("a", "b"):
        for _ in range(2):
            made = spool(tmp_path / machine)
            made.add([line(machine)], {}, NOW)
        while (found := made.oldest()) is not None:
            batch = read(found)
            named.setdefault((batch.spool, batch.batch), set()).add(tuple(batch.lines))
            made.done(batch.batch)
    assert len(named) == 5
    assert all(len(lines) == 1 for lines in named.values())


def test_a_batch_without_its_state_is_made_anew(tmp_path) -> None:
    made = spool(tmp_path)
    made.add([line()], {"p1/1": 5}, NOW)
    state = (tmp_path / "logs" / "state.json").read_bytes()
    made.add([line()], {"p1/1": 9}, NOW)
    (tmp_path / "logs" / "state.json").write_bytes(state)
    again = spool(tmp_path)
    assert again.offsets == {"p1/1": 5}
    assert read_numbers(again) == [1]


def test_a_spool_whose_state_is_gone_begins_under_another_name(tmp_path) -> None:
    made = spool(tmp_path)
    made.add([line()], {}, NOW)
    before = read(made.oldest()).spool
    (tmp_path / "logs" / "state.json").write_bytes(b"{")
    again = spool(tmp_path)
    again.add([line()], {}, NOW)
    after = read(again.oldest())
    assert (after.batch, after.lines[0].sequence) == (1, 1)
    assert after.spool != before


def test_the_oldest_go_when_there_are_too_many_and_are_counted(tmp_path) -> None:
    made = spool(tmp_path, most_bytes=600)
    for number in range(8):
        made.add([line(f"{number:0100x}"), line(pipeline="")], {}, NOW)
    left = read_numbers(made)
    assert left == list(range(9 - len(left), 9))
    assert 0 < len(left) < 8
    gone = made.dropped_taken()
    assert gone["p1", SPOOL_FULL] == gone["", SPOOL_FULL] == 8 - len(left)
    assert not made.dropped_taken()


def test_what_is_too_old_goes_and_drops_count_as_what_they_stand_for(tmp_path) -> None:
    made = spool(tmp_path, oldest_ms=1000)
    made.add([line(), line(dropped=40)], {}, NOW)
    made.bound(NOW * 2)
    assert made.oldest() is None
    assert made.dropped_taken()["p1", TOO_OLD] == 41


def test_a_disk_that_cannot_be_written_costs_lines_and_nothing_else(tmp_path, monkeypatch) -> None:
    made = spool(tmp_path)

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("vectorflow_agent.shell.logspool.write_atomic", full)
        made.add([line()], {"p1/1": 5}, NOW)
    assert made.oldest() is None
    assert made.dropped_taken()["p1", UNWRITTEN] == 1
    made.add([line()], {"p1/1": 5}, NOW)
    assert read(made.oldest()).lines[0].sequence == 1


@pytest.mark.parametrize("content", [b"", b"garbage", gzip.compress(b"{}")])
def test_a_damaged_batch_is_let_go(tmp_path, content) -> None:
    made = spool(tmp_path)
    made.add([line()], {}, NOW)
    next((tmp_path / "logs").glob("*.gz")).write_bytes(content)
    assert spool(tmp_path).oldest() is None
