"""Background work of the room: evaluating rules, and sending what is in the outbox."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from vectorflow.alerts.channels import NOTIFY
from vectorflow.alerts.evaluating import Evaluator
from vectorflow.alerts.notifying import Notifier
from vectorflow.platform.jobs import Jobs

EVALUATE = "alerts.evaluate"


def register(jobs: Jobs, evaluator: Evaluator, notifier: Notifier) -> None:
    """Register the room's tasks."""

    async def evaluate() -> None:
        await evaluator.evaluate_all()

    async def notify(organization_id: UUID, arguments: Mapping[str, Any]) -> None:
        del arguments
        await notifier.send_all(organization_id)

    jobs.periodic(
        EVALUATE, evaluate, cron="* * * * * */10", help="Opens and resolves incidents of every alert rule."
    )
    jobs.task(NOTIFY, notify, help="Sends the messages about incidents that are due.")
