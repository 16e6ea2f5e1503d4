"""SeaHash: the vectors that its authors publish, and every length of a last block."""

import pytest

from vectorflow_engine.transforms.seahash import seahash


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"to be or not to be", 1988685042348123509),
        (b"love is a wonderful terrible thing", 4784284276849692846),
    ],
)
def test_published_vectors(text, value):
    assert seahash(text) == value


def test_every_byte_and_the_length_count():
    found = {seahash(b"\0" * length) for length in range(40)} | {
        seahash(b"a" * 16 + b"b"),
        seahash(b"a" * 17),
    }
    assert len(found) == 42
    assert all(0 <= value < 2**64 for value in found)
