"""Reading and writing the few protobuf messages of Vector's API without generated code."""

from collections.abc import Iterator
from typing import Final

_VARINT: Final = 0
_BYTES: Final = 2


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field: an int for a varint, else its bytes. Raises ValueError."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
                continue
            case 1:
                length = 8
            case 2:
                length, at = _varint(message, at)
            case 5:
                length = 4
            case _:
                raise ValueError("a field of an unknown form")
        if at + length > end:
            raise ValueError("a field is cut off")
        yield tag >> 3, message[at : at + length]
        at += length


def texts(message: bytes, number: int) -> Iterator[bytes]:
    """The values of one field that holds bytes. Raises ValueError."""
    for found, value in fields(message):
        if found == number and isinstance(value, bytes):
            yield value


def text_field(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return _number(number << 3 | _BYTES) + _number(len(value)) + value


def number_field(number: int, value: int) -> bytes:
    """A field of a number that is not negative."""
    return _number(number << 3 | _VARINT) + _number(value)


def framed(message: bytes) -> bytes:
    """A message in the frame of gRPC: no compression, length, message."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def signed(value: int) -> int:
    """An `int64` that was read as a varint."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _number(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number is cut off")
