"""The one way to believe a bundle: every rule of the protocol, one error class for each."""

from typing import ClassVar

import msgspec

from vectorflow_wire import envelope
from vectorflow_wire.bundles import BUNDLE_FORMAT, Bundle
from vectorflow_wire.encoding import EncodingInvalid
from vectorflow_wire.keys import KeyList, public_key


class BundleRefused(Exception):
    """A bundle that must not be applied. `code` is stable; the text says what was wrong."""

    code: ClassVar[str] = "bundle-refused"


class BundleForged(BundleRefused):
    """It is not an envelope signed by a key that may sign bundles."""

    code = "bundle-signature"


class BundleUnreadable(BundleRefused):
    """It is signed, but its content cannot be read."""

    code = "bundle-unreadable"


class BundleTooLarge(BundleRefused):
    """It is longer than a node reads."""

    code = "bundle-too-large"


class BundleFormatUnknown(BundleRefused):
    """It has a format this agent does not know; update the agent."""

    code = "bundle-format"


class BundleForeignOrganization(BundleRefused):
    """It was made for another organisation."""

    code = "bundle-organization"


class BundleForeignNode(BundleRefused):
    """It was made for another node."""

    code = "bundle-node"


class BundleOutdated(BundleRefused):
    """Its (generation, issue) is lower than that of one already accepted."""

    code = "bundle-outdated"


class BundleKeysOutdated(BundleRefused):
    """It was signed under a newer key list than this node holds."""

    code = "bundle-keys-outdated"


class BundleExpired(BundleRefused):
    """It had expired when it arrived, or this clock is wrong. `offset_ms` tells by how much."""

    code = "bundle-expired"

    def __init__(self, offset_ms: int) -> None:
        self.offset_ms = offset_ms
        super().__init__(
            f"the bundle expired {offset_ms // 1000} s ago by this node's clock; "
            "check the clock, and whether the control plane renews bundles"
        )


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What a node believes signatures by: the verified key list of its organisation."""

    keys: KeyList

    def signing_keys(self, at: int) -> dict[str, bytes]:
        """Public keys by id that may sign a bundle at a time (epoch ms)."""
        return {
            key.id: public_key(key.public)
            for key in self.keys.keys
            if key.not_before <= at and (not key.not_after or at <= key.not_after)
        }


def verify_bundle(
    envelope_bytes: bytes,
    *,
    trust: Trust,
    node: str,
    organization: str,
    last: tuple[int, int] | None,
    now: int | None,
) -> Bundle:
    """Check a signed bundle by every rule and give its content.

    `last` is the (generation, issue) accepted before, if any; the same one again is fine. `now` is
    epoch ms; None leaves expiry out, which is right only for the bundle stored on this node.
    Raises a subclass of BundleRefused. The node's own policy is not checked here.
    """
    bundle = _opened(envelope_bytes, trust)
    if bundle.format != BUNDLE_FORMAT:
        raise BundleFormatUnknown(f"format {bundle.format}; this agent reads format {BUNDLE_FORMAT}")
    if bundle.organization != organization:
        raise BundleForeignOrganization(BundleForeignOrganization.__doc__)
    if bundle.node != node:
        raise BundleForeignNode(BundleForeignNode.__doc__)
    if last is not None and bundle.order < last:
        raise BundleOutdated(f"{bundle.order} is lower than {last}, which was accepted before")
    if bundle.keys_version > trust.keys.version:
        raise BundleKeysOutdated(f"key list {bundle.keys_version} is needed, {trust.keys.version} is held")
    if now is not None and bundle.expires_at + envelope.CLOCK_TOLERANCE_MS < now:
        raise BundleExpired(now - bundle.expires_at)
    return bundle


def _opened(data: bytes, trust: Trust) -> Bundle:
    try:
        # Every listed key may verify here; whether it was valid then is asked once the time is known.
        keys = {key.id: public_key(key.public) for key in trust.keys.keys}
        payload = envelope.verify(data, keys, envelope.BUNDLE)
    except (envelope.EnvelopeRefused, EncodingInvalid) as error:
        raise BundleForged(str(error)) from error
    try:
        bundle = msgspec.json.decode(payload, type=Bundle)
    except msgspec.MsgspecError as error:
        raise BundleUnreadable(str(error)) from error
    valid = trust.signing_keys(bundle.issued_at)
    try:
        envelope.verify(data, valid, envelope.BUNDLE)
    except envelope.EnvelopeRefused as error:
        raise BundleForged("signed with a key outside the time it may be used") from error
    return bundle
