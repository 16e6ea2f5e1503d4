"""Bring your own key: an organisation's owner names a key, proves control of it, and its data keys move under it."""

import os
import re
import secrets
from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import new_id, parse_id
from vectorflow.keys.choice import KeyProviderInvalid, checked_arn, vault_place
from vectorflow.keys.errors import (
    KeysUnavailable,
    OwnKeyBusy,
    OwnKeyInvalid,
    OwnKeyNotFound,
    OwnKeyNotInPlan,
    OwnKeyNotProved,
    WrongKey,
)
from vectorflow.keys.own_providers import OWN_NAME, OwnProviders, own_name
from vectorflow.keys.platform_keys import PlatformKeyService
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.store import own_keys as store
from vectorflow.keys.types import Cell, KeyProvider, OwnKey, Resealed, SealedValue
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.settings import Settings

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,200}")
_TOKEN = re.compile(r"[\x21-\x7e]{8,4096}")
_PLANS = frozenset({"enterprise"})
_NO_ROLE = "write the ARN of a role that we may take on"
_NO_TOKEN = "give a Vault token that may use this key alone"  # noqa: S105 - a message
_NO_TLS = "the address must begin with https://"


class NewOwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that somebody names: an AWS key with a role to take on, or a Vault key with a token."""

    kind: str
    place: str
    role_arn: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"NewOwnKey({self.kind}, …)"


class OwnKeyService:
    """The keys that organisations bring. Also tells `KeyService` whose data keys they wrap."""

    def __init__(
        self, database: Database, providers: OwnProviders, platform_keys: PlatformKeyService, *, cloud: bool
    ) -> None:
        self._database = database
        self._providers = providers
        self._platform_keys = platform_keys
        self._cloud = cloud

    async def aclose(self) -> None:
        """Close connections and overwrite what is held."""
        await self._providers.aclose()
        self._platform_keys.close()

    async def wrapping(self, txn: Transaction) -> KeyProvider | None:
        """Return the provider of the organisation's active key, or None where the platform's wraps."""
        key = await store.own_key_of_state(txn, "active")
        return None if key is None else await self._provider(txn, key)

    async def unwrapping(self, txn: Transaction, name: str) -> KeyProvider | None:
        """Return the provider of this name, or None when it is not a key of the organisation."""
        kind, _, text = name.partition(":")
        key_id = parse_id(text) if kind == OWN_NAME else None
        key = await store.own_key_get(txn, key_id) if key_id else None
        return None if key is None else await self._provider(txn, key)

    async def wanted(self, txn: Transaction) -> str | None:
        """Return the name of what should wrap the organisation's data keys, or None for the platform's provider."""
        key = await store.own_key_of_state(txn, "active")
        return None if key is None else own_name(key.id)

    async def present(self, txn: Transaction) -> Sequence[OwnKey]:
        """Return the active key and the one that waits for its proof, as far as there are any."""
        found = [await store.own_key_of_state(txn, state) for state in ("active", "named")]
        return [key for key in found if key is not None]

    def failure(self, key_id: UUID) -> str | None:
        """Return why this process's last call to a key failed, or None."""
        return self._providers.failure(key_id)

    async def name(self, txn: Transaction, actor: Actor, new: NewOwnKey) -> OwnKey:
        """Write down which key is meant, and make the external id and the nonce that its holder has to use.

        Raises `OwnKeyNotInPlan`, `OwnKeyInvalid`, `OwnKeyBusy` or `KeysUnavailable`.
        """
        self._check(new)
        if await store.organization_plan(txn) not in _PLANS:
            raise OwnKeyNotInPlan
        key_id = new_id()
        sealed = None
        if new.token is not None:
            sealed = await self._platform_keys.seal(txn, _cell(key_id), new.token.encode())
        key = OwnKey(
            id=key_id,
            kind=new.kind,
            place=new.place,
            role_arn=new.role_arn,
            external_id=secrets.token_hex(24),
            nonce=os.urandom(32),
            credential=sealed,
        )
        if not await store.own_key_insert(txn, key, actor.account_id):
            raise OwnKeyBusy
        await _record(txn, actor, AuditAction.CUSTOMER_KEY_NAMED, key, "was named and waits for its proof")
        return key

    async def prove(self, organization_id: UUID, actor: Actor, key_id: UUID, ciphertext: bytes) -> OwnKey:
        """Make a named key the one that wraps, once control of it is shown; the signer then moves the data keys.

        The ciphertext is the nonce, encrypted by the holder with the organisation's context. Raises
        `OwnKeyNotFound`, `OwnKeyNotInPlan` or `OwnKeyNotProved`.
        """
        async with self._database.transaction(organization_id) as txn:
            key = await store.own_key_get(txn, key_id)
            if key is None or key.state != "named":
                raise OwnKeyNotFound
            if await store.organization_plan(txn) not in _PLANS:
                raise OwnKeyNotInPlan
            token = await self._token(txn, key)
        problem = await self._tried(organization_id, key, token, ciphertext)
        async with self._database.transaction(organization_id) as txn:
            if problem is not None:
                await _record(txn, actor, AuditAction.CUSTOMER_KEY_REFUSED, key, f"was not taken: {problem}")
            else:
                former = await store.own_key_of_state(txn, "active")
                if not await store.own_key_activate(txn, key.id):
                    raise OwnKeyNotFound
                if former is not None:
                    await _record(
                        txn, actor, AuditAction.CUSTOMER_KEY_ENDED, former, "was replaced by another"
                    )
                await _record(
                    txn, actor, AuditAction.CUSTOMER_KEY_ACTIVATED, key, "wraps the data keys from now on"
                )
                await txn.notify(Topic.DATA_KEYS_WORK)
        if problem is not None:
            raise OwnKeyNotProved(f"{OwnKeyNotProved.title()} {problem}")
        return key

    async def end(self, organization_id: UUID, actor: Actor, key_id: UUID) -> None:
        """Stop using a key: the platform's provider wraps again, as soon as the signer has moved the data keys.

        Raises `OwnKeyNotFound`.
        """
        async with self._database.transaction(organization_id) as txn:
            key = await store.own_key_get(txn, key_id)
            if key is None or not await store.own_key_end(txn, key_id):
                raise OwnKeyNotFound
            await _record(txn, actor, AuditAction.CUSTOMER_KEY_ENDED, key, "is not used any more")
            await txn.notify(Topic.DATA_KEYS_WORK)

    async def _tried(
        self, organization_id: UUID, key: OwnKey, token: str | None, ciphertext: bytes
    ) -> str | None:
        provider = self._providers.make(organization_id, key, token)
        try:
            if await provider.prove_for(organization_id, ciphertext, key.nonce):
                return None
            return "The ciphertext holds something else than the challenge."
        except WrongKey:
            return "The ciphertext was not made with this key and your organisation's context."
        except KeysUnavailable as error:
            return error.detail
        finally:
            await provider.aclose()

    async def _provider(self, txn: Transaction, key: OwnKey) -> KeyProvider:
        return await self._providers.held(txn.organization_id, key, lambda: self._token(txn, key))

    async def _token(self, txn: Transaction, key: OwnKey) -> str | None:
        if key.credential is None:
            return None
        return (await self._platform_keys.unseal(txn, _cell(key.id), key.credential)).decode()

    def _check(self, new: NewOwnKey) -> None:
        """Raise `OwnKeyInvalid` for what cannot be a key of ours to use."""
        try:
            if new.kind == "aws-kms":
                checked_arn(new.place)
            else:
                vault_place(new.place)
        except KeyProviderInvalid as error:
            raise OwnKeyInvalid(errors=[FieldError("place", error.detail)]) from None
        for wrong, field, message in (
            (new.kind == "aws-kms" and not _ROLE.fullmatch(new.role_arn or ""), "role_arn", _NO_ROLE),
            (new.kind == "aws-kms" and new.token is not None, "token", "an AWS key has a role, no token"),
            (new.kind == "vault-transit" and not _TOKEN.fullmatch(new.token or ""), "token", _NO_TOKEN),
            (new.kind == "vault-transit" and new.role_arn is not None, "role_arn", "a Vault key has no role"),
            (self._cloud and not new.place.startswith(("arn:", "https://")), "place", _NO_TLS),
        ):
            if wrong:
                raise OwnKeyInvalid(errors=[FieldError(field, message)])


