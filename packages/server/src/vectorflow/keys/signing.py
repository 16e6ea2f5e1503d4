"""Keys that sign what nodes run: one root key per organisation, and the online keys it names.

Only the role signer can read private parts. The root key signs nothing but the list of online keys; the
list expires and is renewed at half its life, so that a stolen online key stops working.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from nacl.signing import SigningKey as Ed25519

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.ids import new_id
from vectorflow.keys.errors import SigningKeysMissing
from vectorflow.keys.service import KeyService
from vectorflow.keys.store import signing_keys as store
from vectorflow.keys.types import Cell, OnlineSigner, Resealed, SealedValue, SigningKey, StoredKeyList
from vectorflow.platform.database import Transaction
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.envelope import MemorySigner
from vectorflow_wire.keys import KeyList, OnlineKey, key_id, key_list_signed

ONLINE_KEY_LIFETIME = timedelta(days=90)
ONLINE_KEY_RENEWED_BEFORE = timedelta(days=30)
KEY_LIST_LIFETIME = timedelta(days=30)


class SigningService:
    """Makes, renews and lends signing keys. Everything but `root_key` and `key_list` is the signer's alone."""

    def __init__(self, keys: KeyService, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def root_key(self, txn: Transaction) -> SigningKey:
        """Return the public root key, which enrolment hands to nodes. Raises `SigningKeysMissing`."""
        return _root(await store.signing_key_list(txn))

    async def key_list(self, txn: Transaction) -> StoredKeyList:
        """Return the newest signed list of online keys. Raises `SigningKeysMissing`."""
        stored = await store.key_list_newest(txn)
        if stored is None:
            raise SigningKeysMissing
        return stored

    async def signing_key(self, txn: Transaction) -> OnlineSigner:
        """Return the online key that signs bundles now. Raises `SigningKeysMissing`."""
        await self._keys.hold(txn)
        stored = await store.signing_key_online(txn, self._clock.now())
        if stored is None:
            raise SigningKeysMissing
        return OnlineSigner(signer=await self._opened(txn, stored), keys_version=stored.keys_version)

    async def ensure_signing_keys(self, txn: Transaction) -> bool:
        """Make what is missing and renew what is due; True when the key list changed.

        An idempotent reconciler for the signer: two that run at once wait for each other.
        """
        await store.signing_key_lock(txn)
        now = self._clock.now()
        retired = await store.signing_key_retire_expired(txn, now)
        keys = await store.signing_key_list(txn)
        if not any(key.kind == "root" for key in keys):
            keys.append(await self._create(txn, "root", now, None))
        online = _online(keys, now)
        fresh = not online or _due(online[0], now)
        if fresh:
            online.insert(0, await self._create(txn, "online", now, now + ONLINE_KEY_LIFETIME))
        newest = await store.key_list_newest(txn)
        if (
            newest is not None
            and not fresh
            and not retired
            and now < newest.issued_at + KEY_LIST_LIFETIME / 2
        ):
            return False
        # Never lower than the minute: after a restore of an older database the new list is newer than any a node holds.
        version = max((newest.version if newest else 0) + 1, int(now.timestamp()) // 60)
        await self._sign_list(txn, _root(keys), online, version, now)
        return True

    async def _sign_list(
        self, txn: Transaction, root: SigningKey, online: list[SigningKey], version: int, now: datetime
    ) -> None:
        expires = now + KEY_LIST_LIFETIME
        content = KeyList(
            organization=str(txn.organization_id),
            version=version,
            issued_at=_milliseconds(now),
            expires_at=_milliseconds(expires),
            keys=tuple(
                OnlineKey(
                    id=key.key_id,
                    public=base64_text(key.public),
                    not_before=_milliseconds(key.not_before),
                    not_after=_milliseconds(key.not_after) if key.not_after else 0,
                )
                for key in online
            ),
        )
        envelope = key_list_signed(content, await self._signer(txn, root.id))
        stored = StoredKeyList(version=version, envelope=envelope, issued_at=now, expires_at=expires)
        await store.key_list_insert(txn, new_id(), stored)

    async def _create(
        self, txn: Transaction, kind: str, now: datetime, not_after: datetime | None
    ) -> SigningKey:
        pair = Ed25519.generate()
        key = SigningKey(
            id=new_id(), kind=kind, public=bytes(pair.verify_key), not_before=now, not_after=not_after
        )
        await store.signing_key_insert(
            txn, key, await self._keys.seal(txn, _private_cell(key.id), bytes(pair))
        )
        await txn.audit(
            AuditEntry(
                action=AuditAction.SIGNING_KEY_CREATED,
                actor=SYSTEM,
                object_type="signing_key",
                object_id=str(key.id),
                summary="The organisation's root key was made."
                if kind == "root"
                else "An online signing key was made.",
                after={"kind": kind, "key_id": key.key_id, "fingerprint": key.fingerprint},
            )
        )
        return key

    async def _signer(self, txn: Transaction, row_id: UUID) -> MemorySigner:
        await self._keys.hold(txn)
        stored = await store.signing_key_sealed(txn, row_id)
        if stored is None:
            raise SigningKeysMissing
        return await self._opened(txn, stored)

    async def _opened(self, txn: Transaction, stored: store.SealedSigningKey) -> MemorySigner:
        pair = Ed25519(await self._keys.unseal(txn, _private_cell(stored.id), stored.private))
        return MemorySigner(pair, key_id(bytes(pair.verify_key)))


def _private_cell(row_id: UUID) -> Cell:
    # A signing key's row is never rewritten, so its version stays 1.
    return Cell("signing", "signing_keys", "private", row_id, 1)


class SigningKeyColumn:
    """The private parts of signing keys, for rotation."""

    name = "signing_keys.private"

    def cell(self, sealed: SealedValue) -> Cell:
        """Return the private part's cell."""
        return _private_cell(sealed.id)

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts by row id."""
        return await store.signing_key_private_batch(txn, after, limit)

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts of one key version by row id."""
        return await store.signing_key_private_batch(txn, after, limit, version)

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace what is still the old ciphertext."""
        return await store.signing_key_private_swap(txn, values)


def _root(keys: list[SigningKey]) -> SigningKey:
    for key in keys:
        if key.kind == "root":
            return key
    raise SigningKeysMissing


def _online(keys: list[SigningKey], now: datetime) -> list[SigningKey]:
    """Return the online keys that are valid now, newest first."""
    return [
        key
        for key in keys
        if key.kind == "online" and key.not_before <= now and (key.not_after is None or now < key.not_after)
    ]


def _due(key: SigningKey, now: datetime) -> bool:
    return key.not_after is not None and now >= key.not_after - ONLINE_KEY_RENEWED_BEFORE


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
