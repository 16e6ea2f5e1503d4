"""Proofs made with a node's identity key: for new tokens and sealing keys, and for coming back without a token.

Both are DSSE envelopes of their own payload types, so that neither passes as the other or as a report.
"""

from typing import Final

import msgspec

from vectorflow_wire import envelope
from vectorflow_wire.encoding import base32_text
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.tokens import Token

ROTATE_PATH: Final = "/agent/v1/rotate"
CHALLENGE_PATH: Final = "/agent/v1/challenge"
ROTATE_AFTER_SECONDS: Final = 30 * 24 * 3600


class RotationClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Signed with the node's identity key as `envelope.ROTATION`. `at` is epoch ms by the node's clock.

    `token` is the id part of the node token in use as it stands there, so that a claim is of no use with another.
    `sealing` is the new X25519 public key (base64 of 32 bytes); empty leaves the key as it is. The node
    keeps the old private key until a bundle arrives in which nothing is sealed to it any more.
    """

    organization: str
    node: str
    token: str
    at: int
    sealing: str = ""


def token_claimed(token: Token) -> str:
    """How a claim names a token: its id in base32."""
    return base32_text(token.id.bytes)


class RotateRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /agent/v1/rotate`; the present node token is in `Authorization`."""

    claim: Envelope


class RotateAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The new node token. The old one is accepted until `old_valid_until` (epoch ms), or until revoked.

    Store the new token first and use it from then on. When the answer is lost, ask again with the old
    token; a token that was never used runs out like the old one. Asking with an old token whose successor was used is
    answered 409 `fleet.clone-suspected`: another machine goes on with this node's identity; go on with
    what runs and with the old token, and ask again a day later.
    """

    node_token: str
    old_valid_until: int
    rotate_after_seconds: float = ROTATE_AFTER_SECONDS


class ChallengeRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /agent/v1/challenge`; an enrolment token is in `Authorization`. `node` is the old node's id."""

    node: str


class ChallengeAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A nonce to sign within a few minutes. It is answered for any node id, known or not."""

    nonce: str
    expires_at: int = 0


class ReattachClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Signed with the old node's identity key as `envelope.REATTACH`; goes into `EnrollRequest.proof`.

    `identity` and `sealing` repeat the public keys of the enrolment, so that a proof cannot be used to put
    other keys in place.
    """

    node: str
    nonce: str
    identity: str
    sealing: str


def rotation_signed(claim: RotationClaim, signer: envelope.Signer) -> Envelope:
    """Sign a claim for a new token with the node's identity key."""
    return envelope.sign(envelope.ROTATION, claim, signer)


def reattach_signed(claim: ReattachClaim, signer: envelope.Signer) -> Envelope:
    """Sign a claim to be a node that was enrolled before, with that node's identity key."""
    return envelope.sign(envelope.REATTACH, claim, signer)
