"""Background work of the room: advancing rollouts, deferred on reports and by a sweep every few seconds."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from vectorflow.delivery import store
from vectorflow.delivery.service import DeliveryService
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.jobs import Jobs

log = structlog.get_logger()

ADVANCE = "delivery.advance"
SWEEP = "delivery.sweep"


def register(jobs: Jobs, database: Database, delivery: DeliveryService) -> None:
    """Register the room's tasks. `database` is of the role worker where they run; elsewhere they are only deferred."""

    async def advance(organization_id: UUID, arguments: Mapping[str, Any]) -> None:
        pipeline_ids = [UUID(each) for each in arguments["pipeline_ids"]]
        await advance_pipelines(database, delivery, organization_id, pipeline_ids)

    async def sweep() -> None:
        async with database.unscoped() as txn:
            organizations = await store.organizations_rolling_out(txn)
        for organization_id in organizations:
            await advance_all(database, delivery, organization_id)

    jobs.task(ADVANCE, advance, help="Advances the rollouts of pipelines that nodes have reported on.")
    jobs.periodic(
        SWEEP,
        sweep,
        cron="* * * * * */3",
        help="Advances every rollout under way: the end of a watch time, a silent node, a lost message.",
    )


async def advance_pipelines(
    database: Database, delivery: DeliveryService, organization_id: UUID, pipeline_ids: Sequence[UUID]
) -> None:
    """Advance the newest rollout of each pipeline, since nodes reported on them.

    One at a time: a transaction that held the rows of two rollouts and of their nodes could wait for one that waits
    for it.
    """
    async with database.transaction(organization_id) as txn:
        newest = await store.rollout_newest_of(txn, pipeline_ids)
    for rollout_id in newest:
        async with database.transaction(organization_id) as txn:
            await delivery.advance(txn, rollout_id)


async def advance_all(database: Database, delivery: DeliveryService, organization_id: UUID) -> None:
    """Advance every running rollout of an organisation, each in a transaction of its own."""
    async with database.transaction(organization_id) as txn:
        running = await store.rollout_running(txn)
    for rollout_id in running:
        try:
            async with database.transaction(organization_id) as txn:
                await delivery.advance(txn, rollout_id)
        except Exception as error:
            # One rollout's trouble is not the others'; the next sweep tries again.
            log.warning("rollout.not-advanced", rollout_id=str(rollout_id), error=type(error).__name__)


async def defer_advance(txn: Transaction, pipeline_ids: Sequence[UUID]) -> None:
    """Defer advancing in the transaction that stored reports; what the gateway calls."""
    for pipeline_id in pipeline_ids:
        await txn.defer(
            ADVANCE, {"pipeline_ids": [str(pipeline_id)]}, queueing_lock=f"{ADVANCE}:{pipeline_id}"
        )
