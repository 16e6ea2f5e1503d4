"""`vault.pem`: what is read from certificates and keys, and each way in which they can be wrong."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from packages.server.tests.vault.papers import authority, leaf, pem_key, pem_of

from vectorflow.vault.errors import CertificateInvalid
from vectorflow.vault.pem import read_chain

ROOT, ROOT_KEY = authority("Root")
MIDDLE, MIDDLE_KEY = authority("Middle", ROOT, ROOT_KEY)
LEAF, KEY = leaf(MIDDLE, MIDDLE_KEY)
OTHER, _ = authority("Other")


def refusal(chain, key=None, passphrase=None, authorities=None) -> tuple[str, str]:
    with pytest.raises(CertificateInvalid) as caught:
        read_chain(chain, key, passphrase, authorities)
    (error,) = caught.value.errors
    assert "BEGIN PRIVATE" not in error.message
    return error.field, error.message


def test_a_chain_is_read_in_order() -> None:
    read = read_chain(pem_of(LEAF, MIDDLE, ROOT), pem_key(KEY))
    assert read.chain == "complete"
    assert [each.subject for each in read.certificates] == ["CN=logs", "CN=Middle", "CN=Root"]
    first = read.certificates[0]
    assert (first.names, first.key, first.issuer, first.authority) == (
        ["logs.example.com"], "EC secp256r1", "CN=Middle", False
    )  # fmt: skip
    assert read.not_after == LEAF.not_valid_after_utc
    assert read.private_key is not None
    assert read.private_key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in repr(read)


@pytest.mark.parametrize(
    ("chain", "word"),
    [(pem_of(LEAF), "open"), (pem_of(LEAF, MIDDLE), "open"), (pem_of(ROOT), "self-signed"),
     (pem_of(ROOT, OTHER), "bundle"), (pem_of(MIDDLE, ROOT), "complete")],
)  # fmt: skip
def test_what_certificates_make_together_is_told(chain, word) -> None:
    assert read_chain(chain).chain == word


def test_a_chain_leads_to_the_given_authorities_or_is_refused() -> None:
    assert read_chain(pem_of(LEAF, MIDDLE), authorities=pem_of(OTHER, ROOT)).chain == "trusted"
    field, message = refusal(pem_of(LEAF, MIDDLE), authorities=pem_of(OTHER))
    assert (field, "CN=Root" in message) == ("authorities", True)


def test_wrong_orders_and_strangers_are_named() -> None:
    assert refusal(pem_of(LEAF, ROOT, MIDDLE), pem_key(KEY)) == (
        "chain", "certificate 1 was issued by certificate 3: put the issuer right after it"
    )  # fmt: skip
    assert "out of order" in refusal(pem_of(MIDDLE, LEAF), pem_key(KEY))[1]
    field, message = refusal(pem_of(LEAF, OTHER), pem_key(KEY))
    assert (field, "its issuer is CN=Middle" in message) == ("chain", True)


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_encrypted_keys_are_opened_and_kept_open(form) -> None:
    read = read_chain(pem_of(LEAF), pem_key(KEY, "open sesame", form), "open sesame")
    assert read.private_key is not None
    assert b"ENCRYPTED" not in read.private_key


@pytest.mark.parametrize(
    ("key", "passphrase", "field", "words"),
    [
        (pem_key(KEY, "right"), "wrong", "passphrase", "does not open"),
        (pem_key(KEY, "right"), None, "passphrase", "is encrypted"),
        (pem_key(KEY), "needless", "passphrase", "is not encrypted"),
        (pem_key(ec.generate_private_key(ec.SECP256R1())), None, "private_key", "does not belong"),
        (pem_key(rsa.generate_private_key(65537, 2048)), None, "private_key", "does not belong"),
        ("hello", None, "private_key", "not a private key"),
        (pem_key(KEY).replace("A", "B", 20), None, "private_key", ""),
        (pem_key(KEY) * 2, None, "private_key", "alone"),
    ],
)
def test_keys_that_do_not_fit_are_refused(key, passphrase, field, words) -> None:
    found, message = refusal(pem_of(LEAF), key, passphrase)
    assert found == field
    assert words in message


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ("", "not PEM"),
        ("nonsense", "not PEM"),
        (pem_of(LEAF).replace("M", "N"), "damaged"),
        (pem_of(LEAF) + pem_key(KEY), "private key"),
        ("-----BEGIN CERTIFICATE-----\n" + "A" * 300_000, "at most"),
    ],
)
def test_what_is_no_certificate_is_refused(chain, words) -> None:
    field, message = refusal(chain)
    assert field == "chain"
    assert words in message
