"""`envelope.canonical`: the quick way for structs writes what the library for RFC 8785 writes."""

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorflow_wire import envelope
from vectorflow_wire.bundles import Bundle, BundlePipeline, FileRef
from vectorflow_wire.messages import Report
from vectorflow_wire.sealing import SealedSecret

TEXT = st.text(max_size=12)
NUMBER = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
PIPELINES = st.builds(
    BundlePipeline, id=TEXT, name=TEXT, state=TEXT, revision=TEXT, number=NUMBER, reason=TEXT, handover=TEXT,
    drain_seconds=st.floats(allow_nan=False, allow_infinity=False),
    files=st.lists(st.builds(FileRef, sha256=TEXT, size=NUMBER), max_size=2).map(tuple),
    secrets=st.lists(st.builds(SealedSecret, name=TEXT, version=NUMBER, key=TEXT, sealed=TEXT), max_size=2).map(tuple),
)  # fmt: skip
BUNDLES = st.builds(
    Bundle, organization=TEXT, environment=TEXT, node=TEXT, generation=NUMBER, issue=NUMBER, issued_at=NUMBER,
    expires_at=NUMBER, keys_version=NUMBER, pipelines=st.lists(PIPELINES, max_size=3).map(tuple),
)  # fmt: skip
REPORTS = st.builds(
    Report, node=TEXT, sequence=NUMBER, at=NUMBER, kind=TEXT, engine_output=st.lists(TEXT, max_size=2).map(tuple)
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(BUNDLES, REPORTS))
def test_structs_are_written_as_rfc_8785_says(payload) -> None:
    assert envelope.canonical(payload) == rfc8785.dumps(msgspec.to_builtins(payload))


def test_every_character_is_written_as_rfc_8785_says() -> None:
    report = Report(
        node="".join(map(chr, range(0x300))) + "\u2028\uffff\U0001f600", sequence=1, at=1, kind="/"
    )
    assert envelope.canonical(report) == rfc8785.dumps(msgspec.to_builtins(report))


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**63, 10**30])
def test_a_number_that_json_cannot_hold_is_refused(number) -> None:
    with pytest.raises(rfc8785.IntegerDomainError):
        envelope.canonical(Report(node="a", sequence=number, at=1, kind="k"))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(number) -> None:
    with pytest.raises(rfc8785.FloatDomainError):
        envelope.canonical(
            BundlePipeline(id="a", name="", state="run", revision="", number=1, drain_seconds=number)
        )


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=5))
def test_keys_are_ordered_as_rfc_8785_says(mapping) -> None:
    kind = msgspec.defstruct("Mapped", [("b", dict[str, str]), ("a", int)])
    payload = kind(mapping, 1)
    assert envelope.canonical(payload) == rfc8785.dumps(msgspec.to_builtins(payload))


def test_what_the_quick_way_is_taken_for() -> None:
    assert envelope._is_simple(Bundle)
    assert envelope._is_simple(Report)
    for other in (
        dict,
        float,
        msgspec.defstruct("D", [("x", dict[str, bytes])]),
        msgspec.defstruct("B", [("x", bytes)]),
    ):
        assert not envelope._is_simple(other)
    assert envelope.canonical({"b": 1.0, "a": [1e21]}) == b'{"a":[1e+21],"b":1}'
