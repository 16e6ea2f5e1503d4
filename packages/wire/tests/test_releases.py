"""The signed index of releases: who may sign it, what makes it old, and what fits a machine."""

import msgspec
import pytest
from nacl.signing import SigningKey

from vectorflow_wire import envelope, releases
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.keys import key_id

NOW = 1_800_000_000_000
KEY = SigningKey.generate()
HERE = releases.Machine("linux", "x86_64", "cp311")


def signer(key):
    return envelope.MemorySigner(key, key_id(bytes(key.verify_key)))


def trusted(key=KEY):
    return releases.release_keys([base64_text(bytes(key.verify_key))])


def release(**changes):
    made = releases.Release(
        program="agent",
        version="0.2.0",
        digest="sha256:" + "a" * 64,
        size=10,
        os="linux",
        arch="x86_64",
        python="cp311",
    )
    return msgspec.structs.replace(made, **changes)


def index(**changes):
    made = releases.ReleaseIndex(
        number=5, issued_at=NOW, expires_at=NOW + 1000, minimum="0.1.0", releases=(release(),)
    )
    return msgspec.structs.replace(made, **changes)


def test_a_signed_index_is_read_again_as_it_was():
    signed = releases.index_sign(index(), signer(KEY))
    assert releases.index_verify(signed, keys=trusted(), last_number=5, now=NOW) == index()


def unsigned(content):
    return envelope.sign(envelope.RELEASES, content, signer(KEY)).encoded()


REFUSED = {
    "release-signature": lambda: (releases.index_sign(index(), signer(SigningKey.generate())), {}),
    "release-older": lambda: (releases.index_sign(index(), signer(KEY)), {"last_number": 6}),
    "release-expired": lambda: (releases.index_sign(index(), signer(KEY)), {"now": NOW + 10_000_000}),
    "release-key-missing": lambda: (releases.index_sign(index(), signer(KEY)), {"keys": {}}),
    "release-unreadable": lambda: (unsigned(index(releases=(release(size=0),))), {}),
}


@pytest.mark.parametrize("code", REFUSED)
def test_refusals_are_told_apart(code):
    data, changes = REFUSED[code]()
    with pytest.raises(releases.ReleaseRefused) as refusal:
        releases.index_verify(data, **({"keys": trusted(), "now": NOW} | changes))
    assert refusal.value.code == code
    assert str(refusal.value)


def test_another_format_and_another_payload_type_are_refused():
    with pytest.raises(releases.ReleaseIndexUnreadable, match="format 9"):
        releases.index_verify(unsigned(index(format=9)), keys=trusted(), now=NOW)
    other = envelope.sign(envelope.BUNDLE, index(), signer(KEY)).encoded()
    with pytest.raises(releases.ReleaseIndexForged):
        releases.index_verify(other, keys=trusted(), now=NOW)


def test_the_expiry_is_not_asked_of_an_index_read_back_from_disk():
    signed = releases.index_sign(index(), signer(KEY))
    assert releases.index_verify(signed, keys=trusted(), now=None).number == 5


@pytest.mark.parametrize(
    "content",
    [
        index(number=0),
        index(expires_at=NOW),
        index(minimum="any"),
        index(releases=(release(digest="sha256:short"),)),
        index(releases=(release(version="../../x"),)),
        index(releases=(release(size=releases.LARGEST_FILE + 1),)),
    ],
)
def test_nobody_signs_an_index_that_nobody_could_use(content):
    with pytest.raises(releases.ReleaseIndexUnreadable):
        releases.index_sign(content, signer(KEY))


def test_a_release_is_found_for_the_machine_and_by_its_digest():
    other = release(arch="aarch64", digest="sha256:" + "b" * 64)
    vector = release(program="vector", version="0.57.0", python="", os=releases.ANY, arch=releases.ANY)
    all_of_it = index(releases=(other, release(), vector))
    found = all_of_it.find(program="agent", version="0.2.0", digest="", machine=HERE)
    assert found == release()
    assert all_of_it.find(program="vector", version="0.57.0", digest="", machine=HERE) == vector
    for wanted in (
        {"version": "0.3.0", "digest": ""},
        {"version": "0.2.0", "digest": other.digest},
    ):
        with pytest.raises(releases.ReleaseUnlisted):
            all_of_it.find(program="agent", machine=HERE, **wanted)
    elsewhere = releases.Machine("linux", "x86_64", "cp312")
    with pytest.raises(releases.ReleaseUnlisted, match="cp312"):
        all_of_it.find(program="agent", version="0.2.0", digest="", machine=elsewhere)


def test_nobody_goes_below_the_minimum():
    with pytest.raises(releases.ReleaseBelowMinimum):
        index(minimum="0.10.0").find(program="agent", version="0.2.0", digest="", machine=HERE)


def test_versions_are_compared_by_number():
    ordered = ["0.1.0", "0.2.0-rc1", "0.2.0", "0.2.1", "0.10.0", "1.0"]
    assert sorted(ordered, key=releases.version_key) == ordered
    assert releases.version_key("1.0") == releases.version_key("1.0.0")
