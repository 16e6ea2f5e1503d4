"""Vault Transit as a key provider: three calls, with a key that is derived for each organisation."""

import base64
import binascii
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import msgspec

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys import sealing
from vectorflow.keys.errors import ProviderRefused, ProviderUnreachable, ProviderUnsafe, WrongKey
from vectorflow.keys.types import KeyContext
from vectorflow.platform.egress.errors import EgressCertificateRefused, EgressRefused
from vectorflow.platform.egress.http_client import HttpClient
from vectorflow.platform.egress.http_message import HttpRequest

VAULT_NAME = "vault-transit"
# Kinds of key that authenticate what we bind to them.
_KINDS = frozenset({"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305"})
Token = Callable[[], Awaitable[str]]


class VaultTransit:
    """A derived transit key: the organisation is the derivation's context, key id and version are authenticated."""

    def __init__(
        self,
        client: HttpClient,
        address: str,
        mount: str,
        key: str,
        token: Token,
        *,
        namespace: str | None = None,
    ) -> None:
        self._client, self._token, self._namespace = client, token, namespace
        self._name = f"{VAULT_NAME}:{address}/{mount}/{key}"
        self._base = f"{address}/v1/{quote(mount)}"
        self._key = quote(key, safe="")

    @property
    def name(self) -> str:
        """The provider's name with the key's address."""
        return self._name

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key encrypted by Vault. Raises `KeysUnavailable`."""
        return await self.encrypt(key, **_binding(context))

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the data key. Raises `KeysUnavailable`."""
        key = await self.decrypt(wrapped, **_binding(context))
        if len(key) != sealing.KEY_BYTES:
            raise WrongKey
        return key

    async def prove(self) -> None:
        """Try that the key is derived and opens nothing without its context. Raises `ProviderUnsafe`."""
        known = await self._call("GET", "keys", None)
        if known.get("derived") is not True:
            raise ProviderUnsafe(
                "The Vault key is not derived, so it would open every organisation's data keys alike. "
                "Make one with `vault write -f <mount>/keys/<name> derived=true`."
            )
        if known.get("type") not in _KINDS:
            raise ProviderUnsafe(f"The Vault key must be one of {', '.join(sorted(_KINDS))}.")
        if known.get("exportable") is not False or known.get("allow_plaintext_backup") is not False:
            raise ProviderUnsafe(
                "The Vault key can be exported or backed up in plain text; make one that cannot."
            )
        sample, context = os.urandom(sealing.KEY_BYTES), KeyContext(uuid4(), uuid4(), 1)
        right = _binding(context)
        sealed = await self.encrypt(sample, **right)
        if await self.decrypt(sealed, **right) != sample:
            raise ProviderUnsafe("Vault gave back something else than what was encrypted.")
        other = _binding(KeyContext(uuid4(), uuid4(), 2))
        for wrong in ({**right, "context": other["context"]}, {**right, "data": other["data"]}, {}):
            if await self._opens(sealed, wrong):
                raise ProviderUnsafe("Vault decrypted without the right organisation and key in its context.")

    async def encrypt(self, plain: bytes, *, context: str | None = None, data: str | None = None) -> bytes:
        """Return Vault's ciphertext, `vault:v1:…`. Raises `KeysUnavailable`."""
        content = {"plaintext": base64.b64encode(plain).decode(), **_given(context, data)}
        found = await self._call("POST", "encrypt", content)
        return str(found.get("ciphertext", "")).encode()

    async def decrypt(self, sealed: bytes, *, context: str | None = None, data: str | None = None) -> bytes:
        """Return what was encrypted with this context. Raises `KeysUnavailable`; `WrongKey` if it does not open."""
        content = {"ciphertext": sealed.decode("ascii", errors="replace"), **_given(context, data)}
        found = await self._call("POST", "decrypt", content)
        try:
            return base64.b64decode(str(found.get("plaintext", "")), validate=True)
        except binascii.Error:
            raise ProviderUnreachable("Vault gave an answer that cannot be read.") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _opens(self, sealed: bytes, binding: Mapping[str, str]) -> bool:
        try:
            await self.decrypt(sealed, **binding)
        except WrongKey:
            return False
        return True

    async def _call(self, method: str, operation: str, content: Mapping[str, str] | None) -> dict[str, Any]:
        headers = {"x-vault-token": await self._token(), "x-vault-request": "true"}
        if self._namespace:
            headers["x-vault-namespace"] = self._namespace
        body = b"" if content is None else msgspec.json.encode(dict(content))
        url = f"{self._base}/{operation}/{self._key}"
        try:
            answer = await self._client.request(
                HttpRequest(url=url, method=method, headers=headers, body=body)
            )
        except (EgressRefused, EgressCertificateRefused) as error:
            raise ProviderRefused(error.detail) from None
        except VectorFlowError as error:
            raise ProviderUnreachable(f"Vault cannot be reached. {error.detail}") from None
        return _content(answer.status, answer.body, operation)


class _Answer(msgspec.Struct):
    data: dict[str, Any]


def _content(status: int, body: bytes, operation: str) -> dict[str, Any]:
    if status == 200:
        try:
            return msgspec.json.decode(body, type=_Answer).data
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise ProviderUnreachable("Vault gave an answer that cannot be read.") from None
    if status == 404 or (status == 400 and b"key not found" in body):
        raise ProviderRefused("There is no such key in Vault.")
    if status == 400 and operation == "decrypt":
        raise WrongKey
    if status == 400:
        raise ProviderRefused("Vault cannot encrypt with this key.")
    if status == 403:
        raise ProviderRefused("Vault does not let us use the key; check the token and its policy.")
    if status == 503:
        raise ProviderUnreachable("Vault is sealed or not able to answer.")
    if status == 429 or status >= 500:
        raise ProviderUnreachable(f"Vault is not able to answer now: status {status}.")
    raise ProviderRefused(f"Vault refused: status {status}.")


def _binding(context: KeyContext) -> dict[str, str]:
    key = f"{context.key_id}/{context.version}"
    return {
        "context": derivation_context(context.organization_id),
        "data": base64.b64encode(key.encode()).decode(),
    }


def _given(context: str | None, data: str | None) -> dict[str, str]:
    given = {"context": context, "associated_data": data}
    return {name: value for name, value in given.items() if value is not None}


def derivation_context(organization_id: UUID) -> str:
    """Return the derivation context of an organisation, as Vault takes it."""
    return base64.b64encode(str(organization_id).encode()).decode()
