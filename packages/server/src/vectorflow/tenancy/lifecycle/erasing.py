"""Erasing organisations whose grace is over: keys first, then all rows of all tables, then the organisation itself."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog

from vectorflow.audit.service import append_platform
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.tenant_rows import tenant_tables
from vectorflow.tenancy.lifecycle import store

log = structlog.get_logger()
_BATCH = 1000
# The directory of slugs keeps its row, so that a slug is never issued again.
STAYS = frozenset({"public.organization_slugs"})

Shred = Callable[[Transaction], Awaitable[datetime]]


class Eraser:
    """`database` is of the role worker; `shred` destroys the data keys and says when no backup holds them."""

    def __init__(self, database: Database, shred: Shred) -> None:
        self._database = database
        self._shred = shred

    async def run(self) -> None:
        """Erase what is due; one organisation's trouble does not stop the others."""
        async with self._database.unscoped() as txn:
            due = await store.organizations_to_erase(txn)
        for organization_id in due:
            try:
                await self.erase(organization_id)
            except Exception as error:
                log.warning(
                    "organization.not-erased",
                    organization_id=str(organization_id),
                    error=type(error).__name__,
                )

    async def erase(self, organization_id: UUID) -> datetime:
        """Erase an organisation; can be interrupted and run again. Return when no backup holds it any more."""
        async with self._database.transaction(organization_id) as txn:
            known = await store.organization_get(txn)
            tables = [each for each in reversed(await tenant_tables(txn)) if each not in STAYS]
            complete_at = await self._shred(txn)
        rows = 0
        for table in tables:
            rows += await self._table(organization_id, table)
        async with self._database.transaction(organization_id) as txn:
            complete_at = max(complete_at, await store.backups_gone_at(txn) or complete_at)
            # What was written meanwhile, by the shredding's own audit record for one.
            await store.organization_erased(txn, complete_at)
            await append_platform(
                txn,
                AuditEntry(
                    action=AuditAction.ORGANIZATION_ERASED,
                    actor=SYSTEM,
                    object_type="organization",
                    object_id=str(organization_id),
                    summary=f"The organisation {known.slug if known else ''} was erased",
                    after={
                        "slug": known.slug if known else "",
                        "rows": rows,
                        "tables": len(tables),
                        "erased_at": rfc3339(datetime.now(UTC)),
                        "complete_at": rfc3339(complete_at),
                    },
                ),
            )
        return complete_at

    async def _table(self, organization_id: UUID, table: str) -> int:
        total = 0
        while True:
            async with self._database.transaction(organization_id) as txn:
                gone = await store.organization_erase(txn, table, _BATCH)
            total += gone
            if gone < _BATCH:
                return total
