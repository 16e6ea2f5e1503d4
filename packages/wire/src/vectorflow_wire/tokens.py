"""Tokens: `<prefix>_<organisation slug>_<id>_<secret><checksum>`.

The checksum tells a mistyped token from a forged one without asking the database. The secret is
stored as its SHA-256 and compared in constant time; 256 random bits need no slow hash.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import Final
from uuid import UUID

import msgspec

from vectorflow_wire.encoding import EncodingInvalid, base32_bytes, base32_text
from vectorflow_wire.slugs import is_slug, slug_checked

ENROLMENT: Final = "vfe"
NODE: Final = "vfn"
SERVICE_ACCOUNT: Final = "vfs"
PREFIXES: Final = frozenset({ENROLMENT, NODE, SERVICE_ACCOUNT})

_SECRET_BYTES: Final = 32
_CHECKSUM_CHARACTERS: Final = 6
_LONGEST: Final = 160


class TokenInvalid(ValueError):
    """The token is not one of ours, or was mistyped or cut; copy it again, whole."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token taken apart. Its text and secret stay out of `repr`, so that no log shows them."""

    prefix: str
    slug: str
    id: UUID
    secret: bytes

    @property
    def text(self) -> str:
        """The whole token as it is handed out."""
        body = f"{self.prefix}_{self.slug}_{base32_text(self.id.bytes)}_{base32_text(self.secret)}"
        return body + _checksum(body)

    @property
    def hash(self) -> bytes:
        """What the database keeps: see `secret_hash`."""
        return secret_hash(self.secret)

    def __repr__(self) -> str:
        return f"Token(prefix={self.prefix!r}, slug={self.slug!r}, id={str(self.id)!r}, secret=…)"


def mint(prefix: str, slug: str, token_id: UUID) -> Token:
    """Make a token with a new 256-bit secret. Raises ValueError for an unknown prefix or a bad slug."""
    if prefix not in PREFIXES:
        raise ValueError(f"unknown token prefix {prefix!r}")
    return Token(
        prefix=prefix, slug=slug_checked(slug), id=token_id, secret=secrets.token_bytes(_SECRET_BYTES)
    )


def parse(text: str, *, prefixes: Collection[str] = PREFIXES) -> Token:
    """Take a token apart and check its checksum. Raises TokenInvalid, which never quotes the text."""
    if len(text) > _LONGEST or not text.isascii():
        raise TokenInvalid
    prefix, slug, token_id, secret = _parts(text)
    if prefix not in prefixes or not is_slug(slug):
        raise TokenInvalid
    body = text[:-_CHECKSUM_CHARACTERS]
    if not hmac.compare_digest(_checksum(body), text[-_CHECKSUM_CHARACTERS:]):
        raise TokenInvalid
    try:
        id_bytes = base32_bytes(token_id)
        secret_bytes = base32_bytes(secret[:-_CHECKSUM_CHARACTERS])
    except EncodingInvalid:
        raise TokenInvalid from None
    if len(id_bytes) != 16 or len(secret_bytes) != _SECRET_BYTES:
        raise TokenInvalid
    return Token(prefix=prefix, slug=slug, id=UUID(bytes=id_bytes), secret=secret_bytes)


def secret_hash(secret: bytes) -> bytes:
    """SHA-256 of a token's secret bytes: the only form in which a secret is stored."""
    return hashlib.sha256(secret).digest()


def secret_matches(secret: bytes, stored_hash: bytes) -> bool:
    """Compare a presented secret with the stored hash in constant time."""
    return hmac.compare_digest(secret_hash(secret), stored_hash)


def _parts(text: str) -> tuple[str, str, str, str]:
    match text.split("_"):
        case [prefix, slug, token_id, secret]:
            return prefix, slug, token_id, secret
        case _:
            raise TokenInvalid


def _checksum(body: str) -> str:
    # The first 30 bits are the first six base32 characters, which five bytes hold.
    return base32_text(hashlib.sha256(body.encode("ascii")).digest()[:5])[:_CHECKSUM_CHARACTERS]
