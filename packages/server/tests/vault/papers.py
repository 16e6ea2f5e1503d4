"""Certificates and keys for tests."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)


def _built(name, issuer, key, issuer_key, *, ca, days, names=()):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=400))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def authority(name="Test authority", issuer=None, issuer_key=None):
    """An authority and its key; self-signed without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _built(name, issuer, key, issuer_key or key, ca=True, days=3650), key


def leaf(issuer, issuer_key, *, days=90, names=("logs.example.com",)):
    """A certificate of an authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _built("logs", issuer, key, issuer_key, ca=False, days=days, names=names), key


def pem_of(*certificates):
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def pem_key(key, passphrase=None, form=serialization.PrivateFormat.PKCS8):
    sealed = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, form, sealed).decode()
