import msgspec
import pytest
from nacl.public import PrivateKey

from vectorflow_wire import sealing
from vectorflow_wire.encoding import base64_text

CONTEXT = sealing.SealedContext(organization="org", node="node", name="db", version=3)


@pytest.fixture
def sealed():
    key = PrivateKey.generate()
    return sealing.seal('p"ss\nwörd', context=CONTEXT, public=bytes(key.public_key)), bytes(key)


def test_a_sealed_value_opens_for_its_node(sealed):
    secret, private = sealed
    assert sealing.unseal(secret, organization="org", node="node", private=private) == 'p"ss\nwörd'
    assert "wörd" not in secret.sealed


@pytest.mark.parametrize("change", [{"name": "other"}, {"version": 2}])
def test_a_box_under_another_name_or_version_is_refused(sealed, change):
    secret, private = sealed
    with pytest.raises(sealing.SealedRefused, match="something else"):
        sealing.unseal(
            msgspec.structs.replace(secret, **change), organization="org", node="node", private=private
        )


@pytest.mark.parametrize("who", [{"organization": "x", "node": "node"}, {"organization": "org", "node": "x"}])
def test_a_box_for_another_node_or_organisation_is_refused(sealed, who):
    secret, private = sealed
    with pytest.raises(sealing.SealedRefused, match="something else"):
        sealing.unseal(secret, **who, private=private)


@pytest.mark.parametrize("text", ["", "AAAA", "not base64"])
def test_another_key_and_garbage_are_refused(sealed, text):
    secret, private = sealed
    with pytest.raises(sealing.SealedRefused, match="cannot be opened"):
        sealing.unseal(secret, organization="org", node="node", private=bytes(PrivateKey.generate()))
    broken = msgspec.structs.replace(secret, sealed=text)
    with pytest.raises(sealing.SealedRefused, match="cannot be opened"):
        sealing.unseal(broken, organization="org", node="node", private=private)


@pytest.mark.parametrize(
    "public", [bytes(32), bytes([1]) + bytes(31), bytes([0xEC]) + b"\xff" * 30 + b"\x7f"]
)
def test_a_key_of_low_order_is_refused_where_it_is_taken_and_where_it_is_used(public):
    with pytest.raises(sealing.SealingKeyUnusable):
        sealing.sealing_key(base64_text(public))
    with pytest.raises(sealing.SealingKeyUnusable):
        sealing.seal("hush", context=CONTEXT, public=public)


def test_a_key_that_can_be_used_is_decoded():
    public = bytes(PrivateKey.generate().public_key)
    assert sealing.sealing_key(base64_text(public)) == public
