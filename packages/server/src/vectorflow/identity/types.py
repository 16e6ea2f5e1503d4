"""Accounts and sessions as other rooms see them."""

from datetime import datetime
from uuid import UUID

import msgspec


class AccountInfo(msgspec.Struct, frozen=True):
    """A person's account."""

    id: UUID
    email: str
    name: str


class SessionRow(msgspec.Struct, frozen=True):
    """A live session, as looked up by the hash of its token."""

    id: UUID
    account_id: UUID
    email: str
    name: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class LiveSession(msgspec.Struct, frozen=True):
    """A live session, and what only its holder's request can bring: the token's hash and the CSRF token."""

    id: UUID
    account: AccountInfo
    expires_at: datetime
    token_hash: bytes
    csrf_token: str


class SessionListRow(msgspec.Struct, frozen=True):
    """A session in the list of one's own."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str | None
    address: str | None


class OrganizationOfHolder(msgspec.Struct, frozen=True):
    """An organisation that the holder of a session is a member of."""

    id: UUID
    slug: str
    name: str
    role: str


class SignInRow(msgspec.Struct, frozen=True):
    """What signing in needs of an account; the hash never leaves this room."""

    id: UUID
    email: str
    name: str
    password_hash: str | None


class Opened(msgspec.Struct, frozen=True):
    """A session just opened. `token` goes into the cookie and is nowhere else."""

    session: LiveSession
    token: str


class AccountToErase(msgspec.Struct, frozen=True):
    """An account, and the slugs of the organisations that nobody else owns."""

    id: UUID
    alone: list[str]


class ForgottenIn(msgspec.Struct, frozen=True):
    """What was found of a person in one organisation: rows that held the name, and whether anything was."""

    places: int
    known: bool


class Erased(msgspec.Struct, frozen=True):
    """A person who was erased: in how many organisations, and from how many rows."""

    account_id: UUID
    organizations: int
    places: int
