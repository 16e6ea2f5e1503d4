"""Appending, listing and verifying an organisation's log."""

from collections.abc import Sequence
from uuid import UUID

from vectorflow.audit.chain import canonical_entry, check_link, genesis
from vectorflow.audit.store import audit_append, audit_head, audit_list, audit_range
from vectorflow.audit.types import AuditRow, ChainVerdict
from vectorflow.kernel.audit import AuditEntry
from vectorflow.platform.database import Database, Transaction

_VERIFY_PAGE = 1000


class AuditAppender:
    """The audit sink of the database: appends what a transaction collected, as its last statement."""

    async def append(self, txn: Transaction, entries: Sequence[AuditEntry]) -> None:
        """Append the entries in order; an error rolls the transaction back with its change."""
        await audit_append(txn, [canonical_entry(entry) for entry in entries])


class AuditService:
    """Reads the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def records(
        self, organization_id: UUID, *, before: int | None = None, limit: int = 50, text: str | None = None
    ) -> list[AuditRow]:
        """Return records, newest first; `before` is the sequence of the last one seen."""
        async with self._database.transaction(organization_id) as txn:
            return await audit_list(txn, before=before, limit=limit, text=text)

    async def verify(self, organization_id: UUID) -> ChainVerdict:
        """Walk an organisation's whole chain and compare its end with the head."""
        previous = (0, genesis(organization_id))
        async with self._database.transaction(organization_id) as txn:
            head = await audit_head(txn)
            while rows := await audit_range(txn, after=previous[0], limit=_VERIFY_PAGE):
                for row in rows:
                    reason = check_link(organization_id, row, previous)
                    if reason is not None:
                        return ChainVerdict(organization_id, previous[0], row.sequence, reason)
                    previous = (row.sequence, row.hash)
        if head is not None and previous[0] < head[0]:
            return ChainVerdict(
                organization_id, previous[0], previous[0] + 1, "the newest records are missing"
            )
        return ChainVerdict(organization_id, previous[0], None, None)
