"""Background work of the room: partitions for the days ahead, and an end to old ones."""

import structlog

from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs
from vectorflow.telemetry import store

log = structlog.get_logger()

UPKEEP = "telemetry.upkeep"
DAYS_AHEAD = 14
DAYS_KEPT = 30


def register(jobs: Jobs, database: Database, *, logs_days: int) -> None:
    """Register the room's tasks; `database` is of the role worker where they run."""

    async def upkeep() -> None:
        await keep_partitions(database, logs_days=logs_days)

    jobs.periodic(
        UPKEEP,
        upkeep,
        cron="17 * * * *",
        help=f"Makes partitions for {DAYS_AHEAD} days; drops counters and host metrics after {DAYS_KEPT} days, log lines after theirs.",
    )


async def keep_partitions(database: Database, *, logs_days: int) -> int:
    """Make and drop partitions; return how many changed.

    What somebody who reads for long holds up, as a backup does, is put off to the next time.
    """
    changed = 0
    for parent, days_kept in (("counters", DAYS_KEPT), ("host_metrics", DAYS_KEPT), ("logs", logs_days)):
        async with database.unscoped() as txn:
            found = await store.partitions_upkeep(txn, parent, days_ahead=DAYS_AHEAD, days_kept=days_kept)
        changed += found.changed
        if found.put_off:
            log.info("telemetry.partitions-put-off", table=parent)
    if changed:
        log.info("telemetry.partitions", changed=changed)
    return changed
