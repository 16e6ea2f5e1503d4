"""Asking nodes to do something once, and taking their answers. Works in the caller's transaction.

Nothing here can sign: a request is a row that the role signer turns into an envelope.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from vectorflow.fleet import topics
from vectorflow.fleet.errors import NodeNotFound, NodeNotTellable, StatementsWaiting
from vectorflow.fleet.statement_types import Statement, StatementAnswer, StatementRow
from vectorflow.fleet.store import nodes, statements
from vectorflow.fleet.store.lifecycle import node_left
from vectorflow.fleet.types import NodeRow
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction
from vectorflow_wire.statements import LogLevelArguments, RestartArguments, StatementKind, TapArguments

MOST_WAITING: Final = 20
"""Statements of one node that wait for an answer."""

RESTART_LIFE: Final = timedelta(minutes=15)


class StatementService:
    """What people ask of nodes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def restart(
        self, txn: Transaction, environment_id: UUID, node_id: UUID, arguments: RestartArguments, actor: Actor
    ) -> Statement:
        """Ask a node to restart the engine of a pipeline. Raises as `request` does."""
        node = await self._node(txn, environment_id, node_id)
        summary = f"Asked the node {node.name} to restart a pipeline"
        return await self.request(
            txn, node, StatementKind.RESTART, arguments, life=RESTART_LIFE, actor=actor, summary=summary
        )

    async def log_level(
        self,
        txn: Transaction,
        environment_id: UUID,
        node_id: UUID,
        arguments: LogLevelArguments,
        actor: Actor,
    ) -> Statement:
        """Ask a node to log at another level. Raises as `request` does."""
        node = await self._node(txn, environment_id, node_id)
        summary = f"Asked the node {node.name} to log at the level {arguments.level}"
        return await self.request(
            txn, node, StatementKind.LOG_LEVEL, arguments, life=RESTART_LIFE, actor=actor, summary=summary
        )

    async def tap(
        self,
        txn: Transaction,
        environment_id: UUID,
        node_id: UUID,
        arguments: TapArguments,
        actor: Actor,
        *,
        summary: str,
        life: timedelta,
    ) -> Statement:
        """Ask a node for events of a pipeline. Raises as `request` does."""
        node = await self._node(txn, environment_id, node_id)
        return await self.request(
            txn, node, StatementKind.TAP, arguments, life=life, actor=actor, summary=f"{summary} {node.name}"
        )

    async def request(
        self,
        txn: Transaction,
        node: NodeRow,
        kind: str,
        arguments: msgspec.Struct,
        *,
        life: timedelta,
        actor: Actor,
        summary: str,
    ) -> Statement:
        """Store what a node shall be told and wake the signer.

        Raises `NodeNotTellable`, `StatementsWaiting`.
        """
        if node.status in ("revoked", "rejected", "decommissioned", "waiting"):
            raise NodeNotTellable
        if await statements.statement_open_count(txn, node.id) >= MOST_WAITING:
            raise StatementsWaiting
        statement_id = new_id()
        plain = msgspec.to_builtins(arguments)
        await statements.statement_insert(
            txn,
            statement_id=statement_id,
            node_id=node.id,
            kind=kind,
            arguments=plain,
            created_by=actor.name[:200],
            expires_at=self._clock.now() + life,
        )
        await txn.audit(
            AuditEntry(
                action=AuditAction.STATEMENT_REQUESTED,
                actor=actor,
                object_type="node",
                object_id=str(node.id),
                summary=summary,
                after={"statement_id": str(statement_id), "kind": kind, "arguments": plain},
            )
        )
        await txn.notify(topics.ASSIGNMENTS, {"statements": True})
        made = await statements.statement_get(txn, node.id, statement_id)
        if made is None:
            raise NodeNotFound
        return statement_of(made)

    async def statements(
        self, txn: Transaction, environment_id: UUID, node_id: UUID, *, after: UUID | None, limit: int
    ) -> list[Statement]:
        """Return what a node was told, newest first. Raises `NodeNotFound`."""
        await self._node(txn, environment_id, node_id)
        rows = await statements.statement_list(txn, node_id, after=after, limit=limit)
        return [statement_of(row) for row in rows]

    async def _node(self, txn: Transaction, environment_id: UUID, node_id: UUID) -> NodeRow:
        node = await nodes.node_get(txn, environment_id, node_id)
        if node is None:
            raise NodeNotFound
        return node


def statement_of(row: StatementRow) -> Statement:
    """Return a statement as pages show it."""
    return Statement(
        id=row.id,
        node_id=row.node_id,
        kind=row.kind,
        arguments=row.arguments,
        state=row.state,
        created_at=rfc3339(row.created_at),
        created_by=row.created_by,
        expires_at=rfc3339(row.expires_at),
        answered_at=None if row.answered_at is None else rfc3339(row.answered_at),
        reason=row.reason,
        message=row.message,
    )


async def take_answers(txn: Transaction, answers: Sequence[StatementAnswer]) -> None:
    """Write down what nodes reported on statements, in the transaction that stores the reports."""
    news = set(await statements.statement_answer(txn, answers))
    wiped = [each.id for each in answers if each.wiped and each.id in news]
    for left in await node_left(txn, wiped) if wiped else []:
        await txn.audit(
            AuditEntry(
                action=AuditAction.NODE_DECOMMISSIONED,
                actor=Actor(kind=ActorKind.NODE, name=left.name, node_id=left.id),
                object_type="node",
                object_id=str(left.id),
                summary=f"The node {left.name} has left and removed what it held",
            )
        )
        await txn.notify(topics.NODE, {"node_id": left.id})
        await txn.notify(topics.NODES, {"environment_id": left.environment_id})
    told = sorted({answer.node_id for answer in answers if answer.id in news})
    for start in range(0, len(told), topics.HINTS_PER_MESSAGE):
        await txn.notify(topics.STATEMENTS, {"node_ids": told[start : start + topics.HINTS_PER_MESSAGE]})
