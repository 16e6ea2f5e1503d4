"""Starting, steering and advancing rollouts. Every way to deploy goes through `start_rollout`.

Works in the caller's transaction.
"""

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

import msgspec

from vectorflow.delivery import store
from vectorflow.delivery.controller import Decision, batches, decide
from vectorflow.delivery.errors import (
    NotDeployed,
    NothingToRollBackTo,
    RolloutNotFound,
    RolloutNotInState,
    RolloutUnderWay,
)
from vectorflow.delivery.present import rollout_of
from vectorflow.delivery.types import (
    ROLLOUT_TOPIC,
    DryRun,
    DryRunNode,
    NewRollout,
    Rollout,
    RolloutNodeShown,
    RolloutNodeState,
    RolloutRow,
    RolloutState,
)
from vectorflow.fleet import service as fleet
from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.types import Deployment
from vectorflow.kernel.actor import SYSTEM, Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.revisions import RevisionService
from vectorflow.pipelines.service import PIPELINE_TOPIC, PipelineService
from vectorflow.pipelines.types import PipelineRow
from vectorflow.platform.database import Transaction

_STEERED: dict[str, tuple[RolloutState, AuditAction]] = {
    "pause": ("paused", AuditAction.ROLLOUT_PAUSED),
    "resume": ("running", AuditAction.ROLLOUT_RESUMED),
    "cancel": ("cancelled", AuditAction.ROLLOUT_CANCELLED),
}
_FROM: dict[str, tuple[RolloutState, ...]] = {
    "pause": ("running",),
    "resume": ("paused",),
    "cancel": ("running", "paused"),
}


