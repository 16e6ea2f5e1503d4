import msgspec
import pytest
from nacl.signing import SigningKey

from vectorflow_wire import envelope, keys


@pytest.fixture
def signer():
    key = SigningKey.generate()
    return envelope.MemorySigner(key, keys.key_id(bytes(key.verify_key))), bytes(key.verify_key)


def test_pae_is_dsse_version_1():
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_what_was_signed_comes_back_canonical(signer):
    sign, public = signer
    signed = envelope.sign(envelope.REPORT, {"b": 1, "a": "ü"}, sign)
    assert (
        envelope.verify(signed.encoded(), {sign.key_id: public}, envelope.REPORT)
        == '{"a":"ü","b":1}'.encode()
    )
    assert set(msgspec.json.decode(signed.encoded())) == {"payload", "payloadType", "signatures"}


def test_another_type_is_refused(signer):
    sign, public = signer
    signed = envelope.sign(envelope.REPORT, {}, sign)
    with pytest.raises(envelope.WrongPayloadType):
        envelope.verify(signed, {sign.key_id: public}, envelope.BUNDLE)
    relabelled = msgspec.structs.replace(signed, payload_type=envelope.BUNDLE)
    with pytest.raises(envelope.BadSignature):
        envelope.verify(relabelled, {sign.key_id: public}, envelope.BUNDLE)


def test_changed_payload_and_unknown_key_are_refused(signer):
    sign, public = signer
    signed = envelope.sign(envelope.REPORT, {"a": 1}, sign)
    with pytest.raises(envelope.UnknownKey):
        envelope.verify(signed, {}, envelope.REPORT)
    changed = msgspec.structs.replace(signed, payload=envelope.base64_text(b'{"a":2}'))
    with pytest.raises(envelope.BadSignature):
        envelope.verify(changed, {sign.key_id: public}, envelope.REPORT)


def test_one_signature_of_a_known_key_is_enough(signer):
    sign, public = signer
    other = SigningKey.generate()
    signed = envelope.sign(envelope.REPORT, {"a": 1}, sign)
    broken = envelope.Signature(keyid="other", sig=envelope.base64_text(bytes(64)))
    both = msgspec.structs.replace(signed, signatures=(broken, *signed.signatures))
    known = {sign.key_id: public, "other": bytes(other.verify_key)}
    assert envelope.verify(both, known, envelope.REPORT) == b'{"a":1}'
    with pytest.raises(envelope.BadSignature):
        envelope.verify(msgspec.structs.replace(both, signatures=(broken,)), known, envelope.REPORT)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"payload":1}', b"\xff", b'{"payload":"@","payloadType":"t","signatures":[]}'],
)
def test_garbage_is_refused(data):
    with pytest.raises(envelope.EnvelopeInvalid):
        envelope.verify(data, {}, "t")