def without_own_keys(settings: Settings, database: Database, ring: KeyRing) -> OwnKeyService:
    """Return a service for a process that has no way out: keys can be named there, and none can be proved."""
    return OwnKeyService(
        database,
        OwnProviders(settings, None),
        PlatformKeyService(ring),
        cloud=settings.mode == "cloud",
    )


class OwnKeyColumn:
    """Credentials for keys that organisations bring, for the rotation of the platform's key."""

    name = "customer_keys.credential"
    scoped = True

    def cell(self, sealed: SealedValue) -> Cell:
        """Return the credential's cell."""
        return _cell(sealed.id)

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts by row id."""
        return await store.own_key_credential_batch(txn, after, limit)

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts of one key version by row id."""
        return await store.own_key_credential_batch(txn, after, limit, version)

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace what is still the old ciphertext."""
        return await store.own_key_credential_swap(txn, values)


def _cell(key_id: UUID) -> Cell:
    # A credential is never rewritten: another one is another naming.
    return Cell("own-key", "customer_keys", "credential", key_id, 1)


async def _record(txn: Transaction, actor: Actor, action: AuditAction, key: OwnKey, what: str) -> None:
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="customer_key",
            object_id=str(key.id),
            summary=f"The organisation's own key {what}.",
            after={"kind": key.kind, "place": key.place, "role_arn": key.role_arn},
        )
    )
