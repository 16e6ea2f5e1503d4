"""Seals: what the shipper signs with a key that neither API nor gateway nor worker holds."""

import asyncio
import base64
import binascii
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from vectorflow.audit.chain import canonical
from vectorflow.audit.checkpoints import KeyFile
from vectorflow.audit.errors import AuditSealRefusedError
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform import aws
from vectorflow.platform.egress.http_client import HttpClient

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256-sha256"


class Seal(msgspec.Struct, frozen=True):
    """A signature over a digest and the moment it was made. `public_key` is raw for Ed25519, DER for ECDSA."""

    at: datetime
    algorithm: str
    public_key: bytes
    signature: bytes


class SealKey(Protocol):
    """Something that seals."""

    async def seal(self, digest: bytes, at: datetime) -> Seal:
        """Return the seal of a digest."""
        ...

    async def public(self) -> bytes:
        """Return the public half, as it stands in seals."""
        ...


def seal_statement(digest: bytes, at: datetime) -> bytes:
    """Return what a seal signs."""
    return canonical({"at": rfc3339(at), "digest": digest.hex(), "format": "vectorflow.audit.seal.v1"})


def seal_holds(seal: Seal, digest: bytes) -> bool:
    """Tell whether a seal is good for a digest, by the key it carries."""
    text = seal_statement(digest, seal.at)
    try:
        if seal.algorithm == ED25519:
            VerifyKey(seal.public_key).verify(text, seal.signature)
            return True
        key = load_der_public_key(seal.public_key)
        if seal.algorithm != ECDSA_P256 or not isinstance(key, EllipticCurvePublicKey):
            return False
        if not isinstance(key.curve, SECP256R1):
            return False
        key.verify(seal.signature, text, ECDSA(SHA256()))
    except (BadSignatureError, InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


class FileSealKey:
    """An Ed25519 key in ``<state>/keys/shipper.key``, made at first use; for installations without a KMS."""

    def __init__(self, state_dir: Path) -> None:
        self._file = KeyFile(state_dir / "keys" / "shipper.key")

    async def seal(self, digest: bytes, at: datetime) -> Seal:
        """Return the seal. Raises `AuditKeyUnsafeError`."""
        key = await asyncio.to_thread(self._file.read)
        signature = key.sign(seal_statement(digest, at)).signature
        return Seal(at, ED25519, bytes(key.verify_key), signature)

    async def public(self) -> bytes:
        """Return the public half. Raises `AuditKeyUnsafeError`."""
        return bytes((await asyncio.to_thread(self._file.read)).verify_key)


class KmsSealKey:
    """An asymmetric key of AWS KMS (ECC_NIST_P256, for signing) that only the shipper's identity may use."""

    def __init__(
        self, client: HttpClient, identity: aws.AwsIdentity, key_arn: str, *, endpoint: str | None = None
    ) -> None:
        self._client, self._identity, self._arn = client, identity, key_arn
        self._region = aws.region_of(key_arn)
        self._endpoint = endpoint or aws.endpoint_of("kms", self._region)
        self._public: bytes | None = None

    async def seal(self, digest: bytes, at: datetime) -> Seal:
        """Return the seal, checked. Raises `AuditSealRefusedError`, `AwsFailed` and egress errors."""
        message = base64.b64encode(seal_statement(digest, at)).decode()
        content = {"Message": message, "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = await self._call("Sign", content, "Signature")
        made = Seal(at, ECDSA_P256, await self.public(), signature)
        if not seal_holds(made, digest):
            raise AuditSealRefusedError
        return made

    async def public(self) -> bytes:
        """Return the public half. Raises as `seal` does."""
        if self._public is None:
            self._public = await self._call("GetPublicKey", {}, "PublicKey")
        return self._public

    async def _call(self, operation: str, content: dict[str, str], wanted: str) -> bytes:
        answer = await aws.call_json(
            self._client,
            self._identity,
            endpoint=self._endpoint,
            service="kms",
            region=self._region,
            target=f"TrentService.{operation}",
            content={"KeyId": self._arn, **content},
        )
        try:
            return base64.b64decode(str(answer.get(wanted, "")), validate=True)
        except binascii.Error:
            raise AuditSealRefusedError from None
