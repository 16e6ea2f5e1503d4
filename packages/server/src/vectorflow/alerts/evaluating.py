"""From what nodes say to incidents. State is in the database: whoever evaluates next goes on from it."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from vectorflow.alerts.channels import NOTIFY
from vectorflow.alerts.store import incidents
from vectorflow.alerts.store import rules as store
from vectorflow.alerts.types import ComponentErrors, Firing, NodeSilent, RuleRow
from vectorflow.fleet.groups import GroupService
from vectorflow.platform.database import Database, Transaction

log = structlog.get_logger()

QUIET_SECONDS = 30.0
"""How long a rule must hold again before its incident is over: a node that comes and goes is one incident."""


class Evaluator:
    """Looks at every rule of an organisation. Runs with the role worker."""

    def __init__(
        self, database: Database, groups: GroupService, *, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        self._database = database
        self._groups = groups
        self._quiet = quiet_seconds

    async def evaluate_all(self) -> None:
        """Evaluate every organisation that has rules; one's trouble is not the others'."""
        async with self._database.unscoped() as txn:
            organizations = await store.organizations_with_rules(txn)
        for organization_id in organizations:
            try:
                await self.evaluate(organization_id)
            except Exception as error:
                log.warning(
                    "alerts.not-evaluated", organization_id=str(organization_id), error=type(error).__name__
                )

    async def evaluate(self, organization_id: UUID) -> None:
        """Open and resolve the incidents of an organisation, and put messages about them into the outbox."""
        async with self._database.transaction(organization_id) as txn:
            rules = await store.rule_list(txn)
        for rule in rules:
            async with self._database.transaction(organization_id) as txn:
                await self._evaluate(txn, rule)
        async with self._database.transaction(organization_id) as txn:
            await txn.defer(NOTIFY, queueing_lock=NOTIFY)

    async def _evaluate(self, txn: Transaction, rule: RuleRow) -> None:
        firing = await firing_of(txn, rule) if rule.enabled else []
        if any(each.node_id is not None for each in firing):
            # What is under maintenance is expected to be quiet or broken; its incidents end with it.
            resting = set(await self._groups.resting_nodes(txn, rule.environment_id))
            firing = [each for each in firing if each.node_id not in resting]
        if firing:
            seen = await incidents.incident_seen(txn, rule.environment_id, rule.id, firing)
            opened = [each for each in seen if each is not None]
            if opened and rule.channels:
                await incidents.notification_add(txn, opened, rule.channels, "opened")
        over = await incidents.incident_resolve(txn, rule.id, self._quiet if rule.enabled else 0.0)
        if over and rule.channels:
            await incidents.notification_add(txn, over, rule.channels, "resolved")


async def firing_of(txn: Transaction, rule: RuleRow) -> Sequence[Firing]:
    """Return everything that breaks a rule right now."""
    match rule.condition:
        case NodeSilent(seconds=seconds):
            return await store.silent_nodes(txn, rule.environment_id, seconds)
        case ComponentErrors(per_minute=per_minute):
            return await store.failing_components(txn, rule.environment_id, per_minute)
        case _:
            return await store.failed_pipelines(txn, rule.environment_id)
