"""The providers of keys that organisations bring: each with its own connections, credentials and pauses."""

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from vectorflow.keys.aws_kms import AwsKms
from vectorflow.keys.choice import CALL_LIMITS, platform_identity, vault_place
from vectorflow.keys.errors import KeysUnavailable, ProviderUnsafe
from vectorflow.keys.guard import Guarded, KeyMetrics
from vectorflow.keys.types import KeyContext, KeyProvider, OwnKey
from vectorflow.keys.vault_transit import VaultTransit, derivation_context
from vectorflow.platform import aws
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.settings import Settings

OWN_NAME = "own-key"
PURPOSE = "keys.own"
_LIFETIME_SECONDS = 60.0
_MOST = 512


def own_name(key_id: UUID) -> str:
    """Return the provider's name as it stands beside what such a key wrapped."""
    return f"{OWN_NAME}:{key_id}"


class OwnProvider:
    """A key of an organisation, under the name that its data keys carry."""

    def __init__(
        self, key: OwnKey, inner: AwsKms | VaultTransit, *, impostor: aws.AwsIdentity | None = None
    ) -> None:
        self._name = own_name(key.id)
        self._inner = inner
        self._impostor = impostor

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._name

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped. Raises `KeysUnavailable`."""
        return await self._inner.wrap(key, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the data key. Raises `KeysUnavailable`."""
        return await self._inner.unwrap(wrapped, context)

    async def prove(self) -> None:
        """Do nothing: it was proved for its organisation before it became active."""

    async def prove_for(self, organization_id: UUID, ciphertext: bytes, nonce: bytes) -> bool:
        """Tell whether the ciphertext holds the nonce, and the key serves this organisation alone.

        Raises `KeysUnavailable`, of which `ProviderUnsafe` says what the key would allow.
        """
        if isinstance(self._inner, AwsKms):
            opened = await self._inner.decrypt(ciphertext, challenge(organization_id))
            await self._inner.prove_for(organization_id)
            await self._refuse_impostor()
        else:
            await self._inner.prove()
            opened = await self._inner.decrypt(ciphertext, context=derivation_context(organization_id))
        return opened == nonce

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _refuse_impostor(self) -> None:
        """The role must want the external id: without it any tenant could name this role and use it through us."""
        if self._impostor is not None:
            with contextlib.suppress(aws.AwsFailed):
                await self._impostor.credentials()
                raise ProviderUnsafe(
                    "The role can be taken on with any external id. Put the condition on sts:ExternalId into its "
                    "trust policy."
                )


class OwnProviders:
    """Makes them, and keeps the ones in use for a minute at most, so that a changed credential is noticed."""

    def __init__(
        self, settings: Settings, egress: Egress | None, *, metrics: KeyMetrics | None = None
    ) -> None:
        self._settings, self._egress, self._metrics = settings, egress, metrics
        self._held: OrderedDict[UUID, tuple[Guarded, float]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def make(self, organization_id: UUID, key: OwnKey, token: str | None) -> OwnProvider:
        """Return a provider of its own; the caller closes it. Its calls are in the organisation's log."""
        if self._egress is None:
            raise KeysUnavailable("This process has no way out to the organisation's key.")
        client = self._egress.http(Caller(PURPOSE, organization_id), limits=CALL_LIMITS)
        if key.kind == "vault-transit":
            address, mount, name = vault_place(key.place)

            async def lend() -> str:
                return token or ""

            return OwnProvider(key, VaultTransit(client, address, mount, name, lend))
        region = aws.region_of(key.place)
        identity = platform_identity(self._settings, self._egress, region)

        def role(external_id: str) -> aws.AssumedRole:
            return aws.AssumedRole(
                client,
                identity,
                endpoint=self._settings.aws_sts_endpoint or aws.endpoint_of("sts", region),
                region=region,
                role_arn=key.role_arn or "",
                external_id=external_id,
            )

        kms = AwsKms(client, role(key.external_id), key.place, endpoint=self._settings.aws_kms_endpoint)
        return OwnProvider(key, kms, impostor=role(secrets.token_hex(24)))

    async def held(
        self, organization_id: UUID, key: OwnKey, token: Callable[[], Coroutine[Any, Any, str | None]]
    ) -> KeyProvider:
        """Return the provider of an active or former key behind its guard."""
        now = asyncio.get_running_loop().time()
        found = self._held.get(key.id)
        if found is not None and now < found[1]:
            return found[0]
        guarded = Guarded(
            self.make(organization_id, key, await token()), metrics=self._metrics, platform=False
        )
        self.drop(key.id)
        self._held[key.id] = (guarded, now + _LIFETIME_SECONDS)
        while len(self._held) > _MOST:
            self.drop(next(iter(self._held)))
        return guarded

    def failure(self, key_id: UUID) -> str | None:
        """Return why the last call of this process to a key failed, or None."""
        found = self._held.get(key_id)
        return found[0].failure if found else None

    def drop(self, key_id: UUID) -> None:
        """Forget a provider and its credential."""
        found = self._held.pop(key_id, None)
        if found is not None:
            closing = asyncio.create_task(found[0].aclose(), name="own-key-close")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close every connection."""
        for key_id in list(self._held):
            self.drop(key_id)
        await asyncio.gather(*self._closing, return_exceptions=True)


def challenge(organization_id: UUID) -> dict[str, str]:
    """Return the encryption context under which the holder of an AWS key encrypts the nonce."""
    return {"organization": str(organization_id), "purpose": "proof"}
