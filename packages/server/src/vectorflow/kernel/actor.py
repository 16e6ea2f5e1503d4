"""Who does something."""

from enum import StrEnum
from uuid import UUID

import msgspec


class ActorKind(StrEnum):
    """What sort of actor it is."""

    ACCOUNT = "account"
    NODE = "node"
    SYSTEM = "system"


class Actor(msgspec.Struct, frozen=True):
    """Who acts, in which session, from which address.

    `account_id` and `session_id` are set for people; `node_id` for agents; none of them for the
    system itself. `name` is what lists show, as it was when the act happened.
    """

    kind: ActorKind
    name: str
    account_id: UUID | None = None
    session_id: UUID | None = None
    node_id: UUID | None = None
    address: str | None = None


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="VectorFlow")
