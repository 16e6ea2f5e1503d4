import msgspec
import pytest
from nacl.signing import SigningKey

from vectorflow_wire import envelope, keys

NOW = 1_800_000_000_000
ROOT = SigningKey.generate()
PUBLIC = bytes(ROOT.verify_key)
SIGNER = envelope.MemorySigner(ROOT, keys.key_id(PUBLIC))
LIST = keys.KeyList(organization="org", version=5, issued_at=NOW, expires_at=NOW + 1000)


def check(content=LIST, *, last_version=0, now=NOW, root=PUBLIC):
    return keys.key_list_verify(
        keys.key_list_signed(content, SIGNER),
        root_public=root,
        organization="org",
        last_version=last_version,
        now=now,
    )


def test_a_list_signed_by_the_root_is_believed():
    assert check(last_version=5) == LIST


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (LIST, {"last_version": 6}, "older"),
        (msgspec.structs.replace(LIST, organization="other"), {}, "another organisation"),
        (msgspec.structs.replace(LIST, format=2), {}, "format 2"),
        (LIST, {"now": NOW + 1001 + envelope.CLOCK_TOLERANCE_MS}, "expired"),
        (LIST, {"root": bytes(SigningKey.generate().verify_key)}, "cannot be trusted"),
    ],
)
def test_other_lists_are_refused(content, arguments, says):
    with pytest.raises(keys.KeyListRefused, match=says):
        check(content, **arguments)


def test_a_stored_list_does_not_expire():
    assert check(now=None) == LIST


def test_fingerprints_compare_without_case_and_prefix():
    fingerprint = keys.root_fingerprint(PUBLIC)
    assert keys.fingerprint_matches(PUBLIC, fingerprint)
    assert keys.fingerprint_matches(PUBLIC, f" {fingerprint.removeprefix('sha256:').upper()} ")
    assert not keys.fingerprint_matches(PUBLIC, fingerprint[:-1] + ("0" if fingerprint[-1] != "0" else "1"))
    assert not keys.fingerprint_matches(PUBLIC, "")
