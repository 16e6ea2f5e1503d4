import pytest

from vectorflow_agent.core import protobuf


def test_what_is_written_is_read():
    message = protobuf.text_field(1, b"a" * 200) + protobuf.number_field(20, 300) + b"\x19" + bytes(8)
    assert list(protobuf.fields(message)) == [(1, b"a" * 200), (20, 300), (3, bytes(8))]
    assert list(protobuf.texts(message, 1)) == [b"a" * 200]
    assert protobuf.signed(2**64 - 1) == -1
    assert protobuf.signed(7) == 7
    assert protobuf.framed(b"x") == b"\0\0\0\0\x01x"


@pytest.mark.parametrize("bad", [b"\x0a\x05ab", b"\x08", b"\x08\xff", b"\x0b", b"\x09\x00", b"\xff" * 12])
def test_what_is_cut_off_is_an_error(bad):
    with pytest.raises(ValueError, match=r"cut off|form"):
        list(protobuf.fields(bad))
