"""Secrets sealed to one node's X25519 key.

A sealed box has no associated data of its own, so what a value belongs to is sealed inside with it
and compared after opening: a box moved to another name, version, node or organisation is refused.
"""

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from vectorflow_wire.encoding import EncodingInvalid, base64_bytes, base64_text
from vectorflow_wire.keys import key_id, public_key


class SealedRefused(Exception):
    """The sealed secret cannot be opened here, or belongs to something else."""

    code = "sealed-refused"


class SealingKeyUnusable(Exception):
    """Nothing can be sealed to this key: it is a point of low order, whose boxes anybody could open."""

    code = "sealing-key-unusable"


class SealedSecret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A secret on its way to a node. `sealed` is base64; `key` is the id of the node's sealing key.

    With `file` the engine needs it as a file: the node keeps it beside the others, in memory, and hands the
    path to the engine.
    """

    name: str
    version: int
    key: str
    sealed: str
    file: bool = False


class SealedContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a sealed value belongs to; bound inside the box."""

    organization: str
    node: str
    name: str
    version: int


class _Plain(msgspec.Struct, frozen=True, kw_only=True):
    context: SealedContext
    value: str


def sealing_key(text: str) -> bytes:
    """Decode a node's X25519 public key from base64. Raises EncodingInvalid, SealingKeyUnusable."""
    public = public_key(text)
    _box(b"", public)
    return public


def seal(value: str, *, context: SealedContext, public: bytes) -> SealedSecret:
    """Seal a secret's value to a node's 32-byte X25519 public key. Raises SealingKeyUnusable."""
    box = _box(msgspec.json.encode(_Plain(context=context, value=value)), public)
    return SealedSecret(
        name=context.name, version=context.version, key=key_id(public), sealed=base64_text(box)
    )


def unseal(secret: SealedSecret, *, organization: str, node: str, private: bytes) -> str:
    """Open a secret with the node's 32-byte X25519 private key and give its value.

    Raises SealedRefused when the box was made for another key, or its content for another
    organisation, node, name or version. No message quotes a value.
    """
    expected = SealedContext(organization=organization, node=node, name=secret.name, version=secret.version)
    try:
        plain = SealedBox(PrivateKey(private)).decrypt(base64_bytes(secret.sealed))
        opened = msgspec.json.decode(plain, type=_Plain)
    except (CryptoError, EncodingInvalid, ValueError):
        # From None: msgspec's message may quote what it could not read.
        raise SealedRefused(f"secret {secret.name!r} cannot be opened with this node's key") from None
    if opened.context != expected:
        raise SealedRefused(f"secret {secret.name!r} was sealed for something else")
    return opened.value


def _box(plain: bytes, public: bytes) -> bytes:
    try:
        return bytes(SealedBox(PublicKey(public)).encrypt(plain))
    except CryptoError:
        # From None: what failed holds the secret in its frames.
        raise SealingKeyUnusable("nothing can be sealed to it") from None
