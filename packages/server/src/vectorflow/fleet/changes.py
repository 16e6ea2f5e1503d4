"""What the signer is to look at: told by the bus, forgotten once taken, and made good by the sweep where it was lost.

A changed assignment is taken at once. Nodes that have just enrolled are gathered: while a site comes up, each of them
would cost a transaction of its own. The first of them is taken at once too, so that a lonely node does not wait.
"""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import msgspec

GATHER_SECONDS = 1.0
MOST_GATHERED = 500
"""More nodes of one organisation than these are a change of the whole organisation."""


class Work(msgspec.Struct, frozen=True):
    """What is to be looked at of an organisation: these nodes, or all of them. `statements`: those wait too."""

    nodes: frozenset[UUID] | None = None
    statements: bool = False


class Changes:
    """Organisations that wait for the signer. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._changed: dict[UUID, bool] = {}
        self._enrolled: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self._taken_at: dict[UUID, float] = {}

    def changed(self, organization_id: UUID, *, statements: bool = False) -> None:
        """Note that anything of the organisation may have changed."""
        self._changed[organization_id] = statements or self._changed.get(organization_id, False)
        self._enrolled.pop(organization_id, None)

    def enrolled(self, organization_id: UUID, node_ids: Iterable[UUID]) -> None:
        """Note nodes that wait for their first bundle."""
        if organization_id in self._changed:
            return
        nodes = self._enrolled[organization_id]
        nodes.update(node_ids)
        if len(nodes) > MOST_GATHERED:
            self.changed(organization_id)

    def due_at(self) -> float | None:
        """Return when something is to be taken, None while nothing waits."""
        if self._changed:
            return 0.0
        return min((self._ready_at(each) for each in self._enrolled), default=None)

    def take(self, now: float) -> dict[UUID, Work]:
        """Return what is due and forget it."""
        taken = {each: Work(statements=statements) for each, statements in self._changed.items()}
        self._changed = {}
        for organization_id in [each for each in self._enrolled if self._ready_at(each) <= now]:
            taken[organization_id] = Work(frozenset(self._enrolled.pop(organization_id)))
        self._taken_at = {
            each: at for each, at in self._taken_at.items() if at > now - GATHER_SECONDS
        } | dict.fromkeys(taken, now)
        return taken

    def _ready_at(self, organization_id: UUID) -> float:
        return self._taken_at.get(organization_id, -GATHER_SECONDS) + GATHER_SECONDS
