"""News that goes up from a room, and the topics it travels on.

Messages on the bus are ids, never data: the receiver reads the truth under its own scope.
"""

from enum import StrEnum
from uuid import UUID

import msgspec


class Topic(StrEnum):
    """The topics of the bus that more than one room knows."""

    SESSION = "identity.session"
    MEMBERSHIP = "tenancy.membership"
    DATA_KEYS = "keys.dropped"
    DATA_KEYS_WORK = "keys.work"


class SessionRevoked(msgspec.Struct, frozen=True):
    """A session ended: every process forgets it and closes the streams it opened."""

    session_id: UUID


class MembershipChanged(msgspec.Struct, frozen=True):
    """What an account may do in an organisation changed."""

    organization_id: UUID
    account_id: UUID
