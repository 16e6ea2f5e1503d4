"""Periodic work of the room: contents of files that neither the vault nor a revision names are removed."""

import structlog

from vectorflow.pipelines import store
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs, each_organization
from vectorflow.vault.lookup_files import LookupFileService

log = structlog.get_logger()

UNUSED_FILES = "pipelines.unused-files"


def register(jobs: Jobs, database: Database, files: LookupFileService) -> None:
    """Register the room's task; `database` is of the role worker where it runs."""

    async def unused() -> None:
        await remove_unused(database, files)

    jobs.periodic(
        UNUSED_FILES,
        unused,
        cron="41 * * * *",
        help="Removes contents of lookup files and certificates that no version and no revision names.",
    )


async def remove_unused(database: Database, files: LookupFileService) -> int:
    """Remove the contents of every organisation that nothing names; return how many there were."""
    removed = 0
    for organization_id in await each_organization(database):
        try:
            async with database.transaction(organization_id) as txn:
                await files.hold_contents(txn)
                removed += await files.remove_unused(txn, await store.revision_files(txn))
        except Exception as error:
            # What could not be done for one organisation is tried again in an hour, and done for the others now.
            log.warning(
                "vault.contents-not-removed", organization_id=str(organization_id), error=type(error).__name__
            )
    return removed
