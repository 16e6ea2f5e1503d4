"""Rules of groups, maintenance, fleet settings and drift. Works in the caller's transaction.

Changing labels, a selector or a group changes nothing that runs. What would have to change is drift, which a person
confirms: so no pipeline stops because somebody edited a label.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from vectorflow.fleet import service, topics
from vectorflow.fleet.errors import (
    DriftChanged,
    MaintenanceInvalid,
    NodeGroupInUse,
    NodeGroupNotFound,
    NodeInMaintenance,
)
from vectorflow.fleet.group_types import (
    Drift,
    FleetSettings,
    GroupRow,
    GroupValues,
    Maintenance,
    NodeGroup,
)
from vectorflow.fleet.maintenance import declared, group_rests, resting_groups, window_of, zone
from vectorflow.fleet.selectors import Requirement, parse_selector
from vectorflow.fleet.store import groups as store
from vectorflow.fleet.store import lifecycle
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction
from vectorflow.platform.http.etag import etag, require_match

MOST_GROUPS: Final = 500


class GroupService:
    """Groups of nodes and what goes with them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def groups(self, txn: Transaction, environment_id: UUID) -> list[NodeGroup]:
        """Return an environment's groups by name."""
        now = self._clock.now()
        return [_shown(row, now) for row in await store.group_list(txn, environment_id)]

    async def group(self, txn: Transaction, environment_id: UUID, group_id: UUID) -> NodeGroup:
        """Return a group. Raises `NodeGroupNotFound`."""
        row = await store.group_get(txn, environment_id, group_id)
        if row is None:
            raise NodeGroupNotFound
        return _shown(row, self._clock.now())

    async def create(
        self, txn: Transaction, environment_id: UUID, values: GroupValues, actor: Actor
    ) -> NodeGroup:
        """Make a group. Raises `SelectorInvalid`, `MaintenanceInvalid`, `NodeGroupNameTaken`."""
        if await store.group_count(txn, environment_id) >= MOST_GROUPS:
            raise MaintenanceInvalid(f"An environment has at most {MOST_GROUPS} groups.")
        group_id = new_id()
        await self._put(txn, environment_id, group_id, values)
        await _record(
            txn,
            actor,
            AuditAction.NODE_GROUP_CREATED,
            group_id,
            f"Created the group {values.name}",
            values=values,
        )
        return await self.group(txn, environment_id, group_id)

    async def update(
        self,
        txn: Transaction,
        environment_id: UUID,
        group_id: UUID,
        values: GroupValues,
        *,
        if_match: str,
        actor: Actor,
    ) -> NodeGroup:
        """Change a group; what runs stays, differences become drift.

        Raises `NodeGroupNotFound`, `StaleVersionError` and what `create` raises.
        """
        before = await self.group(txn, environment_id, group_id)
        require_match(if_match, before.etag)
        await self._put(txn, environment_id, group_id, values)
        await _record(
            txn,
            actor,
            AuditAction.NODE_GROUP_CHANGED,
            group_id,
            f"Changed the group {values.name}",
            values=values,
        )
        return await self.group(txn, environment_id, group_id)

    async def delete(
        self, txn: Transaction, environment_id: UUID, group_id: UUID, if_match: str, actor: Actor
    ) -> None:
        """Delete a group that nothing is deployed to. Raises `NodeGroupNotFound`, `NodeGroupInUse`."""
        group = await self.group(txn, environment_id, group_id)
        require_match(if_match, group.etag)
        if group.pipelines:
            raise NodeGroupInUse
        try:
            await store.group_delete(txn, group_id)
        except ForeignKeyViolation as error:
            raise NodeGroupInUse from error
        await _record(txn, actor, AuditAction.NODE_GROUP_DELETED, group_id, f"Deleted the group {group.name}")
        await txn.notify(topics.NODES, {"environment_id": environment_id})

    async def group_maintenance(
        self,
        txn: Transaction,
        environment_id: UUID,
        group_id: UUID,
        *,
        on: bool,
        until: datetime | None,
        note: str,
        actor: Actor,
    ) -> NodeGroup:
        """Declare maintenance of a group, or end it. Raises `NodeGroupNotFound`, `MaintenanceInvalid`."""
        group = await self.group(txn, environment_id, group_id)
        since = self._since(on, until)
        await store.group_maintenance(
            txn, group_id, since=since, until=until if on else None, note=note if on else ""
        )
        summary = f"{'Began' if on else 'Ended'} maintenance of the group {group.name}"
        await _record(txn, actor, AuditAction.NODE_GROUP_CHANGED, group_id, summary)
        await txn.notify(topics.NODES, {"environment_id": environment_id})
        return await self.group(txn, environment_id, group_id)

    async def node_maintenance(
        self,
        txn: Transaction,
        environment_id: UUID,
        node_id: UUID,
        *,
        on: bool,
        until: datetime | None,
        note: str,
        actor: Actor,
    ) -> None:
        """Declare maintenance of a node, or end it. Raises `NodeNotFound`, `MaintenanceInvalid`."""
        row = await service.node_row(txn, environment_id, node_id)
        since = self._since(on, until)
        await lifecycle.node_maintenance(
            txn, node_id, since=since, until=until if on else None, note=note if on else ""
        )
        await txn.audit(
            AuditEntry(
                action=AuditAction.NODE_CHANGED,
                actor=actor,
                object_type="node",
                object_id=str(node_id),
                summary=f"{'Began' if on else 'Ended'} maintenance of the node {row.name}",
                after={"until": rfc3339(until) if until else None, "note": note} if on else None,
            )
        )
        await txn.notify(topics.NODES, {"environment_id": environment_id})

    async def resting(self, txn: Transaction, environment_id: UUID) -> list[UUID]:
        """Return the groups that are under maintenance now."""
        return resting_groups(await store.group_list(txn, environment_id), self._clock.now())

    async def resting_nodes(self, txn: Transaction, environment_id: UUID) -> list[UUID]:
        """Return the nodes under maintenance, by themselves or by a group: no rollout starts there, no alert sounds."""
        return await lifecycle.node_resting(txn, environment_id, await self.resting(txn, environment_id))

    async def requirements(
        self, txn: Transaction, environment_id: UUID, group_id: UUID | None, selector: str
    ) -> tuple[Requirement, ...]:
        """Return what a selector or a group asks of nodes. Raises `NodeGroupNotFound`, `SelectorInvalid`."""
        if group_id is None:
            return parse_selector(selector)
        row = await store.group_get(txn, environment_id, group_id)
        if row is None:
            raise NodeGroupNotFound
        return tuple(row.requirements)

    async def settings(self, txn: Transaction, environment_id: UUID) -> FleetSettings:
        """Return an environment's fleet settings."""
        row = await store.settings_get(txn, environment_id)
        return FleetSettings(
            stale_after_days=row.stale_after_days,
            decommission_after_days=row.decommission_after_days,
            etag=etag("fleet-settings", environment_id, row.version),
        )

    async def settings_update(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        stale_after_days: int,
        decommission_after_days: int | None,
        if_match: str,
        actor: Actor,
    ) -> FleetSettings:
        """Change an environment's fleet settings. Raises `StaleVersionError`, `MaintenanceInvalid`."""
        before = await self.settings(txn, environment_id)
        require_match(if_match, before.etag)
        if decommission_after_days is not None and decommission_after_days < stale_after_days:
            message = "not before a node counts as stale"
            raise MaintenanceInvalid(errors=[FieldError("decommission_after_days", message)])
        await store.settings_put(txn, environment_id, stale_after_days, decommission_after_days)
        await txn.audit(
            AuditEntry(
                action=AuditAction.FLEET_SETTINGS_CHANGED,
                actor=actor,
                object_type="environment",
                object_id=str(environment_id),
                summary="Changed when silent nodes count as stale and are let go",
                before={"stale": before.stale_after_days, "decommission": before.decommission_after_days},
                after={"stale": stale_after_days, "decommission": decommission_after_days},
            )
        )
        return await self.settings(txn, environment_id)

    async def drift(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        pipeline_id: UUID | None = None,
        node_ids: Sequence[UUID] | None = None,
        limit: int = 500,
    ) -> list[Drift]:
        """Return what would have to change for nodes to have what their labels ask for."""
        resting = await self.resting_nodes(txn, environment_id)
        return await store.drift_list(
            txn, environment_id, pipeline_id=pipeline_id, node_ids=node_ids, resting=resting, limit=limit
        )

    async def drift_confirm(
        self,
        txn: Transaction,
        environment_id: UUID,
        pipeline_id: UUID,
        node_ids: Sequence[UUID],
        actor: Actor,
    ) -> int:
        """Give nodes what they lack of a pipeline and stop it where it no longer belongs; return how many changed.

        Raises `DriftChanged`, `NodeInMaintenance`.
        """
        await service.environment_hold(txn, environment_id)
        found = await self.drift(
            txn, environment_id, pipeline_id=pipeline_id, node_ids=node_ids, limit=len(node_ids)
        )
        if {each.node_id for each in found} != set(node_ids):
            raise DriftChanged
        if any(each.in_maintenance for each in found):
            raise NodeInMaintenance
        for revision in sorted({each.revision for each in found}):
            missing = [each.node_id for each in found if each.kind == "missing" and each.revision == revision]
            extra = [each.node_id for each in found if each.kind == "extra" and each.revision == revision]
            await service.assign(txn, missing, pipeline_id, revision=revision, desired="run")
            reason = f"{actor.name} confirmed that it is no longer for this node"[:1000]
            await service.assign(txn, extra, pipeline_id, revision=revision, desired="stop", reason=reason)
        name = found[0].pipeline_name if found else ""
        await txn.audit(
            AuditEntry(
                action=AuditAction.DRIFT_CONFIRMED,
                actor=actor,
                object_type="pipeline",
                object_id=str(pipeline_id),
                summary=f"Brought {len(found)} nodes in line with whom {name} is for",
                after={
                    "started": [each.node_name for each in found if each.kind == "missing"],
                    "stopped": [each.node_name for each in found if each.kind == "extra"],
                },
            )
        )
        await txn.notify(topics.NODES, {"environment_id": environment_id})
        return len(found)

    async def _put(self, txn: Transaction, environment_id: UUID, group_id: UUID, values: GroupValues) -> None:
        zone(values.timezone)
        await store.group_put(txn, environment_id, group_id, values, parse_selector(values.selector))
        await txn.notify(topics.NODES, {"environment_id": environment_id})

    def _since(self, on: bool, until: datetime | None) -> datetime | None:
        now = self._clock.now()
        if on and until is not None and until <= now:
            raise MaintenanceInvalid(errors=[FieldError("until", "this moment has passed")])
        return now if on else None


def _shown(row: GroupRow, now: datetime) -> NodeGroup:
    maintenance = None
    if row.maintenance_since is not None:
        maintenance = Maintenance(
            since=rfc3339(row.maintenance_since),
            until=rfc3339(row.maintenance_until) if row.maintenance_until else None,
            note=row.maintenance_note,
            active=declared(row.maintenance_since, row.maintenance_until, now),
        )
    return NodeGroup(
        id=row.id,
        name=row.name,
        description=row.description,
        selector=row.selector,
        requirements=row.requirements,
        timezone=row.timezone,
        windows=[window_of(each) for each in row.windows],
        maintenance=maintenance,
        in_maintenance=group_rests(row, now),
        nodes=row.nodes,
        pipelines=row.pipelines,
        created_at=rfc3339(row.created_at),
        etag=etag(row.id, row.version),
    )


async def _record(
    txn: Transaction,
    actor: Actor,
    action: AuditAction,
    group_id: UUID,
    summary: str,
    *,
    values: GroupValues | None = None,
) -> None:
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="node_group",
            object_id=str(group_id),
            summary=summary,
            after={"selector": values.selector, "windows": len(values.windows)} if values else None,
        )
    )
