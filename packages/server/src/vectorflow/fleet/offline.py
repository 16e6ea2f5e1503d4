"""How long nodes may keep secrets without a word of the control plane: the organisation's own choice.

Works in the caller's transaction. A change makes every bundle due, so that nodes learn of it at once.
"""

from datetime import timedelta
from typing import Final

import msgspec

from vectorflow.fleet.store import offline as store
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.platform.database import Transaction
from vectorflow.platform.http.etag import StaleVersionError, etag, require_match

LEAST_SECONDS: Final = 3600
MOST_SECONDS: Final = 90 * 86_400
_RENEWALS: Final = 4
"""How many bundles a node gets in the time for which one keeps secrets: so many may fail before any goes."""


class OfflineLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How long nodes may keep secrets without a newer bundle; null: for ever."""

    max_offline_seconds: int | None
    etag: str


def renewed_within(max_offline_seconds: int | None, lifetime: timedelta) -> timedelta:
    """Return after how long a bundle is signed anew: half its life, or sooner where secrets end sooner."""
    half = lifetime / 2
    return min(half, timedelta(seconds=max_offline_seconds) / _RENEWALS) if max_offline_seconds else half


async def offline_limit(txn: Transaction) -> OfflineLimit:
    """Return the organisation's limit."""
    row = await store.offline_get(txn)
    return OfflineLimit(
        max_offline_seconds=row.max_offline_seconds,
        etag=etag("secrets-on-nodes", txn.organization_id, row.max_offline_version),
    )


async def offline_limit_change(
    txn: Transaction, seconds: int | None, *, if_match: str, actor: Actor
) -> OfflineLimit:
    """Set the limit or take it off. Raises `StaleVersionError`."""
    row, before = await store.offline_get(txn), await offline_limit(txn)
    require_match(if_match, before.etag)
    if not await store.offline_put(txn, seconds, row.max_offline_version):
        raise StaleVersionError
    await txn.audit(
        AuditEntry(
            action=AuditAction.SECRETS_ON_NODES_CHANGED,
            actor=actor,
            object_type="organization",
            object_id=str(txn.organization_id),
            summary="Changed how long nodes keep secrets without contact",
            before={"max_offline_seconds": before.max_offline_seconds},
            after={"max_offline_seconds": seconds},
        )
    )
    return await offline_limit(txn)
