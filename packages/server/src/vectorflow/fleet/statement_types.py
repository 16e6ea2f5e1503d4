"""What is passed around about statements to nodes; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

StatementState = Literal["requested", "signed", "done", "refused", "cancelled", "expired"]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a node was told to do once. `reason` and `message` are the node's own answer."""

    id: UUID
    node_id: UUID
    kind: str
    arguments: dict[str, Any]
    state: StatementState
    created_at: str
    created_by: str
    expires_at: str
    answered_at: str | None
    reason: str
    message: str


class StatementList(msgspec.Struct, frozen=True):
    """A page of statements, newest first."""

    items: list[Statement]
    next_cursor: str | None


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as it is stored. One whose time ran out without an answer reads as `expired`."""

    id: UUID
    node_id: UUID
    kind: str
    arguments: dict[str, Any]
    state: StatementState
    created_at: datetime
    created_by: str
    expires_at: datetime
    answered_at: datetime | None
    reason: str
    message: str


class DueStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that waits for a signature."""

    id: UUID
    node_id: UUID
    kind: str
    arguments: dict[str, Any]
    expires_at: datetime


class SignedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A signed statement on its way into the database, or to its node."""

    id: UUID
    node_id: UUID
    kind: str
    envelope: bytes
    signed_until: datetime


class StatementAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a node reported on a statement."""

    id: UUID
    node_id: UUID
    done: bool
    wiped: bool
    reason: str
    message: str
