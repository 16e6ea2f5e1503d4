"""`telemetry.logs.reading` and `telemetry.logs.intake`: whatever a node sends is read, bounded and made fit."""
# telemetry/logs/reading.py, telemetry/logs/types.py, telemetry/logs/errors.py

import gzip
import os
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.ids import new_id
from vectorflow.telemetry.logs.intake import turned, unstored
from vectorflow.telemetry.logs.reading import LINE_COST, read_batch
from vectorflow.telemetry.logs.service import first_id
from vectorflow.telemetry.logs.types import Level, MarkRow
from vectorflow_wire import logs

NOW = datetime(2030, 5, 5, 12, tzinfo=UTC)
NODE = NodeAuthority(uuid.uuid4(), "acme", uuid.uuid4(), uuid.uuid4(), b"", b"", b"")


def line(**options):
    return logs.LogLine(
        **({"sequence": 1, "at": int(NOW.timestamp() * 1000), "level": "warn", "text": "hm"} | options)
    )


def read(*lines, spool="a1", batch=1):
    sent = logs.LogBatch(spool=spool, batch=batch, lines=lines)
    return read_batch(NODE, gzip.compress(msgspec.json.encode(sent)), NOW)


def test_an_honest_batch_is_taken_as_it_is() -> None:
    pipeline = uuid.uuid4()
    taken = read(line(pipeline=str(pipeline), component="out", level="error", sequence=7))
    assert (taken.node_id, taken.environment_id) == (NODE.node_id, NODE.environment_id)
    (one,) = taken.lines
    assert (one.pipeline_id, one.component, one.level, one.sequence, one.text, one.at) == (
        pipeline, "out", Level.ERROR, 7, "hm", NOW,
    )  # fmt: skip


def test_a_line_counts_its_words_and_its_row() -> None:
    empty = read(*(line(text="", component="c" * 128) for _ in range(1000)))
    assert empty.size == 1000 * (LINE_COST + 128)
    assert read(line(text="é")).size == LINE_COST + 2  # bytes, not letters


def test_hostile_lines_are_cleaned_and_cut() -> None:
    bad = "\x1b[31mred\r\nGET / HTTP\x00 \u202etxt <script>alert(1)</script> " + "x" * 1_000_000
    (one,) = read(line(text=bad, component="c\x07" * 500, pipeline="no-id", level="shout", dropped=-4)).lines
    assert one.text.isprintable()
    assert len(one.text) <= 4200
    assert "<script>" in one.text  # text, shown as text
    assert len(one.component) <= 128
    assert one.component.isprintable()
    assert (one.pipeline_id, one.level, one.dropped) == (None, Level.WARN, 0)


def test_a_token_is_taken_out_even_if_the_node_forgot() -> None:
    token = "vfn_acme_" + "a" * 26 + "_" + "b" * 58
    (one,) = read(line(text=f"token {token} was used")).lines
    assert token not in one.text


@pytest.mark.parametrize(
    ("told", "kept"),
    [(0, NOW - timedelta(hours=24)), (2**62, NOW + timedelta(minutes=1)), (-5, NOW - timedelta(hours=24))],
)
def test_a_moment_is_believed_within_reason(told, kept) -> None:
    assert read(line(at=told)).lines[0].at == kept


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"\xff"), gzip.compress(b"x")[:-3],
        gzip.compress(b"[" * 100_000), os.urandom(500),
        gzip.compress(b'{"spool":"a","batch":1,"lines":[' + b" " * (9 * 2**20) + b"]}"),
    ],
)  # fmt: skip
def test_what_is_not_a_batch_is_refused(body) -> None:
    with pytest.raises(AgentRequestInvalid):
        read_batch(NODE, body, NOW)


def test_a_batch_has_a_number_a_spool_and_some_lines() -> None:
    for options in ({"batch": 0}, {"batch": 2**63}, {"spool": ""}, {"spool": "a b"}, {"spool": "a" * 65}):
        with pytest.raises(AgentRequestInvalid):
            read(line(), **options)
    for many in (0, logs.MOST_LINES + 1):
        with pytest.raises(AgentRequestInvalid):
            read(*[line()] * many)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300), st.text(max_size=50), st.integers(-(2**63), 2**63 - 1))
def test_any_text_fits_the_database(text, component, number) -> None:
    (one,) = read(line(text=text, component=component, sequence=number, at=number, dropped=number)).lines
    assert "\x00" not in one.text + one.component
    assert 0 <= one.sequence < 2**63
    assert 0 <= one.dropped < 2**31


def test_a_batch_counts_once_and_a_new_spool_begins_again() -> None:
    node = NODE.node_id
    again = [read(line(), batch=number) for number in (6, 5, 6, 7)]
    fresh, marks = unstored(again, [MarkRow(node, "a1", 5)])
    assert [each.batch for each in fresh] == [6, 7]
    assert marks == [MarkRow(node, "a1", 7)]
    fresh, marks = unstored([read(line(), spool="b2", batch=1)], [MarkRow(node, "a1", 7)])
    assert [each.batch for each in fresh] == [1]
    assert marks == [MarkRow(node, "b2", 1)]
    assert unstored([again[1]], [MarkRow(node, "a1", 5)]) == ([], [])


def test_spools_of_one_node_are_counted_apart_and_one_of_them_is_the_current() -> None:
    node = NODE.node_id
    marks = [MarkRow(node, "a1", 7), MarkRow(node, "b2", 3)]
    sent = [
        read(line(), spool=spool, batch=batch) for spool, batch in (("a1", 7), ("b2", 4), ("b2", 3), ("c", 1))
    ]
    fresh, newest = unstored(sent, marks)
    assert [(each.spool, each.batch) for each in fresh] == [("b2", 4), ("c", 1)]
    now, left = turned(marks[:1], newest)
    assert len(now) == 1
    assert {*now, *left} == {MarkRow(node, "a1", 7), MarkRow(node, "b2", 4), MarkRow(node, "c", 1)}
    _, newest = unstored([*sent, read(line(), batch=8)], marks)
    now, left = turned(marks[:1], newest)
    assert (now, left) == ([MarkRow(node, "a1", 8)], [MarkRow(node, "b2", 4), MarkRow(node, "c", 1)])
    assert turned([MarkRow(node, "", 0)], [MarkRow(node, "a1", 1)]) == ([MarkRow(node, "a1", 1)], [])


def test_an_id_of_a_moment_parts_what_came_before_from_what_came_after() -> None:
    before = new_id()
    assert first_id(datetime.now(UTC) - timedelta(seconds=5)) < before
    assert first_id(datetime.now(UTC) + timedelta(seconds=5)) > before
