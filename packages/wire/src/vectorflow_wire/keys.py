"""Public keys: their ids, the root key's fingerprint, and the list of keys that may sign bundles."""

import hashlib
import hmac
from typing import Final

import msgspec

from vectorflow_wire import envelope
from vectorflow_wire.encoding import EncodingInvalid, base32_text, base64_bytes

KEY_LIST_FORMAT: Final = 1


class KeyListRefused(Exception):
    """The list of signing keys is not signed by the organisation's root key, or is out of date."""

    code = "keys-refused"


class OnlineKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that may sign bundles. `public` is base64 of 32 Ed25519 bytes; times are epoch ms."""

    id: str
    public: str
    not_before: int = 0
    not_after: int = 0
    """0 means until the list ends."""


class KeyList(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys may sign for an organisation. Signed by the root key alone; versions only grow."""

    organization: str
    version: int
    issued_at: int
    expires_at: int
    keys: tuple[OnlineKey, ...] = ()
    format: int = KEY_LIST_FORMAT

    def key_find(self, key_id: str) -> OnlineKey | None:
        """Give the key with this id, or None."""
        return next((key for key in self.keys if key.id == key_id), None)


def key_id(public: bytes) -> str:
    """Id of a public key: 26 characters of base32 of the first 16 bytes of its SHA-256."""
    return base32_text(hashlib.sha256(public).digest()[:16])


def root_fingerprint(public: bytes) -> str:
    """Fingerprint of a root key, as the install command carries it: `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(public).hexdigest()


def fingerprint_matches(public: bytes, fingerprint: str) -> bool:
    """Tell whether a root key has the fingerprint a person was given (case and prefix do not matter)."""
    expected = root_fingerprint(public).removeprefix("sha256:")
    given = fingerprint.strip().lower().removeprefix("sha256:")
    return hmac.compare_digest(expected.encode(), given.encode())


def public_key(text: str) -> bytes:
    """Decode a 32-byte public key from base64. Raises EncodingInvalid."""
    data = base64_bytes(text)
    if len(data) != 32:
        raise EncodingInvalid("a public key has 32 bytes")
    return data


def key_list_signed(keys: KeyList, root: envelope.Signer) -> bytes:
    """Sign a key list with the root key: the JSON bytes of the envelope."""
    return envelope.sign(envelope.KEY_LIST, keys, root).encoded()


def key_list_verify(
    data: bytes, *, root_public: bytes, organization: str, last_version: int, now: int | None
) -> KeyList:
    """Check a signed key list against the root key and give its content.

    `now` is epoch ms; None skips the expiry, for a list that was valid when it arrived and is read
    back from disk. Raises KeyListRefused, saying why.
    """
    try:
        opened = envelope.verify(data, {key_id(root_public): root_public}, envelope.KEY_LIST)
        keys = msgspec.json.decode(opened, type=KeyList)
    except (envelope.EnvelopeRefused, msgspec.MsgspecError) as error:
        raise KeyListRefused(f"the key list cannot be trusted: {error}") from error
    if keys.format != KEY_LIST_FORMAT:
        raise KeyListRefused(f"the key list has format {keys.format}; this agent reads {KEY_LIST_FORMAT}")
    if keys.organization != organization:
        raise KeyListRefused("the key list belongs to another organisation")
    if keys.version < last_version:
        raise KeyListRefused(f"key list version {keys.version} is older than {last_version}, already held")
    if now is not None and keys.expires_at + envelope.CLOCK_TOLERANCE_MS < now:
        raise KeyListRefused(f"the key list expired {(now - keys.expires_at) // 1000} s ago by this clock")
    return keys
