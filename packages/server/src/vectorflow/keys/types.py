"""What is passed around about keys."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from vectorflow_wire.envelope import MemorySigner
from vectorflow_wire.keys import key_id, root_fingerprint


class Cell(msgspec.Struct, frozen=True):
    """Where a sealed value stands. All of it is bound to the ciphertext, so nothing can be moved.

    `domain` says what the value is for, `row_version` grows whenever the value of the same row is replaced.
    """

    domain: str
    table: str
    column: str
    row_id: UUID
    row_version: int


class DataKey(msgspec.Struct, frozen=True):
    """An organisation's data key as it is stored: wrapped by a provider."""

    id: UUID
    version: int
    wrapped: bytes
    provider: str


class KeyContext(msgspec.Struct, frozen=True):
    """What a wrapped key is bound to; another organisation's key cannot be unwrapped under it."""

    organization_id: UUID
    key_id: UUID
    version: int


class KeyProvider(Protocol):
    """Wraps and unwraps data keys: a key file, or a KMS."""

    @property
    def name(self) -> str:
        """The provider's name as it is stored beside what it wrapped."""
        ...

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped for this context. Raises `KeysUnavailable`."""
        ...

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the 32-byte key. Raises `KeysUnavailable`, also when the context is another one."""
        ...


class SigningKey(msgspec.Struct, frozen=True):
    """The public part of a root or online key (Ed25519, 32 bytes)."""

    id: UUID
    kind: str
    public: bytes
    not_before: datetime
    not_after: datetime | None

    @property
    def key_id(self) -> str:
        """The id that signatures carry."""
        return key_id(self.public)

    @property
    def fingerprint(self) -> str:
        """The fingerprint that the install command carries."""
        return root_fingerprint(self.public)


class StoredKeyList(msgspec.Struct, frozen=True):
    """The newest list of online keys: the envelope's JSON bytes, signed by the root key."""

    version: int
    envelope: bytes
    issued_at: datetime
    expires_at: datetime


class OnlineSigner(msgspec.Struct, frozen=True):
    """What signs bundles: the online key, and the version of the key list that names it."""

    signer: MemorySigner
    keys_version: int
