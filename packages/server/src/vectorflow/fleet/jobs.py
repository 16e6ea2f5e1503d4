"""Background work of the room: nodes silent for too long are told to leave, updates go on, old reports end."""

from datetime import UTC, datetime

import structlog

from vectorflow.fleet.lifecycle import LifecycleService
from vectorflow.fleet.store import lifecycle as store
from vectorflow.fleet.store import reports as report_store
from vectorflow.fleet.updates import UpdateService
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.jobs import Jobs, each_organization, for_each_organization

log = structlog.get_logger()

EXPIRE = "fleet.expire"
UPDATE = "fleet.update"
REPORTS = "fleet.reports"
BATCH = 100
REPORTS_BATCH = 5000
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)


def register(
    jobs: Jobs,
    database: Database,
    lifecycle: LifecycleService,
    updates: UpdateService,
    *,
    reports_days: int,
) -> None:
    """Register the room's tasks; `database` is of the role worker where they run."""

    async def expire() -> None:
        await expire_all(database, lifecycle)

    jobs.periodic(
        EXPIRE,
        expire,
        cron="23 * * * *",
        help="Tells nodes to leave that were silent for as long as their environment's settings say.",
    )

    async def reports() -> None:
        await expire_reports(database, days=reports_days)

    jobs.periodic(
        REPORTS,
        reports,
        cron="53 3 * * *",
        help="Removes reports that are old and say nothing any more.",
    )

    async def update() -> None:
        await update_all(database, updates)

    jobs.periodic(
        UPDATE,
        update,
        cron="* * * * * */10",
        help="Asks the next nodes of updates under way, and pauses those that too many nodes did not take.",
    )


async def update_all(database: Database, updates: UpdateService) -> None:
    """Let the updates of every organisation go on."""
    await for_each_organization(database, updates.advance, "fleet.not-updated")


async def expire_all(database: Database, lifecycle: LifecycleService) -> None:
    """Tell nodes of every organisation to leave that were silent for too long, some at a time."""

    async def expire(txn: Transaction) -> None:
        for node in await store.node_overdue(txn, BATCH):
            try:
                await lifecycle.decommission(
                    txn, node.environment_id, node.id, "keep", if_match=None, actor=SYSTEM
                )
            except VectorFlowError as error:
                log.info("node.not-expired", node_id=str(node.id), problem=error.code)

    await for_each_organization(database, expire, "fleet.not-expired")


async def expire_reports(database: Database, *, days: int, batch: int = REPORTS_BATCH) -> int:
    """Remove the old reports of every organisation, some in each transaction; return how many were removed.

    What decided a node's part in a rollout stays, and each node's last word on a pipeline.
    """
    removed = 0
    for organization_id in await each_organization(database):
        after: datetime | None = _BEFORE_ALL
        try:
            while after is not None:
                async with database.transaction(organization_id) as txn:
                    found = await report_store.report_expire(txn, days=days, after=after, limit=batch)
                removed, after = removed + found.removed, found.until
        except Exception as error:
            # One organisation's trouble is not the others'; the next day tries again.
            log.warning(
                "fleet.reports-not-expired", organization_id=str(organization_id), error=type(error).__name__
            )
    if removed:
        log.info("fleet.reports-expired", removed=removed)
    return removed
