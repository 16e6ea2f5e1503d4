"""Rules about what to be told of, and their incidents. Works in the caller's transaction."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.alerts.errors import (
    IncidentNotFound,
    RuleInvalid,
    RuleNameTaken,
    RuleNotFound,
    TooManyAlerts,
)
from vectorflow.alerts.store import incidents
from vectorflow.alerts.store import rules as store
from vectorflow.alerts.types import MOST_RULES, Condition, IncidentRow, IncidentState, RuleRow
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Transaction

_MOST_NAME = 100


class AlertService:
    """Makes, changes, lists and deletes rules; lists and acknowledges incidents."""

    async def rules(self, txn: Transaction, environment_id: UUID) -> list[RuleRow]:
        """Return an environment's rules by name."""
        return await store.rule_list(txn, environment_id)

    async def for_change(self, txn: Transaction, environment_id: UUID, rule_id: UUID) -> RuleRow:
        """Return a rule and hold it until the transaction ends. Raises `RuleNotFound`."""
        row = await store.rule_lock(txn, environment_id, rule_id)
        if row is None:
            raise RuleNotFound
        return row

    async def put(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        *,
        name: str,
        condition: Condition,
        enabled: bool,
        channels: Sequence[UUID],
        before: RuleRow | None = None,
    ) -> RuleRow:
        """Keep a rule, new or in place of one that `for_change` returned.

        Raises `RuleInvalid`, `RuleNameTaken` or `TooManyAlerts`.
        """
        if not 1 <= len(name.strip()) <= _MOST_NAME or name != name.strip() or not name.isprintable():
            raise RuleInvalid(errors=[FieldError("name", f"use 1 to {_MOST_NAME} printable characters")])
        others = [
            each for each in await store.rule_list(txn, environment_id) if not before or each.id != before.id
        ]
        if before is None and len(others) >= MOST_RULES:
            raise TooManyAlerts
        if any(each.name == name for each in others):
            raise RuleNameTaken
        rule_id = before.id if before else new_id()
        await store.rule_put(
            txn,
            environment_id,
            rule_id,
            name=name,
            condition=condition,
            enabled=enabled,
            version=before.version + 1 if before else 1,
            by=actor.name,
        )
        if await store.rule_channels_set(txn, environment_id, rule_id, channels) != len(set(channels)):
            raise RuleInvalid(
                errors=[FieldError("channels", "one of them is not a channel of this environment")]
            )
        row = await self.for_change(txn, environment_id, rule_id)
        action = AuditAction.ALERT_RULE_UPDATED if before else AuditAction.ALERT_RULE_CREATED
        await _tell(txn, action, actor, before, row)
        return row

    async def delete(self, txn: Transaction, actor: Actor, row: RuleRow) -> None:
        """Delete a rule that `for_change` returned, with its incidents."""
        await store.rule_delete(txn, row.id)
        await _tell(txn, AuditAction.ALERT_RULE_DELETED, actor, row, None)

    async def incidents(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        state: IncidentState | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[IncidentRow]:
        """Return incidents, newest first."""
        return await incidents.incident_list(txn, environment_id, state=state, after=after, limit=limit)

    async def incident(self, txn: Transaction, environment_id: UUID, incident_id: UUID) -> IncidentRow:
        """Return one incident. Raises `IncidentNotFound`."""
        row = await incidents.incident_get(txn, environment_id, incident_id)
        if row is None:
            raise IncidentNotFound
        return row

    async def acknowledge(self, txn: Transaction, actor: Actor, row: IncidentRow) -> IncidentRow:
        """Write down who looks after it. Doing it twice changes nothing."""
        if row.acknowledged_at is not None:
            return row
        await incidents.incident_acknowledge(txn, row.id, actor.name)
        await txn.audit(
            AuditEntry(
                action=AuditAction.INCIDENT_ACKNOWLEDGED,
                actor=actor,
                object_type="incident",
                object_id=str(row.id),
                summary=f"The incident of {row.rule_name} was acknowledged.",
            )
        )
        return await self.incident(txn, row.environment_id, row.id)


async def _tell(
    txn: Transaction, action: AuditAction, actor: Actor, before: RuleRow | None, after: RuleRow | None
) -> None:
    row = after or before
    assert row is not None  # noqa: S101 - one of them is given
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="alert_rule",
            object_id=str(row.id),
            summary=f"The alert rule {row.name} was {action.rpartition('.')[2]}.",
            before=_audited(before),
            after=_audited(after),
        )
    )


def _audited(row: RuleRow | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        "name": row.name,
        "condition": msgspec.to_builtins(row.condition),
        "enabled": row.enabled,
        "channels": [str(each) for each in row.channels],
    }
