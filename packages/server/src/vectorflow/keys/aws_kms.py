"""AWS KMS as a key provider: the data key is encrypted under a KMS key, bound to its organisation by context."""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys import sealing
from vectorflow.keys.errors import (
    KeysUnavailable,
    ProviderRefused,
    ProviderUnreachable,
    ProviderUnsafe,
    WrongKey,
)
from vectorflow.keys.types import KeyContext
from vectorflow.platform import aws
from vectorflow.platform.egress.errors import EgressCertificateRefused, EgressRefused
from vectorflow.platform.egress.http_client import HttpClient

AWS_NAME = "aws-kms"
_WRONG = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_DENIED = frozenset({"AccessDeniedException"})
_PASSING = frozenset(
    {"ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"}
)
_REASONS: Mapping[str, str] = {
    "DisabledException": "The AWS KMS key is disabled.",
    "KMSInvalidStateException": "The AWS KMS key cannot be used: it is about to be deleted, or not available.",
    "NotFoundException": "There is no such AWS KMS key.",
    "AccessDeniedException": "AWS does not let us use the KMS key; check its key policy and our role.",
    "AccessDenied": "AWS does not let us take on the role; check its trust policy and the external id.",
    "ExpiredTokenException": "The platform's AWS credentials have expired.",
    "UnrecognizedClientException": "AWS does not know the platform's access key.",
    "InvalidSignatureException": "AWS refuses our signature; check the secret key and this machine's clock.",
}


class AwsKms:
    """A symmetric KMS key. Every call carries the encryption context `{organization, key, version}`."""

    def __init__(
        self, client: HttpClient, identity: aws.AwsIdentity, key_arn: str, *, endpoint: str | None = None
    ) -> None:
        self._client, self._identity, self._arn = client, identity, key_arn
        self._region = aws.region_of(key_arn)
        self._endpoint = endpoint or aws.endpoint_of("kms", self._region)

    @property
    def name(self) -> str:
        """The provider's name with the key's ARN."""
        return f"{AWS_NAME}:{self._arn}"

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key encrypted by KMS. Raises `KeysUnavailable`."""
        return await self.encrypt(key, encryption_context(context))

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the data key. Raises `KeysUnavailable`."""
        key = await self.decrypt(wrapped, encryption_context(context))
        if len(key) != sealing.KEY_BYTES:
            raise WrongKey
        return key

    async def prove(self) -> None:
        """Try that the key opens nothing without its context, nor with another. Raises `ProviderUnsafe`.

        The key policy must refuse by itself: an answer that only the ciphertext is wrong shows that the policy
        would have allowed the call.
        """
        sample, context = os.urandom(sealing.KEY_BYTES), encryption_context(KeyContext(uuid4(), uuid4(), 1))
        sealed = await self.encrypt(sample, context)
        if await self.decrypt(sealed, context) != sample:
            raise ProviderUnsafe("AWS KMS gave back something else than what was encrypted.")
        if await self._tried(sealed, {**context, "organization": str(uuid4())}) == "opened":
            raise ProviderUnsafe("AWS KMS decrypted under another organisation's encryption context.")
        if await self._tried(sealed, {}) != "denied":
            raise ProviderUnsafe(
                "The key policy lets us decrypt without an encryption context. Add the condition on "
                "kms:EncryptionContextKeys that the documentation shows, and start again."
            )

    async def prove_for(self, organization_id: UUID) -> None:
        """Try that the key serves this organisation and no other. Raises `ProviderUnsafe` or `KeysUnavailable`."""
        sample, context = os.urandom(sealing.KEY_BYTES), KeyContext(organization_id, uuid4(), 1)
        sealed = await self.wrap(sample, context)
        if await self.unwrap(sealed, context) != sample:
            raise ProviderUnsafe("AWS KMS gave back something else than what was encrypted.")
        for other in ({**encryption_context(context), "organization": str(uuid4())}, {}):
            if await self._tried(sealed, other) != "denied":
                raise ProviderUnsafe(
                    "The key policy or role lets us use the key for other organisations. Allow it only with "
                    f"kms:EncryptionContext:organization = {organization_id}."
                )

    async def encrypt(self, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return the ciphertext. Raises `KeysUnavailable`."""
        content = {"Plaintext": base64.b64encode(plain).decode(), "EncryptionContext": dict(context)}
        return await self._call("Encrypt", content, "CiphertextBlob")

    async def decrypt(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was encrypted under this context. Raises `KeysUnavailable`."""
        content = {"CiphertextBlob": base64.b64encode(sealed).decode(), "EncryptionContext": dict(context)}
        return await self._call("Decrypt", content, "Plaintext")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _tried(self, sealed: bytes, context: Mapping[str, str]) -> str:
        try:
            await self.decrypt(sealed, context)
        except WrongKey:
            return "wrong"
        except _Denied:
            return "denied"
        return "opened"

    async def _call(self, operation: str, content: Mapping[str, Any], wanted: str) -> bytes:
        try:
            answer = await aws.call_json(
                self._client,
                self._identity,
                endpoint=self._endpoint,
                service="kms",
                region=self._region,
                target=f"TrentService.{operation}",
                content={"KeyId": self._arn, **content},
            )
            return base64.b64decode(str(answer.get(wanted, "")), validate=True)
        except VectorFlowError as error:
            raise named(error) from None
        except binascii.Error:
            raise ProviderUnreachable("AWS KMS gave an answer that cannot be read.") from None


class _Denied(ProviderRefused):
    """AWS does not let us use the KMS key; check its key policy and our role."""


def encryption_context(context: KeyContext) -> dict[str, str]:
    """Return the encryption context of a data key, as key policies and CloudTrail name it."""
    return {
        "organization": str(context.organization_id),
        "key": str(context.key_id),
        "version": str(context.version),
    }


def named(error: VectorFlowError) -> KeysUnavailable:
    """Return what an error of AWS or of the way there means for keys."""
    if isinstance(error, KeysUnavailable):
        return error
    if isinstance(error, aws.AwsFailed):
        if error.aws_code in _WRONG:
            return WrongKey()
        if error.aws_code in _DENIED:
            return _Denied()
        if error.status_code >= 500 or error.status_code == 429 or error.aws_code in _PASSING:
            return ProviderUnreachable(f"AWS KMS is not able to answer now: {error.aws_code}.")
        return ProviderRefused(_REASONS.get(error.aws_code, f"AWS refused: {error.aws_code}."))
    if isinstance(error, aws.AwsIdentityMissing | EgressRefused | EgressCertificateRefused):
        return ProviderRefused(error.detail)
    return ProviderUnreachable(f"The key provider cannot be reached. {error.detail}")
