"""Updates of a fleet: a plan says which version a group's nodes shall run, and asks some of them at a time.

Each node is asked by a signed statement, judges the version itself by the signed index, and answers. When more nodes
fail than a plan allows, it pauses and says why; a person lets it go on or ends it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from vectorflow.fleet import topics
from vectorflow.fleet.errors import UpdatePlanNotFound, VersionNotListed
from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.release_shelf import ReleaseShelf
from vectorflow.fleet.statements import StatementService
from vectorflow.fleet.store import nodes as node_store
from vectorflow.fleet.store import updates as store
from vectorflow.fleet.types import NodeRow
from vectorflow.fleet.update_types import (
    NodeAnswer,
    NodeState,
    NodeUpdate,
    PlanRow,
    PlanState,
    Program,
    ReleaseShown,
    StepUnit,
    UpdateOverview,
    UpdatePlan,
)
from vectorflow.kernel.actor import SYSTEM, Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction
from vectorflow_wire.bundles import VersionWanted
from vectorflow_wire.releases import ReleaseIndex
from vectorflow_wire.statements import StatementKind, UpdateArguments

log = structlog.get_logger()

ANSWER_LIFE: Final = timedelta(hours=1)
MOST_NODES: Final = 20_000
_HEARD: Final = frozenset({"healthy", "degraded"})
_TROUBLE: Final[dict[NodeState, int]] = {
    "failed": 0,
    "silent": 1,
    "asked": 2,
    "waiting": 3,
    "away": 4,
    "done": 5,
}


class UpdateService:
    """Plans, and what they do. Works in the caller's transaction."""

    def __init__(
        self, statements: StatementService, groups: GroupService, shelf: ReleaseShelf, clock: Clock
    ) -> None:
        self._statements = statements
        self._groups = groups
        self._shelf = shelf
        self._clock = clock

    async def overview(self, txn: Transaction, environment_id: UUID) -> UpdateOverview:
        """Return an environment's plans and the releases there are."""
        index = await self._shelf.listed()
        plans = [
            _shown(row, await self._progress(txn, row)) for row in await store.plan_list(txn, environment_id)
        ]
        return UpdateOverview(
            items=plans,
            next_cursor=None,
            releases=_releases(index),
            index_number=index.number if index else None,
            index_expires_at=rfc3339(datetime.fromtimestamp(index.expires_at / 1000, UTC)) if index else None,
            minimum=index.minimum if index else None,
        )

    async def nodes(self, txn: Transaction, environment_id: UUID, plan_id: UUID) -> list[NodeUpdate]:
        """Return how far each node of a plan is. Raises `UpdatePlanNotFound`."""
        found = await self._progress(txn, await self._plan(txn, environment_id, plan_id))
        return sorted(found, key=lambda each: (_TROUBLE[each.state], each.node_name, each.node_id))

    async def create(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        group_id: UUID | None,
        program: Program,
        target: str,
        step: int,
        unit: StepUnit,
        most_failures: int,
        actor: Actor,
    ) -> UpdatePlan:
        """Make a plan; the one before for the same nodes and program ends.

        Raises `NodeGroupNotFound`, `VersionNotListed`.
        """
        if group_id is not None:
            await self._groups.group(txn, environment_id, group_id)
        listed = _releases(await self._shelf.listed())
        if not any((each.program, each.version) == (program, target) for each in listed):
            raise VersionNotListed
        now = self._clock.now()
        plan = PlanRow(
            id=new_id(),
            environment_id=environment_id,
            group_id=group_id,
            group_name=None,
            program=program,
            target=target,
            step=step,
            unit=unit,
            most_failures=most_failures,
            state="running",
            reason="",
            created_by=actor.name[:200],
            created_at=now,
            counted_from=now,
        )
        await store.plan_insert(txn, plan)
        await self._record(
            txn, plan, actor, AuditAction.UPDATE_PLANNED, f"Planned {program} {target} for nodes"
        )
        made = await self._plan(txn, environment_id, plan.id)
        return _shown(made, await self._progress(txn, made))

    async def change(
        self, txn: Transaction, environment_id: UUID, plan_id: UUID, state: PlanState, actor: Actor
    ) -> None:
        """Pause a plan, let it go on, or end it. Raises `UpdatePlanNotFound`."""
        plan = await self._plan(txn, environment_id, plan_id)
        await store.plan_state(txn, plan_id, state, "paused by a person" if state == "paused" else "")
        words = {"paused": "Paused", "running": "Resumed", "ended": "Ended"}[state]
        await self._record(
            txn,
            plan,
            actor,
            AuditAction.UPDATE_CHANGED,
            f"{words} the update to {plan.program} {plan.target}",
        )

    async def advance(self, txn: Transaction) -> int:
        """Ask the next nodes of every running plan of the organisation; return how many were asked."""
        asked = 0
        claimed: set[tuple[str, UUID]] = set()
        for plan in await store.plan_list(txn):
            progress = await self._progress(txn, plan)
            mine = [each for each in progress if (plan.program, each.node_id) not in claimed]
            claimed |= {(plan.program, each.node_id) for each in mine}
            if plan.state == "running":
                asked += await self._advance(txn, plan, mine)
        return asked

    async def _advance(self, txn: Transaction, plan: PlanRow, nodes: Sequence[NodeUpdate]) -> int:
        trouble = [each for each in nodes if each.state in ("failed", "silent")]
        if len(trouble) > plan.most_failures:
            first = trouble[0]
            why = first.message or ("it did not answer" if first.state == "silent" else first.reason)
            words = f"{len(trouble)} of {len(nodes)} nodes did not take it; {first.node_name}: {why}"
            await store.plan_state(txn, plan.id, "paused", words)
            await self._record(
                txn, plan, SYSTEM, AuditAction.UPDATE_CHANGED, f"Paused an update: {words}"[:500]
            )
            return 0
        at_once = plan.step if plan.unit == "nodes" else -(-plan.step * len(nodes) // 100)
        room = at_once - sum(each.state == "asked" for each in nodes)
        turn = [each for each in nodes if each.state == "waiting"][: max(0, room)]
        return sum([await self._ask(txn, plan, each) for each in turn])

    async def _ask(self, txn: Transaction, plan: PlanRow, node: NodeUpdate) -> bool:
        row = await node_store.node_get(txn, plan.environment_id, node.node_id)
        if row is None:
            return False
        wanted = VersionWanted(version=plan.target)
        arguments = UpdateArguments(
            agent=wanted if plan.program == "agent" else None,
            engine=wanted if plan.program == "engine" else None,
            plan=str(plan.id),
        )
        try:
            await self._statements.request(
                txn,
                row,
                StatementKind.UPDATE,
                arguments,
                life=ANSWER_LIFE,
                actor=SYSTEM,
                summary=f"Asked the node {row.name} to run {plan.program} {plan.target}",
            )
        except VectorFlowError as error:
            log.info("update.not-asked", node_id=str(row.id), problem=error.code)
            return False
        return True

    async def _plan(self, txn: Transaction, environment_id: UUID, plan_id: UUID) -> PlanRow:
        found = await store.plan_get(txn, environment_id, plan_id)
        if found is None:
            raise UpdatePlanNotFound
        return found

    async def _progress(self, txn: Transaction, plan: PlanRow) -> list[NodeUpdate]:
        requirements = await self._groups.requirements(txn, plan.environment_id, plan.group_id, "")
        resting = tuple(await self._groups.resting(txn, plan.environment_id))
        wanted = node_store.NodeFilter(requirements=requirements, resting=resting)
        nodes = await node_store.node_list(txn, plan.environment_id, wanted, after=None, limit=MOST_NODES)
        answers = {each.node_id: each for each in await store.plan_answers(txn, plan)}
        return [node_update(plan, node, answers.get(node.id)) for node in nodes]

    async def _record(
        self, txn: Transaction, plan: PlanRow, actor: Actor, action: AuditAction, summary: str
    ) -> None:
        await txn.audit(
            AuditEntry(
                action=action,
                actor=actor,
                object_type="update_plan",
                object_id=str(plan.id),
                summary=summary,
                after={
                    "program": plan.program,
                    "version": plan.target,
                    "group_id": str(plan.group_id) if plan.group_id else None,
                    "step": plan.step,
                    "unit": plan.unit,
                    "most_failures": plan.most_failures,
                },
            )
        )
        await txn.notify(topics.NODES, {"environment_id": plan.environment_id})


def node_update(plan: PlanRow, node: NodeRow, answer: NodeAnswer | None) -> NodeUpdate:
    """Return how far a node is, from what it runs and what it answered."""
    runs = node.agent_version if plan.program == "agent" else node.engine_version
    state: NodeState
    if runs == plan.target:
        state = "done"
    elif answer is not None and answer.state != "cancelled":
        known: dict[str, NodeState] = {"done": "done", "refused": "failed", "expired": "silent"}
        state = known.get(answer.state, "asked")
    else:
        state = "waiting" if node.status in _HEARD and not node.in_maintenance else "away"
    told = answer if answer is not None and state == "failed" else None
    return NodeUpdate(
        node_id=node.id,
        node_name=node.name,
        runs=runs,
        state=state,
        reason=told.reason if told else "",
        message=told.message if told else "",
    )


def _shown(row: PlanRow, nodes: Sequence[NodeUpdate]) -> UpdatePlan:
    counts = Counter(each.state for each in nodes)
    return UpdatePlan(
        id=row.id,
        group_id=row.group_id,
        group_name=row.group_name,
        program=row.program,
        target=row.target,
        step=row.step,
        unit=row.unit,
        most_failures=row.most_failures,
        state=row.state,
        reason=row.reason,
        created_by=row.created_by,
        created_at=rfc3339(row.created_at),
        nodes=len(nodes),
        counts=dict(counts),
    )


def _releases(index: ReleaseIndex | None) -> list[ReleaseShown]:
    return [
        ReleaseShown(
            program="agent" if each.program == "agent" else "engine",
            version=each.version,
            os=each.os,
            arch=each.arch,
            python=each.python,
            digest=each.digest,
            size=each.size,
        )
        for each in (index.releases if index else ())
    ]
