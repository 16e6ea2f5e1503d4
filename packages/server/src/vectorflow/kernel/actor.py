"""Who does something."""

from enum import StrEnum
from uuid import UUID

import msgspec

from vectorflow.kernel.permissions import Permission


class ActorKind(StrEnum):
    """What sort of actor it is."""

    ACCOUNT = "account"
    NODE = "node"
    SYSTEM = "system"


class Actor(msgspec.Struct, frozen=True):
    """Who acts, in which session, from which address.

    `account_id` and `session_id` are set for people; `node_id` for agents; none of them for the
    system itself. `name` is what lists show, as it was when the act happened. `permissions` are those
    that the guard found where the act happens.
    """

    kind: ActorKind
    name: str
    account_id: UUID | None = None
    session_id: UUID | None = None
    node_id: UUID | None = None
    address: str | None = None
    permissions: frozenset[Permission] = frozenset()

    def may(self, permission: Permission) -> bool:
        """Tell whether the actor has a permission here; the system itself has all."""
        return self.kind is ActorKind.SYSTEM or permission in self.permissions


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="VectorFlow")
