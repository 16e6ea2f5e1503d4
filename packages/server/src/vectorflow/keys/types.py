"""What is passed around about keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from vectorflow.platform.database import Transaction
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


class KeyState(msgspec.Struct, frozen=True):
    """One version of an organisation's data key, for status and rotation. `wrapped` of a destroyed key is zeros."""

    id: UUID
    version: int
    wrapped: bytes
    provider: str
    retired_at: datetime | None
    destroyed_at: datetime | None
    encryptions: int
    age: timedelta


class ShredState(msgspec.Struct, frozen=True):
    """From when on nothing of an organisation can be opened any more, by anybody, and why not before."""

    complete_at: datetime
    why: str


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that an organisation holds itself, in AWS KMS or in Vault; `place` is its ARN or address.

    `state` is `named` until control of it was proved, then `active`, and `ended` when another took its place.
    """

    id: UUID
    kind: str
    place: str
    role_arn: str | None
    external_id: str
    nonce: bytes
    credential: bytes | None
    state: str = "named"
    created_at: datetime | None = None
    activated_at: datetime | None = None
    ended_at: datetime | None = None

    def __repr__(self) -> str:
        """Leave the credential out, sealed as it is."""
        return f"OwnKey({self.id}, {self.kind}, {self.state})"


class RotationRequest(msgspec.Struct, frozen=True):
    """A rotation that somebody asked for, and how many values were sealed anew when it was done."""

    id: UUID
    requested_at: datetime
    done_at: datetime | None
    resealed: int | None


class SealedValue(msgspec.Struct, frozen=True):
    """One ciphertext where it stands: its row, the row's version and the sealed bytes."""

    id: UUID
    row_version: int
    value: bytes


class Resealed(msgspec.Struct, frozen=True):
    """A ciphertext and the one that takes its place, if the row still holds the old one."""

    id: UUID
    old: bytes
    new: bytes


class SealedColumn(Protocol):
    """A sensitive column that a room declares, so that its ciphertexts can be sealed anew."""

    @property
    def name(self) -> str:
        """Return ``table.column``, as the database's catalogue names it."""
        ...

    def cell(self, sealed: SealedValue) -> "Cell":
        """Return the cell that the value is bound to."""
        ...

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts in the order of their row ids, from after the id given (role signer)."""
        ...

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts sealed with a key version, in the order of their row ids (role signer)."""
        ...

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace ciphertexts that are still the old ones; return how many were (role signer)."""
        ...


class KeyContext(msgspec.Struct, frozen=True):
    """What a wrapped key is bound to; another organisation's key cannot be unwrapped under it."""

    organization_id: UUID
    key_id: UUID
    version: int


class KeyProvider(Protocol):
    """Wraps and unwraps data keys: a key file, or a KMS."""

    @property
    def name(self) -> str:
        """The provider's name with the address of its key, as it is stored beside what it wrapped."""
        ...

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped for this context. Raises `KeysUnavailable`."""
        ...

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the 32-byte key. Raises `KeysUnavailable`; `WrongKey` when the context is another one."""
        ...

    async def prove(self) -> None:
        """Try that nothing opens without its context. Raises `ProviderUnsafe`, or `KeysUnavailable`."""
        ...

    async def aclose(self) -> None:
        """Close the connections that are held."""
        ...


class KeySource(Protocol):
    """Tells which organisations have their data keys wrapped by a key of their own."""

    async def wrapping(self, txn: Transaction) -> KeyProvider | None:
        """Return the organisation's own provider, or None where the platform's wraps."""
        ...

    async def unwrapping(self, txn: Transaction, name: str) -> KeyProvider | None:
        """Return the organisation's own provider of this name, or None when it is not one of those."""
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
