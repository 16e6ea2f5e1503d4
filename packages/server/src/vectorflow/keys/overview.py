"""What an organisation sees of its own encryption, and how it asks for a rotation."""

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import new_id
from vectorflow.keys.errors import KeysUnavailable, RotationAskedFor
from vectorflow.keys.own_keys import OwnKeyService
from vectorflow.keys.own_providers import OWN_NAME, own_name
from vectorflow.keys.service import KeyService
from vectorflow.keys.store import data_keys
from vectorflow.keys.store import own_keys as store
from vectorflow.keys.types import KeyState, OwnKey, RotationRequest
from vectorflow.platform.database import Database, Transaction

ProviderKind = Literal["local-key-file", "aws-kms", "vault-transit", "own-key"]


class Overview(msgspec.Struct, frozen=True):
    """The state of an organisation's encryption. `problems` are by name of own keys that failed last."""

    plan: str
    provider: ProviderKind
    problem: str | None
    moving: bool
    keys: Sequence[KeyState]
    own_keys: Sequence[OwnKey]
    own_names: frozenset[str]
    problems: Mapping[str, str]
    rotation: RotationRequest | None


class EncryptionService:
    """Reads the state for people and takes their wish for a rotation."""

    def __init__(self, database: Database, keys: KeyService, own_keys: OwnKeyService) -> None:
        self._database, self._keys, self._own = database, keys, own_keys

    async def overview(self, organization_id: UUID) -> Overview:
        """Return the state; the data key is tried, so that a revoked key is seen and not guessed."""
        async with self._database.transaction(organization_id) as txn:
            keys = await data_keys.data_key_list(txn)
            own = await self._own.present(txn)
            active = next((key for key in own if key.state == "active"), None)
            wanted = own_name(active.id) if active else self._keys.ring.name
            problem = await self._problem(txn)
            return Overview(
                plan=await store.organization_plan(txn) or "",
                provider=msgspec.convert(wanted.partition(":")[0], ProviderKind),
                problem=problem,
                moving=any(key.provider != wanted for key in keys if key.destroyed_at is None),
                keys=keys,
                own_keys=own,
                own_names=frozenset(key.provider for key in keys if key.provider.startswith(f"{OWN_NAME}:")),
                problems={own_name(active.id): problem} if active and problem else {},
                rotation=await store.rotation_request_newest(txn),
            )

    async def ask_for_rotation(self, txn: Transaction, actor: Actor) -> RotationRequest:
        """Have the signer rotate the data key. Raises `RotationAskedFor`."""
        if not await store.rotation_request_insert(txn, new_id(), actor.account_id):
            raise RotationAskedFor
        request = await store.rotation_request_newest(txn)
        if request is None:
            raise RotationAskedFor
        await txn.audit(
            AuditEntry(
                action=AuditAction.DATA_KEY_ROTATION_ASKED,
                actor=actor,
                object_type="data_key",
                object_id=str(request.id),
                summary="Asked for a new data key, under which everything is sealed anew.",
            )
        )
        await txn.notify(Topic.DATA_KEYS_WORK)
        return request

    async def _problem(self, txn: Transaction) -> str | None:
        try:
            await self._keys.try_current(txn)
        except KeysUnavailable as error:
            return error.detail
        return None
