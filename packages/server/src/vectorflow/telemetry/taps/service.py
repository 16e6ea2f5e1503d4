"""Asking for taps, and ending them. Works in the caller's transaction."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from vectorflow.fleet.errors import NodeNotTellable, StatementsWaiting
from vectorflow.fleet.statements import StatementService
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.pipelines.service import PipelineService
from vectorflow.platform.database import Transaction
from vectorflow.telemetry.taps.columns import relay_cell
from vectorflow.telemetry.taps.errors import TapInvalid, TapNotFound, TapNowhere, TooManyTaps
from vectorflow.telemetry.taps.relay import new_relay
from vectorflow.telemetry.taps.store import taps as store
from vectorflow.telemetry.taps.types import (
    MOST_NODES,
    MOST_OPEN,
    MOST_OPEN_OF_ACCOUNT,
    Tap,
    TapNew,
    TapNode,
    TapNodeRow,
    TapRow,
    TapWish,
)
from vectorflow_wire.statements import TapArguments
from vectorflow_wire.taps import TapOperator

TAP_TOPIC: Final = "telemetry.tap"
"""Bus topic: `tap_id` has news: events wait, or it ended."""

UNWATCHED_SECONDS: Final = 30.0
"""A tap that nobody reads for so long ends; a browser that reconnects is faster."""

_LISTED: Final = 50

ConditionCheck = Callable[[UUID, str], Awaitable[list[str]]]
"""What is wrong with a condition in VRL of an organisation: nothing when it is good."""


class Ended:
    """Known values of `Tap.ended`."""

    STOPPED: Final = "stopped"
    TIME: Final = "time"
    UNWATCHED: Final = "unwatched"
    NOT_ALLOWED: Final = "not-allowed"
    NODES_ENDED: Final = "nodes-ended"


class TapService:
    """Opens, lists and ends taps."""

    def __init__(
        self,
        keys: KeyService,
        statements: StatementService,
        pipelines: PipelineService,
        clock: Clock,
        condition_check: ConditionCheck,
    ) -> None:
        self._keys = keys
        self._statements = statements
        self._pipelines = pipelines
        self._clock = clock
        self._condition_check = condition_check

    async def check(self, organization_id: UUID, wish: TapNew) -> None:
        """Refuse a condition that no node could judge, before a transaction is held. Raises `TapInvalid`."""
        programs = [each.value for each in wish.where if each.operator == TapOperator.VRL]
        if len(programs) > 1:
            raise TapInvalid(errors=[FieldError("where", "use one condition in VRL at most")])
        for program in programs:
            found = await self._condition_check(organization_id, program)
            if found:
                raise TapInvalid(errors=[FieldError("where", found[0])])

    async def open(self, txn: Transaction, environment_id: UUID, wish: TapNew, actor: Actor) -> Tap:
        """Ask nodes for the events of an output.

        Raises `PipelineNotFound`, `NodeNotFound`, `TapInvalid`, `TapNowhere`, `TooManyTaps`, `KeysUnavailable`.
        """
        account_id = _account(actor)
        pipeline = await self._pipelines.pipeline(txn, environment_id, wish.pipeline_id)
        everybody, mine = await store.tap_open_count(txn, account_id)
        if everybody >= MOST_OPEN or mine >= MOST_OPEN_OF_ACCOUNT:
            raise TooManyTaps
        reason = wish.reason.strip()
        if len(reason) < 3 or not reason.isprintable():
            raise TapInvalid(errors=[FieldError("reason", "say why, in a few printable words")])
        tap_id = new_id()
        nodes = await self._asked(txn, environment_id, tap_id, wish, actor, pipeline=pipeline.name)
        private, public = new_relay()
        now = self._clock.now()
        row = TapRow(
            id=tap_id,
            environment_id=environment_id,
            pipeline_id=wish.pipeline_id,
            component=wish.component,
            port=wish.port,
            reason=reason,
            wish=TapWish(where=wish.where, events_per_second=wish.events_per_second),
            account_id=account_id,
            requested_by=actor.name[:200],
            relay_key=await self._keys.seal(txn, relay_cell(tap_id), private),
            created_at=now,
            expires_at=now + timedelta(seconds=wish.seconds),
            ended_at=None,
            ended="",
        )
        await store.tap_insert(txn, row, relay_public=public, nodes=nodes)
        await txn.audit(
            AuditEntry(
                action=AuditAction.TAP_OPENED,
                actor=actor,
                object_type="tap",
                object_id=str(tap_id),
                summary=f"Looked at events of {wish.component} in the pipeline {pipeline.name}: {reason}",
                after={
                    "pipeline_id": str(wish.pipeline_id),
                    "component": wish.component,
                    "port": wish.port,
                    "reason": reason,
                    "nodes": [str(node) for node in nodes],
                    "seconds": wish.seconds,
                    "where": [f"{each.path} {each.operator} {each.value}" for each in wish.where],
                },
            )
        )
        return await self._shown(txn, row)

    async def taps(self, txn: Transaction, environment_id: UUID) -> list[Tap]:
        """Return an environment's newest taps, whoever asked for them."""
        rows = await store.tap_list(txn, environment_id, limit=_LISTED)
        nodes = await store.tap_node_list(txn, [row.id for row in rows])
        return [_tap(row, [node for node in nodes if node.tap_id == row.id]) for row in rows]

    async def tap(self, txn: Transaction, environment_id: UUID, tap_id: UUID) -> Tap:
        """Return a tap. Raises `TapNotFound`."""
        return await self._shown(txn, await self._row(txn, environment_id, tap_id))

    async def own(self, txn: Transaction, environment_id: UUID, tap_id: UUID, account_id: UUID) -> TapRow:
        """Return a tap of an account; another's is not to be known of. Raises `TapNotFound`."""
        row = await self._row(txn, environment_id, tap_id)
        if row.account_id != account_id:
            raise TapNotFound
        return row

    async def private_key(self, txn: Transaction, row: TapRow) -> bytes | None:
        """Return the key that opens a tap's events; None once it has ended. Raises `KeysUnavailable`."""
        if row.relay_key is None:
            return None
        return await self._keys.unseal(txn, relay_cell(row.id), row.relay_key)

    async def stop(self, txn: Transaction, environment_id: UUID, tap_id: UUID, actor: Actor) -> Tap:
        """End a tap, one's own or another's. Raises `TapNotFound`."""
        row = await self._row(txn, environment_id, tap_id)
        await end(txn, [row.id], Ended.STOPPED, actor)
        return await self.tap(txn, environment_id, tap_id)

    async def _asked(
        self,
        txn: Transaction,
        environment_id: UUID,
        tap_id: UUID,
        wish: TapNew,
        actor: Actor,
        *,
        pipeline: str,
    ) -> list[UUID]:
        arguments = TapArguments(
            tap=str(tap_id),
            pipeline=str(wish.pipeline_id),
            outputs=_outputs(wish),
            seconds=float(wish.seconds),
            events_per_second=wish.events_per_second,
            most_events=wish.most_events,
            where=tuple(each.wire() for each in wish.where),
            redact=tuple(wish.redact),
        )
        life = timedelta(seconds=wish.seconds)
        summary = f"Asked for events of the pipeline {pipeline} on the node"

        async def ask(node_id: UUID) -> None:
            await self._statements.tap(
                txn, environment_id, node_id, arguments, actor, summary=summary, life=life
            )

        if wish.node_id is not None:
            await ask(wish.node_id)
            return [wish.node_id]
        asked = []
        for node_id in await store.tap_candidates(txn, wish.pipeline_id, MOST_NODES):
            try:
                await ask(node_id)
            except (NodeNotTellable, StatementsWaiting):
                continue
            asked.append(node_id)
        if not asked:
            raise TapNowhere
        return asked

    async def _row(self, txn: Transaction, environment_id: UUID, tap_id: UUID) -> TapRow:
        row = await store.tap_get(txn, environment_id, tap_id)
        if row is None:
            raise TapNotFound
        return row

    async def _shown(self, txn: Transaction, row: TapRow) -> Tap:
        return _tap(row, await store.tap_node_list(txn, [row.id]))