class DeliveryService:
    """Rollouts of pipelines to the nodes of their environments."""

    def __init__(
        self, pipelines: PipelineService, revisions: RevisionService, groups: GroupService, clock: Clock
    ) -> None:
        self._pipelines = pipelines
        self._revisions = revisions
        self._groups = groups
        self._clock = clock

    async def start_rollout(
        self, txn: Transaction, actor: Actor, environment_id: UUID, pipeline_id: UUID, new: NewRollout
    ) -> Rollout:
        """Start a rollout to nodes of the environment; the first batch is assigned at once.

        Nodes that have the pipeline and are not among them keep what they run, which shows as drift. Raises
        `PipelineNotFound`, `RevisionNotFound`, `DocumentInvalid`, `RolloutUnderWay`, `SelectorInvalid`,
        `NodeGroupNotFound`, `SecretUseDenied`, `SecretUseRefused`.
        """
        pipeline = await self._pipelines.for_change(txn, environment_id, pipeline_id)
        if await store.rollout_active(txn, environment_id, pipeline_id) is not None:
            raise RolloutUnderWay
        if new.revision is None:
            made = await self._revisions.make_revision(txn, pipeline_id, new.message, actor)
        else:
            made = await self._revisions.admit(txn, pipeline, new.revision, actor)
        before = await fleet.deployment(txn, environment_id, pipeline_id)
        selector, group_id = await self._asked(txn, environment_id, pipeline_id, new, before)
        asked = await self._groups.requirements(txn, environment_id, group_id, selector)
        targets = await fleet.targets(txn, environment_id, pipeline_id, asked)
        row = RolloutRow(
            id=new_id(),
            environment_id=environment_id,
            pipeline_id=pipeline_id,
            pipeline_name=pipeline.name,
            revision=made.number,
            previous_revision=before.revision if before else None,
            message=new.message,
            state="running",
            reason=None,
            batch_size=new.batch_size,
            timeout_seconds=new.timeout_seconds,
            watch_seconds=new.watch_seconds,
            selector=selector,
            requirements=asked,
            group_id=group_id,
            created_at=self._clock.now(),
            created_by=actor.name[:200],
            finished_at=None,
        )
        numbered = list(zip(targets, batches(len(targets), new.batch_size), strict=True))
        await store.rollout_insert(txn, row, numbered, actor.account_id)
        await self._record(txn, actor, AuditAction.ROLLOUT_STARTED, row, verb="Started")
        await self.advance(txn, row.id)
        return await self.rollout(txn, environment_id, row.id)

    async def _asked(
        self,
        txn: Transaction,
        environment_id: UUID,
        pipeline_id: UUID,
        new: NewRollout,
        before: Deployment | None,
    ) -> tuple[str, UUID | None]:
        """Return the selector and the group of a rollout: asked for, as before, or at first the document's own."""
        if new.group_id is not None:
            return "", new.group_id
        if new.selector is not None:
            return new.selector, None
        if before is not None:
            return before.selector, before.group_id
        draft = await self._pipelines.draft(txn, environment_id, pipeline_id)
        return draft.document.selector, None

    async def dry_run(
        self, txn: Transaction, actor: Actor, environment_id: UUID, pipeline_id: UUID, new: NewRollout
    ) -> DryRun:
        """Return what `start_rollout` would do, doing nothing."""
        pipeline = await self._pipelines.pipeline(txn, environment_id, pipeline_id)
        before = await fleet.deployment(txn, environment_id, pipeline_id)
        selector, group_id = await self._asked(txn, environment_id, pipeline_id, new, before)
        asked = await self._groups.requirements(txn, environment_id, group_id, selector)
        targets = await fleet.targets(txn, environment_id, pipeline_id, asked)
        # A first rollout that was halted leaves nodes with a revision which the environment does not have yet.
        deployed = (
            before.revision if before else max((each.revision or 0 for each in targets), default=0) or None
        )
        resting = set(await self._groups.resting_nodes(txn, environment_id))
        findings = []
        handover: str | None = None
        if new.revision is None:
            checked, _ = await self._revisions.preview(txn, pipeline, actor)
            findings = list(checked.findings)
            difference = await self._revisions.difference(txn, pipeline, deployed, "draft")
        else:
            await self._revisions.revision(txn, pipeline_id, new.revision)
            difference = await self._revisions.difference(txn, pipeline, deployed, new.revision)
            if deployed is not None:
                handover = await self._revisions.handover(txn, pipeline_id, deployed, new.revision)
        return DryRun(
            revision=new.revision,
            before=deployed,
            findings=findings,
            text=difference.text,
            changes=list(difference.changes),
            nodes=[DryRunNode(node.id, node.name, node.revision, node.id in resting) for node in targets],
            handover=handover,
        )

    async def rollouts(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        pipeline_id: UUID | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[Rollout]:
        """Return rollouts, newest first."""
        rows = await store.rollout_list(
            txn, environment_id, pipeline_id=pipeline_id, after=after, limit=limit
        )
        return [rollout_of(row) for row in rows]

    async def rollout(self, txn: Transaction, environment_id: UUID, rollout_id: UUID) -> Rollout:
        """Return a rollout. Raises `RolloutNotFound`."""
        row = await store.rollout_get(txn, environment_id, rollout_id)
        if row is None:
            raise RolloutNotFound
        return rollout_of(row)

    async def rollout_nodes(
        self,
        txn: Transaction,
        environment_id: UUID,
        rollout_id: UUID,
        *,
        states: Sequence[RolloutNodeState] = (),
        batch: int | None = None,
        after: tuple[int, int, UUID] | None = None,
        limit: int = 50,
    ) -> list[RolloutNodeShown]:
        """Return nodes of a rollout by batch and name, all or those in `states`. Raises `RolloutNotFound`."""
        if await store.rollout_get(txn, environment_id, rollout_id) is None:
            raise RolloutNotFound
        wanted = dict.fromkeys(states or get_args(RolloutNodeState))
        return await store.rollout_node_page(
            txn, rollout_id, list(wanted), batch=batch, after=after, limit=limit
        )

    async def steer(
        self, txn: Transaction, actor: Actor, environment_id: UUID, rollout_id: UUID, verb: str
    ) -> Rollout:
        """Pause, resume or cancel a rollout. Raises `RolloutNotFound`, `RolloutNotInState`."""
        row = await self._locked(txn, environment_id, rollout_id)
        if row.state not in _FROM[verb]:
            message = f"The rollout is {row.state}, so it cannot {verb}."
            raise RolloutNotInState(message)
        state, action = _STEERED[verb]
        reason = f"{actor.name} cancelled it"[:2000] if verb == "cancel" else None
        await self._change_state(txn, row, state, reason)
        await self._record(txn, actor, action, row, verb=action.value.partition(".")[2].capitalize())
        if verb == "resume":
            await self.advance(txn, rollout_id)
        return await self.rollout(txn, environment_id, rollout_id)

    async def rollback(
        self, txn: Transaction, actor: Actor, environment_id: UUID, rollout_id: UUID
    ) -> Rollout:
        """Start a new rollout of the revision that was deployed before; one under way is cancelled first.

        Raises `RolloutNotFound`, `PipelineNotFound`, `NothingToRollBackTo`, `RolloutUnderWay`.
        """
        found = await store.rollout_get(txn, environment_id, rollout_id)
        if found is None:
            raise RolloutNotFound
        # Before the rollout's row, as in `stop`: two orders of locking would wait for each other.
        await self._pipelines.for_change(txn, environment_id, found.pipeline_id)
        row = await self._locked(txn, environment_id, rollout_id)
        if row.previous_revision is None:
            raise NothingToRollBackTo
        if row.state in ("running", "paused"):
            await self._change_state(txn, row, "cancelled", f"{actor.name} rolled it back"[:2000])
            await self._record(txn, actor, AuditAction.ROLLOUT_CANCELLED, row, verb="Cancelled")
        new = NewRollout(
            revision=row.previous_revision,
            message=f"Roll back from revision {row.revision} to {row.previous_revision}",
            selector=row.selector,
            group_id=row.group_id,
            timeout_seconds=row.timeout_seconds,
            watch_seconds=row.watch_seconds,
        )
        return await self.start_rollout(txn, actor, environment_id, row.pipeline_id, new)

    async def stop(
        self, txn: Transaction, actor: Actor, environment_id: UUID, pipeline_id: UUID, message: str
    ) -> None:
        """Stop a pipeline on every node; a rollout under way is cancelled.

        Raises `PipelineNotFound`, `NotDeployed`.
        """
        pipeline = await self._pipelines.for_change(txn, environment_id, pipeline_id)
        active = await store.rollout_active(txn, environment_id, pipeline_id)
        if active is not None:
            row = await self._locked(txn, environment_id, active)
            await self._change_state(txn, row, "cancelled", f"{actor.name} stopped the pipeline"[:2000])
        # After the rollout's row, as in `advance`: two orders of locking would wait for each other.
        await fleet.environment_hold(txn, environment_id)
        before = await fleet.deployment(txn, environment_id, pipeline_id)
        by_revision: dict[int, list[UUID]] = {}
        for target in await fleet.targets(txn, environment_id, pipeline_id):
            if target.revision is not None and target.desired != "stop":
                by_revision.setdefault(target.revision, []).append(target.id)
        if not by_revision and (before is None or before.desired == "stop"):
            raise NotDeployed
        for revision, node_ids in by_revision.items():
            await fleet.assign(
                txn, node_ids, pipeline_id, revision=revision, desired="stop", reason=message[:1000]
            )
        if before is not None:
            await fleet.deploy(txn, environment_id, msgspec.structs.replace(before, desired="stop"))
        await self._stopped(txn, actor, pipeline, message)

    async def advance(self, txn: Transaction, rollout_id: UUID) -> RolloutState | None:
        """Do what follows from what nodes reported; return the rollout's state. Harmless at any time."""
        row = await store.rollout_lock(txn, rollout_id)
        if row is None:
            return None
        decision = await self._decided(txn, row)
        if decision.state == "done" and row.state != "done" and await self._gather_late_nodes(txn, row):
            decision = await self._decided(txn, row)
        if decision.changes:
            await store.rollout_node_update(txn, row.id, decision.changes)
        if decision.assign:
            made = await fleet.assign(
                txn, decision.assign, row.pipeline_id, revision=row.revision, desired="run"
            )
            await store.rollout_node_assigned(txn, row.id, made, self._clock.now())
        if decision.state != row.state:
            await self._ended(txn, row, decision)
        elif decision.changes or decision.assign:
            await self._tell(txn, row)
        return decision.state

    async def _decided(self, txn: Transaction, row: RolloutRow) -> Decision:
        nodes = await store.rollout_node_list(txn, row.id)
        reports = await fleet.counting_reports(txn, row.pipeline_id, [node.node_id for node in nodes])
        waits = any(node.state == "waiting" for node in nodes)
        resting = await self._groups.resting_nodes(txn, row.environment_id) if waits else []
        return decide(row, nodes, reports, self._clock.now(), frozenset(resting))

    async def _gather_late_nodes(self, txn: Transaction, row: RolloutRow) -> bool:
        """Add nodes that enrolled meanwhile as a last batch; none can enrol until the transaction ends."""
        await fleet.environment_hold(txn, row.environment_id)
        known = await store.rollout_node_list(txn, row.id)
        ids = {node.node_id for node in known}
        targets = await fleet.targets(txn, row.environment_id, row.pipeline_id, row.requirements)
        late = [target for target in targets if target.id not in ids]
        batch = max((node.batch for node in known), default=0) + 1
        if late:
            await store.rollout_node_insert(txn, row.id, [(target, batch) for target in late])
        return bool(late)

    async def _ended(self, txn: Transaction, row: RolloutRow, decision: Decision) -> None:
        await self._change_state(txn, row, decision.state, decision.reason)
        if decision.state == "done":
            await fleet.deploy(txn, row.environment_id, _deployment(row))
            await self._record(txn, SYSTEM, AuditAction.ROLLOUT_DONE, row, verb="Finished")
        elif decision.state == "halted":
            await self._record(
                txn, SYSTEM, AuditAction.ROLLOUT_HALTED, row, verb="Halted", reason=decision.reason
            )

    async def _locked(self, txn: Transaction, environment_id: UUID, rollout_id: UUID) -> RolloutRow:
        row = await store.rollout_lock(txn, rollout_id)
        if row is None or row.environment_id != environment_id:
            raise RolloutNotFound
        return row

    async def _change_state(
        self, txn: Transaction, row: RolloutRow, state: RolloutState, reason: str | None
    ) -> None:
        await store.rollout_update(txn, row.id, state, reason)
        await self._tell(txn, row)

    async def _tell(self, txn: Transaction, row: RolloutRow) -> None:
        await txn.notify(ROLLOUT_TOPIC, {"rollout_id": row.id, "pipeline_id": row.pipeline_id})

    async def _record(
        self,
        txn: Transaction,
        actor: Actor,
        action: AuditAction,
        row: RolloutRow,
        *,
        verb: str,
        reason: str | None = None,
    ) -> None:
        why = f": {reason}" if reason else ""
        await txn.audit(
            AuditEntry(
                action=action,
                actor=actor,
                object_type="rollout",
                object_id=str(row.id),
                summary=f"{verb} the rollout of revision {row.revision} of {row.pipeline_name}{why}"[:1000],
                after={
                    "pipeline_id": str(row.pipeline_id),
                    "revision": row.revision,
                    "batch_size": row.batch_size,
                    "message": row.message,
                },
            )
        )

    async def _stopped(self, txn: Transaction, actor: Actor, pipeline: PipelineRow, message: str) -> None:
        await txn.audit(
            AuditEntry(
                action=AuditAction.PIPELINE_STOPPED,
                actor=actor,
                object_type="pipeline",
                object_id=str(pipeline.id),
                summary=f"Stopped the pipeline {pipeline.name} on all its nodes",
                after={"message": message},
            )
        )
        await txn.notify(PIPELINE_TOPIC, {"pipeline_id": pipeline.id})


def _deployment(row: RolloutRow) -> Deployment:
    return Deployment(
        pipeline_id=row.pipeline_id,
        revision=row.revision,
        desired="run",
        selector=row.selector,
        requirements=row.requirements,
        group_id=row.group_id,
    )
