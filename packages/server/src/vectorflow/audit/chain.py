"""The chain: what is hashed, and the check that nothing was changed, cut out or cut off."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec
import rfc8785

from vectorflow.audit.errors import AuditEntryTooLargeError
from vectorflow.audit.types import AuditRow
from vectorflow.kernel.audit import AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.logs import redact

MAX_ENTRY_BYTES = 64_000
_SAFE_INTEGER = 2**53


def canonical_entry(entry: AuditEntry) -> str:
    """Return the canonical JSON of an entry, redacted. Raises `AuditEntryTooLargeError`."""
    plain = msgspec.to_builtins(entry)
    fields = {name: redact(plain[name]) for name in ("actor", "before", "after")}
    fields |= {name: redact(plain[name]) for name in ("action", "object_type", "object_id", "summary")}
    text = rfc8785.dumps(_json_safe(fields))
    if len(text) > MAX_ENTRY_BYTES:
        raise AuditEntryTooLargeError
    return text.decode()


def genesis(organization_id: UUID) -> bytes:
    """Return the hash that stands before an organisation's first record."""
    return hashlib.sha256(f"vectorflow.audit.{organization_id}".encode()).digest()


def record_hash(organization_id: UUID, row: AuditRow) -> bytes:
    """Return the hash a record must have, from its own columns."""
    entry = rfc8785.dumps(
        {
            "action": row.action,
            "actor": row.actor,
            "after": row.after,
            "before": row.before,
            "object_id": row.object_id,
            "object_type": row.object_type,
            "summary": row.summary,
        }
    )
    chained = rfc8785.dumps(
        {
            "at": rfc3339(row.at),
            "entry": hashlib.sha256(entry).hexdigest(),
            "organization_id": str(organization_id),
            "previous": row.previous_hash.hex(),
            "sequence": row.sequence,
        }
    )
    return hashlib.sha256(chained).digest()


def check_link(organization_id: UUID, row: AuditRow, previous: tuple[int, bytes]) -> str | None:
    """Return why a record does not follow the one before it, or None when it does."""
    if row.sequence != previous[0] + 1:
        return f"record {previous[0] + 1} is missing"
    if row.previous_hash != previous[1]:
        return "it does not follow the record before it"
    if row.hash != record_hash(organization_id, row):
        return "its content was changed"
    return None


def _json_safe(value: Any) -> Any:
    """Make a value canonicalisable and storable as jsonb: exact integers, finite numbers."""
    if isinstance(value, dict):
        return {str(key): _json_safe(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_safe(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < _SAFE_INTEGER else str(value)
    return str(value)  # a fraction's text form is what people compare anyway
