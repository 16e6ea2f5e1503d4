"""Background work on organisations as a whole: making exports and erasing what is due."""

from vectorflow.platform.jobs import Jobs
from vectorflow.tenancy.lifecycle.erasing import Eraser
from vectorflow.tenancy.lifecycle.exporting import Exporter
from vectorflow.tenancy.lifecycle.service import EXPORT_TASK

ERASE = "organization.erase"


def register(jobs: Jobs, exporter: Exporter, eraser: Eraser) -> None:
    """Register the tasks."""
    jobs.task(EXPORT_TASK, exporter.run, help="Makes an export of an organisation.")
    jobs.periodic(
        ERASE, eraser.run, cron="*/5 * * * *", help="Erases organisations whose deletion grace is over."
    )
