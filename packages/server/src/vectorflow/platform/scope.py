"""The signed scope of a transaction: which organisation its statements may see.

The scope is text of the form ``<organisation>.<expiry>.<mac>``. The mac is HMAC-SHA-256 over the first two
parts. PostgreSQL checks it in ``vf.org()`` with its built-in ``sha256`` and the two padded keys that
``padded_keys`` derives, so that SQL which finds its way into a statement can set a scope but not sign one.
"""

import hashlib
import hmac
import secrets
import time
from uuid import UUID

LIFETIME_SECONDS = 300
KEY_BYTES = 32
_BLOCK_BYTES = 64


class ScopeSigner:
    """Signs scopes with one key; the database accepts up to two keys, so that keys can be rotated."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            message = f"The scope key must be {KEY_BYTES} bytes long, not {len(key)}."
            raise ValueError(message)
        self._key = key

    def sign(self, organization_id: UUID, *, now: float | None = None) -> str:
        """Return the scope of one organisation, valid for `LIFETIME_SECONDS` from ``now`` (Unix seconds)."""
        expiry = int(time.time() if now is None else now) + LIFETIME_SECONDS
        message = f"{organization_id}.{expiry}"
        mac = hmac.new(self._key, message.encode(), hashlib.sha256).hexdigest()
        return f"{message}.{mac}"

    def keyed_hash(self, purpose: str, organization_id: UUID, value: bytes) -> bytes:
        """Return HMAC-SHA-256 of a value under a key of this purpose and organisation.

        Whoever reads it in a table cannot try values until one fits, as with a plain hash.
        """
        purposed = hmac.new(self._key, f"vectorflow.{purpose}.{organization_id}".encode(), hashlib.sha256)
        return hmac.new(purposed.digest(), value, hashlib.sha256).digest()


def new_key() -> bytes:
    """Return a fresh random scope key."""
    return secrets.token_bytes(KEY_BYTES)


def padded_keys(key: bytes) -> tuple[bytes, bytes]:
    """Return HMAC's inner and outer padded keys (RFC 2104), which the database stores instead of the key."""
    block = key.ljust(_BLOCK_BYTES, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)
