"""Background work of the room: partitions for the days ahead, and an end to old ones."""

import structlog

from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs
from vectorflow.telemetry import store
from vectorflow.telemetry.logs import store as log_store

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
    """Make and drop partitions; return how many changed."""
    async with database.unscoped() as txn:
        changed = await store.counters_upkeep(txn, days_ahead=DAYS_AHEAD, days_kept=DAYS_KEPT)
        changed += await log_store.logs_upkeep(txn, days_ahead=DAYS_AHEAD, days_kept=logs_days)
    if changed:
        log.info("telemetry.partitions", changed=changed)
    return changed
