"""The chain: what is hashed, and the check that a record follows the one before it."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec
import rfc8785

from vectorflow.audit.errors import AuditEntryTooLargeError
from vectorflow.audit.types import AuditRow, Head
from vectorflow.kernel.audit import AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.logs import redact

MAX_ENTRY_BYTES = 64_000
PLATFORM = "platform"
_SAFE_INTEGER = 2**53
_sorted = msgspec.json.Encoder(order="deterministic")

Chain = UUID | None  # an organisation's, or the platform's


def chain_name(chain: Chain) -> str:
    """Return the name that stands in what is hashed and signed."""
    return PLATFORM if chain is None else str(chain)


def canonical(value: Any) -> bytes:
    """Return the canonical JSON (RFC 8785) of objects, lists, texts, integers, booleans and null."""
    text = _sorted.encode(value)
    # Of plain ASCII without escapes both encoders make the same, and this one is ten times quicker.
    return text if text.isascii() and b"\\" not in text and b"\x7f" not in text else rfc8785.dumps(value)


def canonical_entry(entry: AuditEntry) -> str:
    """Return the canonical JSON of an entry, redacted, people by reference. Raises `AuditEntryTooLargeError`."""
    plain = msgspec.to_builtins(entry)
    if plain["actor"].get("account_id") is not None:
        del plain["actor"]["name"]  # a person's name is looked up when somebody reads
    fields = {name: redact(plain[name]) for name in ("actor", "before", "after")}
    fields |= {name: redact(plain[name]) for name in ("action", "object_type", "object_id", "summary")}
    text = canonical(_json_safe(fields))
    if len(text) > MAX_ENTRY_BYTES:
        raise AuditEntryTooLargeError
    return text.decode()


def genesis(chain: Chain) -> bytes:
    """Return the hash that stands before a chain's first record."""
    return hashlib.sha256(f"vectorflow.audit.{chain_name(chain)}".encode()).digest()


def record_hash(chain: Chain, row: AuditRow) -> bytes:
    """Return the hash a record must have, from its own columns."""
    entry = canonical(
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
    chained = (
        f'{{"at":"{rfc3339(row.at)}","entry":"{hashlib.sha256(entry).hexdigest()}",'
        f'"organization_id":"{chain_name(chain)}","previous":"{row.previous_hash.hex()}",'
        f'"sequence":{row.sequence}}}'
    )
    return hashlib.sha256(chained.encode()).digest()


def check_link(chain: Chain, row: AuditRow, previous: Head) -> str | None:
    """Return why a record does not follow the one before it, or None when it does."""
    if row.sequence > previous.sequence + 1:
        return f"record {previous.sequence + 1} is missing"
    if row.sequence <= previous.sequence:
        if (row.sequence, row.hash) == (previous.sequence, previous.hash):
            return "it stands here a second time"
        return "it stands here a second time, out of order or as a fork"
    if row.hash != record_hash(chain, row):
        return "its content was changed"
    if row.previous_hash != previous.hash:
        return "it does not follow the record before it: a fork"
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
