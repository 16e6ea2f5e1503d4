"""The log's only SQL."""

from collections.abc import Sequence

from vectorflow.audit.types import AuditRow
from vectorflow.platform.database import Transaction


async def audit_append(txn: Transaction, entries: Sequence[str]) -> int:
    """Append canonical entries in the transaction's organisation; return the newest sequence."""
    return int(await txn.value("select vf.audit_append(%(entries)s::text[])", {"entries": list(entries)}))


async def audit_list(txn: Transaction, *, before: int | None, limit: int, text: str | None) -> list[AuditRow]:
    """Return records, newest first, older than `before`; `text` must stand in action, object or summary."""
    return await txn.rows(
        AuditRow,
        """select sequence, at, actor, action, object_type, object_id, summary, before, after, previous_hash, hash
           from audit_records
           where organization_id = %(organization_id)s
             and (%(before)s::bigint is null or sequence < %(before)s)
             and (%(text)s::text is null or strpos(lower(action || ' ' || object_id || ' ' || summary), %(text)s) > 0)
           order by sequence desc limit %(limit)s""",
        {"before": before, "limit": limit, "text": text.lower() if text else None},
    )


async def audit_range(txn: Transaction, *, after: int, limit: int) -> list[AuditRow]:
    """Return records in the order they were written, for verifying."""
    return await txn.rows(
        AuditRow,
        """select sequence, at, actor, action, object_type, object_id, summary, before, after, previous_hash, hash
           from audit_records where organization_id = %(organization_id)s and sequence > %(after)s
           order by sequence limit %(limit)s""",
        {"after": after, "limit": limit},
    )


async def audit_head(txn: Transaction) -> tuple[int, bytes] | None:
    """Return sequence and hash of the newest record as the head has them, or None before the first."""
    sequence = await txn.value("select sequence from audit_heads where organization_id = %(organization_id)s")
    if sequence is None:
        return None
    digest = await txn.value("select hash from audit_heads where organization_id = %(organization_id)s")
    return int(sequence), bytes(digest)
