"""What the log gives out."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

BEHIND_SECONDS = 120.0  # without a shipped seal, after which the alarm is on


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


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are wanted; what is None is not asked for.

    `actor` is an account's or node's id, or `system`; `text` stands in action, object or summary.
    """

    actor: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    @property
    def everything(self) -> bool:
        """Whether no record is left out, so that the chain can be verified."""
        return self == AuditFilter()


class Checkpoint(msgspec.Struct, frozen=True):
    """A signed statement that a chain had this record at this place."""

    sequence: int
    hash: bytes
    at: datetime
    public_key: bytes
    signature: bytes


class Head(msgspec.Struct, frozen=True):
    """The newest record of a chain; sequence 0 before the first."""

    sequence: int
    hash: bytes


class Person(msgspec.Struct, frozen=True):
    """The name an account has now."""

    id: str
    name: str


class ChainVerdict(msgspec.Struct, frozen=True):
    """The result of verifying a chain: how many records, and the first that does not fit, if any.

    `organization_id` is None for the platform's chain. `proved` is the last record a genuine checkpoint covers,
    `shipped` the last one that a sealed object outside covers, which said so at `shipped_at` for the last time.
    """

    organization_id: UUID | None
    records: int
    broken_at: int | None
    reason: str | None
    proved: int = 0
    shipped: int = 0
    shipped_at: datetime | None = None


class ShippingPosition(msgspec.Struct, frozen=True):
    """How far the shipper is: the last record of the platform's log that the bucket has, and the last seal."""

    sequence: int
    hash: bytes | None
    sealed_at: datetime | None


class ProofRow(msgspec.Struct, frozen=True):
    """How far an organisation's log is written, signed and shipped."""

    sequence: int
    signed: int | None
    signed_at: datetime | None
    shipped: int | None
    shipped_at: datetime | None


class Facet(msgspec.Struct, frozen=True):
    """One value that the log can be filtered by; `kind` is `action`, `object_type` or `actor`."""

    kind: str
    value: str


class AuditPage(msgspec.Struct, frozen=True):
    """Some records, and the number that the next page goes on below, if there may be more."""

    rows: list[AuditRow]
    before: int | None
