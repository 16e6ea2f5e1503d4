import math

import msgspec
import pytest

from vectorflow_topology.canonical import canonical_json, document_hash
from vectorflow_topology.document import Group, Position


# The numbers are those of RFC 8785, appendix B.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-5e-324, "-5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999700000.0, "999999999999999700000"),
        (1e21, "1e+21"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"),
        (333333333.3333332, "333333333.3333332"),
        (1424953923781206.2, "1424953923781206.2"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
        (1.5, "1.5"),
        (100.0, "100"),
        (9223372036854775807, "9223372036854775807"),
        (True, "true"),
        (None, "null"),
    ],
)
def test_numbers_are_written_as_ecmascript_writes_them(value, text):
    assert canonical_json(value).decode() == text


def test_keys_are_sorted_by_utf16_units():
    assert (
        canonical_json({"\ufb33": 1, "\U0001f600": 2, "a": 3}).decode() == '{"a":3,"\U0001f600":2,"\ufb33":1}'
    )


def test_text_is_escaped_as_little_as_the_rfc_asks():
    assert canonical_json('\u20ac$\x0f\n"\\/').decode() == '"\u20ac$\\u000f\\n\\"\\\\/"'


def test_infinity_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        canonical_json([math.inf])


def test_hash_sees_options_but_layout_only_when_asked(demo):
    moved = msgspec.structs.replace(demo, layout={"parse": Position(1, 1)})
    assert document_hash(moved) != document_hash(demo)
    assert document_hash(moved, layout=False) == document_hash(demo, layout=False)
    framed = msgspec.structs.replace(moved, groups={"a": Group(members=("parse",))})
    assert document_hash(framed) != document_hash(moved)
    assert document_hash(framed, layout=False) == document_hash(demo, layout=False)
    assert document_hash(demo) == document_hash(msgspec.structs.replace(demo))
    assert document_hash(msgspec.structs.replace(demo, edges=()), layout=False) != document_hash(
        demo, layout=False
    )