async def end(txn: Transaction, tap_ids: Sequence[UUID], ended: str, actor: Actor) -> None:
    """End taps that are open: their keys and waiting events are erased, and who reads them is told."""
    for tap_id in await store.tap_end(txn, tap_ids, ended):
        await txn.audit(
            AuditEntry(
                action=AuditAction.TAP_ENDED,
                actor=actor,
                object_type="tap",
                object_id=str(tap_id),
                summary=f"A tap ended: {ended}",
                after={"ended": ended},
            )
        )
        await txn.notify(TAP_TOPIC, {"tap_id": tap_id})


def _account(actor: Actor) -> UUID:
    if actor.account_id is None:
        raise TapInvalid(errors=[FieldError("reason", "only a person can tap")])
    return actor.account_id


def _outputs(wish: TapNew) -> tuple[str, ...]:
    if wish.port:
        return (f"{wish.component}.{wish.port}",)
    return (wish.component, f"{wish.component}.*")


def _tap(row: TapRow, nodes: Sequence[TapNodeRow]) -> Tap:
    return Tap(
        id=row.id,
        pipeline_id=row.pipeline_id,
        component=row.component,
        port=row.port,
        reason=row.reason,
        where=row.wish.where,
        events_per_second=row.wish.events_per_second,
        requested_by=row.requested_by,
        created_at=rfc3339(row.created_at),
        expires_at=rfc3339(row.expires_at),
        ended_at=None if row.ended_at is None else rfc3339(row.ended_at),
        ended=row.ended,
        nodes=[
            TapNode(
                node_id=node.node_id,
                name=node.name,
                taken=node.taken,
                matched=node.matched,
                dropped=node.dropped,
                sent=node.sent,
                heard_at=None if node.heard_at is None else rfc3339(node.heard_at),
                ended=node.ended,
                message=node.message or "",
            )
            for node in nodes
        ],
    )
