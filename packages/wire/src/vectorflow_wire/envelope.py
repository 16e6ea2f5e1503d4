"""DSSE envelopes: a payload, its type, and Ed25519 signatures over both.

The signature covers the pre-authentication encoding (PAE) of type and payload, so a payload signed
as one type never passes as another. Payloads are RFC 8785 canonical JSON; what is verified are the
exact bytes received, and only those are decoded.
"""

import re
import types
import typing
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec
import rfc8785
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from vectorflow_wire.encoding import EncodingInvalid, base64_bytes, base64_text

BUNDLE: Final = "application/vnd.vectorflow.bundle+json"
KEY_LIST: Final = "application/vnd.vectorflow.keylist+json"
REPORT: Final = "application/vnd.vectorflow.report+json"
STATEMENT: Final = "application/vnd.vectorflow.statement+json"
ROTATION: Final = "application/vnd.vectorflow.rotation+json"
REATTACH: Final = "application/vnd.vectorflow.reattach+json"
EXPORT: Final = "application/vnd.vectorflow.export+json"
RELEASES: Final = "application/vnd.vectorflow.releases+json"

# Fractions and null (which may have been no number) are written otherwise, and numbers of 16 digits may be inexact.
_PARTICULAR: Final = re.compile(rb"[:,\[](?:null|-?[0-9]{16}|-?[0-9]+[.eE])")

CLOCK_TOLERANCE_MS: Final = 5 * 60 * 1000


class EnvelopeRefused(Exception):
    """An envelope that must not be believed. `code` is stable, for reports and tests."""

    code = "envelope-refused"


class EnvelopeInvalid(EnvelopeRefused):
    """This is not a signed envelope."""

    code = "envelope-invalid"


class WrongPayloadType(EnvelopeRefused):
    """The envelope holds something of another type than asked for."""

    code = "payload-type"


class UnknownKey(EnvelopeRefused):
    """No signature was made with a key that is trusted here."""

    code = "unknown-key"


class BadSignature(EnvelopeRefused):
    """The signature does not fit the content."""

    code = "bad-signature"


class Signer(Protocol):
    """Something that signs: a key in memory, or one in a KMS."""

    @property
    def key_id(self) -> str:
        """Id of the public key, see `keys.key_id`."""

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of the data."""


class MemorySigner:
    """A Signer whose Ed25519 key is in this process's memory."""

    def __init__(self, key: SigningKey, key_id: str) -> None:
        self._key = key
        self._key_id = key_id

    @property
    def key_id(self) -> str:
        """Id of the public key."""
        return self._key_id

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature of the data."""
        return self._key.sign(data).signature


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One signature: `sig` is base64 of 64 bytes."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A DSSE envelope; `payload` is base64. Nothing in it is to be believed before `verify`."""

    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: tuple[Signature, ...]

    def encoded(self) -> bytes:
        """The envelope as JSON bytes."""
        return msgspec.json.encode(self)


def canonical(payload: Any) -> bytes:
    """RFC 8785 canonical JSON of a struct or of plain data."""
    if _is_simple(type(payload)):  # type: ignore[arg-type]  # a class is hashable
        # The sorted form is the canonical one, but for the order of odd keys and for some numbers.
        data = msgspec.json.encode(payload, order="sorted")
        if data.isascii() and not _PARTICULAR.search(data):
            return data
    return rfc8785.dumps(msgspec.to_builtins(payload))


@lru_cache(maxsize=200)
def _is_simple(kind: Hashable) -> bool:
    """Tell whether a type is a struct of nothing but texts, numbers, truths, lists, mappings and such structs."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return all(_is_simple_part(field.type) for field in msgspec.structs.fields(kind))
    return False


def _is_simple_part(kind: Any) -> bool:
    if typing.get_origin(kind) in {tuple, list, dict, types.UnionType}:
        return all(_is_simple_part(each) for each in typing.get_args(kind))
    return kind in {str, int, float, bool, type(None), ...} or _is_simple(kind)


def pae(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs: lengths, type and payload, so that no two inputs look the same."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: Any, signer: Signer) -> Envelope:
    """Sign a struct (or plain data) as canonical JSON."""
    return sign_bytes(payload_type, canonical(payload), signer)


def sign_bytes(payload_type: str, payload: bytes, signer: Signer) -> Envelope:
    """Sign bytes that are already canonical JSON."""
    signature = signer.sign(pae(payload_type, payload))
    return Envelope(
        payload=base64_text(payload),
        payload_type=payload_type,
        signatures=(Signature(keyid=signer.key_id, sig=base64_text(signature)),),
    )


def verify(data: bytes | Envelope, keys: Mapping[str, bytes], payload_type: str) -> bytes:
    """Give the payload's exact bytes if a trusted key signed them as this type.

    `keys` maps key ids to 32-byte Ed25519 public keys. Raises EnvelopeInvalid, WrongPayloadType,
    UnknownKey or BadSignature.
    """
    envelope = data if isinstance(data, Envelope) else _decode(data)
    if envelope.payload_type != payload_type:
        raise WrongPayloadType(f"expected {payload_type}, got another payload type")
    try:
        payload = base64_bytes(envelope.payload)
        signatures = [(part.keyid, base64_bytes(part.sig)) for part in envelope.signatures]
    except EncodingInvalid as error:
        raise EnvelopeInvalid(str(error)) from error
    message = pae(payload_type, payload)
    known = [(keys[key], signature) for key, signature in signatures if key in keys]
    if not known:
        raise UnknownKey("signed by a key that is not in the list of trusted keys")
    if not any(_fits(public, message, signature) for public, signature in known):
        raise BadSignature("the signature does not fit the content")
    return payload


def _decode(data: bytes) -> Envelope:
    try:
        return msgspec.json.decode(data, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EnvelopeInvalid("not a signed envelope") from error


def _fits(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(public).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True
