"""Reading certificates and private keys: pure, and with messages that say what is wrong and never quote a key."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from vectorflow.kernel.errors import FieldError
from vectorflow.vault.errors import CertificateInvalid

MOST_PEM_BYTES = 256 * 1024
MOST_CERTIFICATES = 500
_MOST_NAMES = 100


class ReadCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """What one certificate says."""

    subject: str
    issuer: str
    names: list[str]
    serial: str
    not_before: datetime
    not_after: datetime
    key: str
    fingerprint: str
    authority: bool


class ReadChain(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates that were checked, as they are kept.

    `chain` is `complete` (it ends in a self-signed authority), `open` (its last issuer is not in it),
    `self-signed`, `bundle` (authorities that need not belong together) or `trusted` (it leads to the given
    authorities). `private_key` is unencrypted PKCS #8. `not_after` is of what ends first.
    """

    pem: bytes
    certificates: list[ReadCertificate]
    chain: str
    not_before: datetime
    not_after: datetime
    private_key: bytes | None

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"ReadChain({self.chain!r}, {len(self.certificates)})"


def read_chain(
    pem: str, private_key: str | None = None, passphrase: str | None = None, authorities: str | None = None
) -> ReadChain:
    """Check a chain with its key. Slow for keys under a costly passphrase. Raises `CertificateInvalid`."""
    found = _certificates("chain", pem)
    key = _private_key(private_key, passphrase) if private_key else None
    if key is not None:
        _match(found, key)
    chain = _judge(found, is_bundle=key is None)
    if authorities:
        chain = _trusted(found, _certificates("authorities", authorities))
    facts = [_facts(each) for each in found]
    kept = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in found)
    return ReadChain(
        pem=kept,
        certificates=facts,
        chain=chain,
        not_before=max(each.not_before for each in facts),
        not_after=facts[0].not_after if chain == "bundle" else min(each.not_after for each in facts),
        private_key=_plain(key) if key is not None else None,
    )


def _certificates(field: str, pem: str) -> list[x509.Certificate]:
    raw = pem.encode(errors="replace")
    if len(raw) > MOST_PEM_BYTES:
        raise _invalid(field, f"use at most {MOST_PEM_BYTES} bytes")
    if b"PRIVATE KEY-----" in raw:
        raise _invalid(field, "this holds a private key; put it into the field for the key, by itself")
    if b"-----BEGIN CERTIFICATE-----" not in raw:
        raise _invalid(field, "this is not PEM: it must begin with -----BEGIN CERTIFICATE-----")
    try:
        found = x509.load_pem_x509_certificates(raw)
    except ValueError:
        raise _invalid(field, "a certificate in it is damaged; copy the file again, whole") from None
    if len(found) > MOST_CERTIFICATES:
        raise _invalid(field, f"use at most {MOST_CERTIFICATES} certificates")
    return found


def _private_key(text: str, passphrase: str | None) -> PrivateKeyTypes:
    raw = text.encode(errors="replace")
    if len(raw) > MOST_PEM_BYTES or b"PRIVATE KEY-----" not in raw:
        message = "this is not a private key in PEM: it must begin with -----BEGIN … PRIVATE KEY-----"
        raise _invalid("private_key", message)
    if raw.count(b"-----BEGIN ") - raw.count(b"-----BEGIN EC PARAMETERS-----") > 1:
        raise _invalid("private_key", "give the private key alone")
    password = passphrase.encode(errors="replace") if passphrase else None
    try:
        return serialization.load_pem_private_key(raw, password)
    except TypeError:
        if password is None:
            raise _invalid("passphrase", "the private key is encrypted; give its passphrase") from None
        raise _invalid("passphrase", "the private key is not encrypted; leave the passphrase out") from None
    except UnsupportedAlgorithm:
        message = "the key is of a kind that cannot be read; use RSA, EC or Ed25519"
        raise _invalid("private_key", message) from None
    except ValueError:
        if password is not None:
            raise _invalid("passphrase", "the passphrase does not open the private key") from None
        raise _invalid("private_key", "the private key is damaged; copy the file again, whole") from None


def _match(found: Sequence[x509.Certificate], key: PrivateKeyTypes) -> None:
    wanted = _spki(key.public_key())
    if _spki(found[0].public_key()) == wanted:
        return
    if any(_spki(each.public_key()) == wanted for each in found[1:]):
        message = "the certificates are out of order: the one of the private key comes first, then its issuer"
        raise _invalid("chain", message)
    raise _invalid("private_key", "the private key does not belong to the first certificate")


def _judge(found: Sequence[x509.Certificate], *, is_bundle: bool) -> str:
    """Return what the certificates make together. Raises `CertificateInvalid`."""
    if len(found) == 1:
        if not _issued(found[0], found[0]):
            return "open"
        return "self-signed"
    broken = [index for index in range(len(found) - 1) if not _issued(found[index], found[index + 1])]
    if not broken:
        return "complete" if _issued(found[-1], found[-1]) else "open"
    if is_bundle and all(_is_authority(each) for each in found):
        return "bundle"
    at = broken[0]
    issuer = next((i for i, each in enumerate(found) if i != at and _issued(found[at], each)), None)
    if issuer is not None:
        message = (
            f"certificate {at + 1} was issued by certificate {issuer + 1}: put the issuer right after it"
        )
    else:
        message = (
            f"certificate {at + 1} ({_name(found[at].subject)}) was not issued by the next one, "
            f"{_name(found[at + 1].subject)}; its issuer is {_name(found[at].issuer)}"
        )
    raise _invalid("chain", message)


def _trusted(found: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> str:
    last = found[-1]
    if any(last == each or _issued(last, each) for each in authorities):
        return "trusted"
    message = f"the chain does not lead to these authorities: its last issuer is {_name(last.issuer)}"
    raise _invalid("authorities", message)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _facts(certificate: x509.Certificate) -> ReadCertificate:
    try:
        return ReadCertificate(
            subject=_name(certificate.subject),
            issuer=_name(certificate.issuer),
            names=_names(certificate),
            serial=f"{certificate.serial_number:x}",
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            key=_key_words(certificate.public_key()),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            authority=_is_authority(certificate),
        )
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise _invalid("chain", "a certificate says something that cannot be read") from None


def _name(name: x509.Name) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in name.rfc4514_string())[:300]


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    names = [*found.get_values_for_type(x509.DNSName), *found.get_values_for_type(x509.RFC822Name)]
    names += [*map(str, found.get_values_for_type(x509.IPAddress))]
    names += found.get_values_for_type(x509.UniformResourceIdentifier)
    return ["".join(each if each.isprintable() else "\ufffd" for each in name)[:253] for name in names][
        :_MOST_NAMES
    ]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False


def _key_words(key: PublicKeyTypes) -> str:
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case _:
            return "other"


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _plain(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _invalid(field: str, message: str) -> CertificateInvalid:
    return CertificateInvalid(errors=[FieldError(field, message)])
