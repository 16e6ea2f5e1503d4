"""How a node comes in and leaves: admission, duplicates, labels, decommissioning. Works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from vectorflow.fleet import service, topics
from vectorflow.fleet.enrolment import begin
from vectorflow.fleet.errors import NodeNotFound, NodeNotInState
from vectorflow.fleet.present import node_of
from vectorflow.fleet.statement_types import Statement
from vectorflow.fleet.statements import StatementService
from vectorflow.fleet.store import assignments, nodes, statements
from vectorflow.fleet.store import lifecycle as decisions
from vectorflow.fleet.store import tokens as token_store
from vectorflow.fleet.types import NodeRow
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.platform.database import Transaction
from vectorflow.platform.http.etag import require_match
from vectorflow_wire.statements import StatementKind, WipeArguments

WIPE_LIFE: Final = timedelta(days=3650)
"""A machine that is switched on again years later still learns that it has left."""

Engines = Literal["keep", "stop"]


class LifecycleService:
    """A node's coming and going."""

    def __init__(self, statements: StatementService) -> None:
        self._statements = statements

    async def admit(self, txn: Transaction, environment_id: UUID, node_id: UUID, actor: Actor) -> None:
        """Let a waiting node in: it begins with what the environment has for it. Raises `NodeNotInState`."""
        await assignments.environment_lock(txn, environment_id, exclusive=False)
        row = await self._waiting(txn, environment_id, node_id)
        await decisions.node_admission(txn, node_id, "admitted")
        await begin(txn, environment_id, node_id)
        await self._tell(txn, row, actor, AuditAction.NODE_ADMITTED, f"Admitted the node {row.name}")
        await txn.notify(topics.ASSIGNMENTS)

    async def reject(self, txn: Transaction, environment_id: UUID, node_id: UUID, actor: Actor) -> None:
        """Turn a waiting node away for good; its token ends. Raises `NodeNotInState`."""
        row = await self._waiting(txn, environment_id, node_id)
        await decisions.node_admission(txn, node_id, "rejected")
        await nodes.node_revoke(txn, node_id)
        await self._tell(txn, row, actor, AuditAction.NODE_REJECTED, f"Rejected the node {row.name}")
        await txn.notify(topics.NODE, {"node_id": node_id})

    async def keep_duplicate(
        self, txn: Transaction, environment_id: UUID, node_id: UUID, actor: Actor
    ) -> None:
        """Decide that a node is a machine of its own.

        Where two machines spoke as this node, the one with the newest token stays it; the other's token ends and it
        goes on with what it runs until it is enrolled anew. Raises `NodeNotInState`.
        """
        row = await self._held(txn, environment_id, node_id)
        if row.duplicate_of is None and not row.clone_suspected:
            raise NodeNotInState("Nobody takes this node for a duplicate.")
        await decisions.node_duplicate_kept(txn, node_id)
        if row.clone_suspected:
            await token_store.node_token_revoke_all(txn, node_id, superseded_only=True)
        summary = f"Decided that the node {row.name} is a machine of its own"
        await self._tell(txn, row, actor, AuditAction.NODE_DUPLICATE_KEPT, summary)
        await txn.notify(topics.NODE, {"node_id": node_id})

    async def merge_duplicate(
        self, txn: Transaction, environment_id: UUID, node_id: UUID, actor: Actor
    ) -> None:
        """Decide that a node is the machine that another node was: it takes over name, labels and assignments.

        The other one is revoked. Raises `NodeNotInState`.
        """
        await assignments.environment_lock(txn, environment_id, exclusive=False)
        await nodes.node_lock_with_twin(txn, node_id)
        row = await service.node_row(txn, environment_id, node_id)
        old = None
        if row.duplicate_of is not None:
            old = await nodes.node_get(txn, environment_id, row.duplicate_of)
        if old is None or row.status in ("revoked", "rejected", "decommissioned"):
            raise NodeNotInState("There is no node that this one could take the place of.")
        await decisions.node_take_over(txn, node_id, old.id)
        for each in await assignments.assignment_list(txn, old.id):
            await service.assign(
                txn, [node_id], each.pipeline_id, revision=each.revision, desired=each.desired
            )
        if old.status not in ("revoked", "rejected", "decommissioned"):
            await nodes.node_revoke(txn, old.id)
            await txn.notify(topics.NODE, {"node_id": old.id})
        summary = f"Decided that the node {row.name} is the machine that {old.name} was"
        await self._tell(txn, row, actor, AuditAction.NODE_MERGED, summary)
        await txn.notify(topics.ASSIGNMENTS)

    async def labels(
        self,
        txn: Transaction,
        environment_id: UUID,
        node_id: UUID,
        labels: dict[str, str],
        *,
        if_match: str,
        actor: Actor,
    ) -> None:
        """Give a node other labels; what it runs stays. Raises `NodeNotFound`, `StaleVersionError`."""
        row = await self._held(txn, environment_id, node_id)
        require_match(if_match, node_of(row).etag)
        await decisions.node_labels(
            txn, [node_id], set_to=labels, remove=sorted(set(row.labels) - set(labels))
        )
        await self._tell(
            txn,
            row,
            actor,
            AuditAction.NODE_CHANGED,
            f"Changed the labels of the node {row.name}",
            before={"labels": row.labels},
            after={"labels": labels},
        )

    async def labels_of_many(
        self,
        txn: Transaction,
        environment_id: UUID,
        node_ids: Sequence[UUID],
        *,
        set_to: Mapping[str, str],
        remove: Sequence[str],
        actor: Actor,
    ) -> int:
        """Set and remove labels of many nodes; return how many there were. Raises `NodeNotFound` if one is missing."""
        wanted = sorted(set(node_ids))
        known = await decisions.node_ids_known(txn, environment_id, wanted)
        if len(known) != len(wanted):
            raise NodeNotFound
        await decisions.node_labels(txn, wanted, set_to=dict(set_to), remove=list(remove))
        await txn.audit(
            AuditEntry(
                action=AuditAction.NODE_CHANGED,
                actor=actor,
                object_type="environment",
                object_id=str(environment_id),
                summary=f"Changed labels of {len(wanted)} nodes",
                after={
                    "set": dict(set_to),
                    "remove": list(remove),
                    "nodes": [str(each) for each in wanted][:200],
                },
            )
        )
        await txn.notify(topics.NODES, {"environment_id": environment_id})
        return len(wanted)

    async def decommission(
        self,
        txn: Transaction,
        environment_id: UUID,
        node_id: UUID,
        engines: Engines,
        *,
        if_match: str | None,
        actor: Actor,
    ) -> Statement:
        """Tell a node to leave. It counts as gone only once it has said so itself.

        Raises `NodeNotFound`, `NodeNotInState`, `StaleVersionError`.
        """
        row = await self._held(txn, environment_id, node_id)
        if if_match is not None:
            require_match(if_match, node_of(row).etag)
        if row.status in ("revoked", "rejected", "decommissioned", "leaving", "waiting"):
            raise NodeNotInState(
                "This node cannot be told to leave: it has left, is leaving or was never let in."
            )
        summary = f"Told the node {row.name} to leave and to {engines} what it runs"
        told = await self._statements.request(
            txn,
            row,
            StatementKind.WIPE,
            WipeArguments(engines=engines),
            life=WIPE_LIFE,
            actor=actor,
            summary=summary,
        )
        await decisions.node_leaving(txn, node_id, leaving=True)
        await self._tell(txn, row, actor, AuditAction.NODE_DECOMMISSION_REQUESTED, summary)
        return told

    async def decommission_cancel(
        self, txn: Transaction, environment_id: UUID, node_id: UUID, actor: Actor
    ) -> None:
        """Take back that a node shall leave; one that heard of it already still leaves. Raises `NodeNotInState`."""
        row = await self._held(txn, environment_id, node_id)
        if row.status != "leaving":
            raise NodeNotInState("This node is not about to leave.")
        await statements.statement_cancel(txn, node_id, StatementKind.WIPE)
        await decisions.node_leaving(txn, node_id, leaving=False)
        await txn.notify(topics.STATEMENTS, {"node_ids": [node_id]})
        summary = f"Took back that the node {row.name} shall leave"
        await self._tell(txn, row, actor, AuditAction.NODE_DECOMMISSION_CANCELLED, summary)

    async def _waiting(self, txn: Transaction, environment_id: UUID, node_id: UUID) -> NodeRow:
        row = await self._held(txn, environment_id, node_id)
        if row.status != "waiting":
            raise NodeNotInState("This node does not wait to be admitted.")
        return row

    async def _held(self, txn: Transaction, environment_id: UUID, node_id: UUID) -> NodeRow:
        await nodes.node_lock(txn, node_id)  # another decision may be on its way
        return await service.node_row(txn, environment_id, node_id)

    async def _tell(
        self,
        txn: Transaction,
        row: NodeRow,
        actor: Actor,
        action: AuditAction,
        summary: str,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> None:
        await txn.audit(
            AuditEntry(
                action=action,
                actor=actor,
                object_type="node",
                object_id=str(row.id),
                summary=summary[:1000],
                before=before,
                after=after,
            )
        )
        await txn.notify(topics.NODES, {"environment_id": row.environment_id})
