import msgspec
import pytest
from nacl.signing import SigningKey

from vectorflow_wire import bundles, envelope, keys, verify
from vectorflow_wire.encoding import base64_text

NOW = 1_800_000_000_000
HOUR = 3_600_000


def signer_of(key):
    return envelope.MemorySigner(key, keys.key_id(bytes(key.verify_key)))


ROOT, ONLINE, STRANGER = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
KEYS = keys.KeyList(
    organization="org",
    version=2,
    issued_at=NOW - HOUR,
    expires_at=NOW + HOUR,
    keys=(
        keys.OnlineKey(
            id=signer_of(ONLINE).key_id, public=base64_text(bytes(ONLINE.verify_key)), not_after=NOW + HOUR
        ),
    ),
)
BUNDLE = bundles.Bundle(
    organization="org",
    environment="env",
    node="node",
    generation=7,
    issue=2,
    issued_at=NOW - 1000,
    expires_at=NOW + HOUR,
    keys_version=2,
)


def check(bundle=BUNDLE, *, key=ONLINE, last=(7, 1), now=NOW):
    data = envelope.sign(envelope.BUNDLE, bundle, signer_of(key)).encoded()
    return verify.verify_bundle(
        data, trust=verify.Trust(keys=KEYS), node="node", organization="org", last=last, now=now
    )


def changed(**fields):
    return msgspec.structs.replace(BUNDLE, **fields)


@pytest.mark.parametrize("last", [None, (7, 1), (7, 2), (6, 9)])
def test_a_good_bundle_is_believed(last):
    assert check(last=last) == BUNDLE


@pytest.mark.parametrize(
    ("bundle", "refusal"),
    [
        (changed(organization="other"), verify.BundleForeignOrganization),
        (changed(node="other"), verify.BundleForeignNode),
        (changed(generation=6, issue=9), verify.BundleOutdated),
        (changed(issue=0), verify.BundleOutdated),
        (changed(keys_version=3), verify.BundleKeysOutdated),
        (changed(format=2), verify.BundleFormatUnknown),
        (changed(expires_at=NOW - envelope.CLOCK_TOLERANCE_MS - 1), verify.BundleExpired),
        (changed(issued_at=NOW + 2 * HOUR), verify.BundleForged),
        ({"organization": 1}, verify.BundleUnreadable),
    ],
)
def test_each_rule_refuses(bundle, refusal):
    with pytest.raises(refusal) as raised:
        check(bundle)
    assert type(raised.value) is refusal
    assert str(raised.value)


def test_every_refusal_has_its_own_code():
    kinds = verify.BundleRefused.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 9


def test_a_stranger_and_another_type_are_forgeries():
    with pytest.raises(verify.BundleForged):
        check(key=STRANGER)
    with pytest.raises(verify.BundleForged):
        check(key=ROOT)
    report = envelope.sign(envelope.REPORT, BUNDLE, signer_of(ONLINE)).encoded()
    with pytest.raises(verify.BundleForged):
        verify.verify_bundle(
            report, trust=verify.Trust(keys=KEYS), node="node", organization="org", last=None, now=NOW
        )


def test_five_minutes_of_tolerance_and_no_expiry_when_stored():
    late = changed(expires_at=NOW - envelope.CLOCK_TOLERANCE_MS)
    assert check(late) == late
    old = changed(expires_at=NOW - 90 * 24 * HOUR)
    assert check(old, now=None) == old
    with pytest.raises(verify.BundleExpired) as raised:
        check(old)
    assert raised.value.offset_ms == 90 * 24 * HOUR


def test_unknown_fields_and_enum_values_are_tolerated():
    plain = msgspec.to_builtins(BUNDLE) | {
        "colour": "blue",
        "pipelines": [{"id": "p", "name": "p", "state": "dream", "handover": "fly", "mood": 1}],
    }
    assert check(plain).pipelines[0].state == "dream"
