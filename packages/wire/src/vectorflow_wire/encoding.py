"""Base32 and base64 as the protocol writes them, canonical in both directions."""

import base64
import binascii
import re

_BASE32 = re.compile(r"[a-z2-7]*", re.ASCII)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_DIGITS = bytes.maketrans(_LETTERS.encode(), b"0123456789abcdefghijklmnopqrstuv")


class EncodingInvalid(ValueError):
    """The text is not what the protocol's base32 or base64 encoder would have written."""


def base32_text(data: bytes) -> str:
    """Encode as lower-case base32 without padding."""
    # Not by the library, which takes five times as long for the checksum that each request of an agent asks for.
    size = -(-len(data) * 8 // 5)
    value = int.from_bytes(data, "big") << (size * 5 - len(data) * 8)
    return "".join([_LETTERS[value >> shift & 31] for shift in range(size * 5 - 5, -1, -5)])


def base32_bytes(text: str) -> bytes:
    """Decode lower-case base32 without padding. Raises EncodingInvalid on any other spelling."""
    size, spare = divmod(len(text) * 5, 8)
    if spare >= 5 or not _BASE32.fullmatch(text):
        raise EncodingInvalid("not lower-case base32 without padding")
    # As one number: the gateway decodes two texts for each request, and the library's loop takes ten times as long.
    value = int(text.encode("ascii").translate(_DIGITS) or b"0", 32)
    # Spare bits would let two texts mean one value: only the encoder's own spelling counts.
    if value & ((1 << spare) - 1):
        raise EncodingInvalid("not lower-case base32 without padding")
    return (value >> spare).to_bytes(size, "big")


def base64_text(data: bytes) -> str:
    """Encode as standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def base64_bytes(text: str) -> bytes:
    """Decode standard base64 with padding. Raises EncodingInvalid on any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EncodingInvalid("not base64") from error
    if base64_text(data) != text:
        raise EncodingInvalid("not base64")
    return data
