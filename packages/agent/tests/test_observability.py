import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow_agent.core.observability import (
    components_of_graphql,
    components_of_grpc,
    components_request,
    speaks_grpc,
)


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


def framed(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(
    ("version", "grpc"), [("0.54.0", False), ("0.55.0", True), ("0.57.1", True), ("1.0.0", True), ("?", True)]
)
def test_which_version_speaks_what(version, grpc):
    assert speaks_grpc(version) is grpc


def test_ids_are_read_past_all_other_fields():
    first = field(1, b"in") + b"\x10\x01" + field(3, b"log") + b"\x21" + bytes(8) + b"\x2d" + bytes(4)
    message = field(1, first) + field(9, b"unknown") + field(1, field(1, "sink-ü".encode()))
    assert components_of_grpc(framed(message) + b"more") == {"in", "sink-ü"}
    assert components_of_grpc(framed(b"")) == frozenset()
    assert components_request() == b"\x00\x00\x00\x00\x04\x08\xa0\x8d\x06"


@given(st.binary(max_size=60))
def test_garbage_is_an_error_and_nothing_worse(body):
    for text in (body, framed(body)):
        with contextlib.suppress(ValueError):
            components_of_grpc(text)


def test_graphql():
    answer = {"data": {"components": {"edges": [{"node": {"componentId": "in"}}]}}}
    assert components_of_graphql(answer) == {"in"}
    for bad in ({}, None, {"data": None}, {"errors": []}):
        with pytest.raises(ValueError, match="components"):
            components_of_graphql(bad)
