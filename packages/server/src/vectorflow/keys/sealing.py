"""The one format of sealed values: AES-256-GCM with everything about the cell as additional data.

Byte 0 is the format (1), then the data key's version (4 bytes, big-endian), the nonce (12 random bytes),
ciphertext and tag. There is no other format and no fallback.
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vectorflow.keys.types import Cell, KeyContext

FORMAT = 1
KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = 1 + 4
_LEAST_BYTES = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES


class Unopenable(Exception):
    """This ciphertext was not made with this key for this place."""


def seal(key: bytes | bytearray, key_version: int, organization_id: UUID, cell: Cell, value: bytes) -> bytes:
    """Return the sealed value."""
    header = bytes([FORMAT]) + key_version.to_bytes(4, "big")
    nonce = os.urandom(_NONCE_BYTES)
    data = _cell_data(organization_id, cell, key_version)
    return header + nonce + AESGCM(key).encrypt(nonce, value, data)


def unseal(key: bytes | bytearray, organization_id: UUID, cell: Cell, sealed: bytes) -> bytes:
    """Return the value. Raises `Unopenable` for any other organisation, cell, key or content."""
    data = _cell_data(organization_id, cell, key_version_of(sealed))
    nonce = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], data)
    except InvalidTag as error:
        raise Unopenable(Unopenable.__doc__) from error


def key_version_of(sealed: bytes) -> int:
    """Return the version of the data key a value was sealed with. Raises `Unopenable` for another format."""
    if len(sealed) < _LEAST_BYTES or sealed[0] != FORMAT:
        raise Unopenable(Unopenable.__doc__)
    return int.from_bytes(sealed[1:_HEADER_BYTES], "big")


def wrap(wrapping_key: bytes, key: bytes, context: KeyContext) -> bytes:
    """Return a data key wrapped by a key that this process holds: nonce, ciphertext and tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(wrapping_key).encrypt(nonce, key, _context_data(context))


def unwrap(wrapping_key: bytes, wrapped: bytes, context: KeyContext) -> bytes:
    """Return the data key. Raises `Unopenable` for any other context, wrapping key or content."""
    if len(wrapped) != _NONCE_BYTES + KEY_BYTES + _TAG_BYTES:
        raise Unopenable(Unopenable.__doc__)
    try:
        return AESGCM(wrapping_key).decrypt(
            wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _context_data(context)
        )
    except InvalidTag as error:
        raise Unopenable(Unopenable.__doc__) from error


def _cell_data(organization_id: UUID, cell: Cell, key_version: int) -> bytes:
    return _joined(
        b"vectorflow.sealed",
        organization_id.bytes,
        cell.domain.encode(),
        cell.table.encode(),
        cell.column.encode(),
        cell.row_id.bytes,
        cell.row_version.to_bytes(8, "big"),
        key_version.to_bytes(4, "big"),
    )


def _context_data(context: KeyContext) -> bytes:
    return _joined(
        b"vectorflow.data-key",
        context.organization_id.bytes,
        context.key_id.bytes,
        context.version.to_bytes(4, "big"),
    )


def _joined(*parts: bytes) -> bytes:
    # Each part is preceded by its length, so that no two lists of parts read the same.
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
