"""The seal of events between gateway and API: only who can open a tap's key reads what was sent for it.

What a batch belongs to is sealed inside with it, so that one that was moved to another tap or node is refused.
"""

import os
from uuid import UUID

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from vectorflow_wire.taps import TapBatch

KEY_BYTES = 32


class RelayBroken(Exception):
    """A batch was not sealed for this tap and node."""


class _Plain(msgspec.Struct, frozen=True):
    organization: UUID
    tap: UUID
    node: UUID
    batch: TapBatch


def new_relay() -> tuple[bytes, bytes]:
    """Return the private and the public half of a tap's key."""
    private = PrivateKey(os.urandom(KEY_BYTES))
    return bytes(private), bytes(private.public_key)


def relay_seal(public: bytes, organization: UUID, tap: UUID, node: UUID, batch: TapBatch) -> bytes:
    """Seal a batch to a tap's key."""
    plain = msgspec.json.encode(_Plain(organization, tap, node, batch))
    return bytes(SealedBox(PublicKey(public)).encrypt(plain))


def relay_open(private: bytes, organization: UUID, tap: UUID, node: UUID, body: bytes) -> TapBatch:
    """Open a batch. Raises `RelayBroken`."""
    try:
        plain = msgspec.json.decode(SealedBox(PrivateKey(private)).decrypt(body), type=_Plain)
    except (CryptoError, msgspec.MsgspecError, ValueError):
        # From None: the message may quote an event.
        raise RelayBroken(RelayBroken.__doc__) from None
    if (plain.organization, plain.tap, plain.node) != (organization, tap, node):
        raise RelayBroken(RelayBroken.__doc__)
    return plain.batch
