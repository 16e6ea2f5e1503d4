"""What is known of an organisation's life."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class OrganizationRow(msgspec.Struct, frozen=True):
    """An organisation with everything that decides its state."""

    id: UUID
    slug: str
    name: str
    created_at: datetime
    suspended_at: datetime | None
    suspended_reason: str | None
    deletion_requested_at: datetime | None
    deletion_due_at: datetime | None


class DirectoryRow(msgspec.Struct, frozen=True):
    """An organisation as operators see it: no name, no content."""

    id: UUID
    slug: str
    created_at: datetime
    suspended_at: datetime | None
    deletion_due_at: datetime | None


class Erasure(msgspec.Struct, frozen=True):
    """What stays of an organisation that was erased. Backups hold it until `complete_at`."""

    organization: UUID
    slug: str
    requested_at: datetime
    erased_at: datetime
    complete_at: datetime


class ExportState(StrEnum):
    """Where an export stands."""

    WAITING = "waiting"
    MAKING = "making"
    SIGNING = "signing"
    READY = "ready"
    FAILED = "failed"


class ExportRow(msgspec.Struct, frozen=True):
    """An export; `bytes` is the size of the archive so far."""

    id: UUID
    state: ExportState
    requested_at: datetime
    bytes: int
    finished_at: datetime | None
    expires_at: datetime


class ToSign(msgspec.Struct, frozen=True):
    """An export whose files are all there, with its canonical manifest; `next_part` follows the last part."""

    id: UUID
    manifest: bytes
    next_part: int
    bytes: int
