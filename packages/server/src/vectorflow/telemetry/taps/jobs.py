"""Background work on taps: an end to those that nobody reads, and to captures whose time is over."""

from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.jobs import Jobs, for_each_organization
from vectorflow.telemetry.taps.service import UNWATCHED_SECONDS, Ended, end
from vectorflow.telemetry.taps.store import captures, taps

SWEEP = "telemetry.sweep-taps"


def register(jobs: Jobs, database: Database) -> None:
    """Register the task; `database` is of the role worker where it runs."""

    async def sweep() -> None:
        await sweep_all(database)

    jobs.periodic(
        SWEEP,
        sweep,
        cron="* * * * * */20",
        help="Ends taps whose time is over or that nobody reads, and erases captures that have expired.",
    )


async def sweep_all(database: Database) -> None:
    """Look after the taps and captures of every organisation."""

    async def sweep(txn: Transaction) -> None:
        overdue = await taps.tap_overdue(txn, unwatched_seconds=2 * UNWATCHED_SECONDS)
        if overdue:
            await end(txn, overdue, Ended.TIME, SYSTEM)
        await captures.capture_expire(txn)

    await for_each_organization(database, sweep, "taps.not-swept")
