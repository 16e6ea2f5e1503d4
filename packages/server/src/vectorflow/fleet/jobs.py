"""Background work of the room: nodes that were silent for too long are told to leave, and updates go on."""

import structlog

from vectorflow.fleet.lifecycle import LifecycleService
from vectorflow.fleet.store import lifecycle as store
from vectorflow.fleet.updates import UpdateService
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.jobs import Jobs, for_each_organization

log = structlog.get_logger()

EXPIRE = "fleet.expire"
UPDATE = "fleet.update"
BATCH = 100


def register(jobs: Jobs, database: Database, lifecycle: LifecycleService, updates: UpdateService) -> None:
    """Register the room's tasks; `database` is of the role worker where they run."""

    async def expire() -> None:
        await expire_all(database, lifecycle)

    jobs.periodic(
        EXPIRE,
        expire,
        cron="23 * * * *",
        help="Tells nodes to leave that were silent for as long as their environment's settings say.",
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
