"""What the log gives out."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class AuditRow(msgspec.Struct, frozen=True):
    """One record as it is stored."""

    sequence: int
    at: datetime
    actor: dict[str, Any]
    action: str
    object_type: str
    object_id: str
    summary: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    previous_hash: bytes
    hash: bytes


class ChainVerdict(msgspec.Struct, frozen=True):
    """The result of verifying a chain: how many records, and the first that does not fit, if any."""

    organization_id: UUID
    records: int
    broken_at: int | None
    reason: str | None
