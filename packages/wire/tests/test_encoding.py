import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow_wire import encoding


@given(st.binary(max_size=64))
def test_both_ways(data):
    assert encoding.base32_bytes(encoding.base32_text(data)) == data
    assert encoding.base64_bytes(encoding.base64_text(data)) == data


@pytest.mark.parametrize("text", ["AA", "aa======", "ab", "a", "é", "a b"])
def test_only_the_encoders_own_base32(text):
    with pytest.raises(encoding.EncodingInvalid):
        encoding.base32_bytes(text)


@pytest.mark.parametrize("text", ["AA", "AB==", "A\nA=", "é"])
def test_only_the_encoders_own_base64(text):
    with pytest.raises(encoding.EncodingInvalid):
        encoding.base64_bytes(text)
