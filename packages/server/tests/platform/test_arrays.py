"""`platform.arrays`: PostgreSQL reads back what was in the list, however it was written."""

import time
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow.platform.arrays import ArrayDumper, write_arrays_at_once

_NASTY = st.sampled_from(
    ["", "NULL", '"', "\\", "\\n", "\n", "\\\\\n", "a,b", "{}", "\x7f", "\x1b", "ü", "\u2028", "'"]
)


@pytest.fixture(scope="module")
def connection(database_url: str):
    with psycopg.connect(database_url, autocommit=True) as opened:
        write_arrays_at_once(opened)
        yield opened


def _read(connection, cast, value):
    return connection.execute(f"select %(value)s::{cast}", {"value": value}).fetchone()[0]


@given(
    value=st.lists(
        _NASTY | st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    )
)
def test_texts(connection, value) -> None:
    assert _read(connection, "text[]", value) == value


@given(value=st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()))
def test_numbers(connection, value) -> None:
    assert _read(connection, "bigint[]", value) == value


@given(value=st.lists(st.integers(-(2**80), 2**80)))
def test_numbers_that_json_would_not_take(connection, value) -> None:
    assert _read(connection, "numeric[]", value) == value


@given(value=st.lists(st.uuids() | st.none()))
def test_ids(connection, value) -> None:
    assert _read(connection, "uuid[]", value) == value


@pytest.mark.parametrize(
    ("cast", "value"),
    [
        ("bytea[]", [b"\0\\x", b""]),
        ("boolean[]", [True, False, None]),
        ("float8[]", [1.5, float("inf")]),
        ("text[]", [["a", "b"], ["c", '"\n']]),
        ("uuid[]", [[UUID(int=1)], [UUID(int=2)]]),
    ],
)
def test_other_lists_are_written_as_ever(connection, cast, value) -> None:
    assert _read(connection, cast, value) == value


def test_ten_thousand_ids_take_no_noticeable_time(connection) -> None:
    ids = [uuid4() for _ in range(10_000)]
    dumper = psycopg.adapt.Transformer.from_context(connection).get_dumper(ids, psycopg.adapt.PyFormat.AUTO)
    assert isinstance(dumper, ArrayDumper)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        dumper.dump(ids)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.01  # one by one it is some 30 ms
