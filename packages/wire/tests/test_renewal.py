import uuid

import msgspec
import pytest
from nacl.signing import SigningKey

from vectorflow_wire import envelope, keys, renewal, tokens

IDENTITY = SigningKey.generate()
SIGNER = envelope.MemorySigner(IDENTITY, keys.key_id(bytes(IDENTITY.verify_key)))
TRUSTED = {SIGNER.key_id: bytes(IDENTITY.verify_key)}
ROTATION = renewal.RotationClaim(organization="org", node="node", token="t", at=1, sealing="key")
REATTACH = renewal.ReattachClaim(node="node", nonce="n", identity="i", sealing="s")


def test_claims_come_back_as_they_were_signed():
    rotated = envelope.verify(renewal.rotation_signed(ROTATION, SIGNER), TRUSTED, envelope.ROTATION)
    assert msgspec.json.decode(rotated, type=renewal.RotationClaim) == ROTATION
    attached = envelope.verify(renewal.reattach_signed(REATTACH, SIGNER), TRUSTED, envelope.REATTACH)
    assert msgspec.json.decode(attached, type=renewal.ReattachClaim) == REATTACH


def test_a_claim_names_the_token_as_it_is_written():
    token = tokens.mint(tokens.NODE, "acme", uuid.uuid4())
    assert token.text.startswith(f"vfn_acme_{renewal.token_claimed(token)}_")


def test_one_claim_never_passes_as_the_other():
    with pytest.raises(envelope.WrongPayloadType):
        envelope.verify(renewal.rotation_signed(ROTATION, SIGNER), TRUSTED, envelope.REATTACH)
    with pytest.raises(envelope.WrongPayloadType):
        envelope.verify(renewal.reattach_signed(REATTACH, SIGNER), TRUSTED, envelope.ROTATION)
