"""Periodic work of the room: telling that secrets and certificates are due or have ended."""

import structlog

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.jobs import Jobs, each_organization
from vectorflow.vault.store import certificates, secrets
from vectorflow.vault.store.secrets import ToldRow

log = structlog.get_logger()

REMINDERS = "vault.reminders"
_SECRET = {"due": AuditAction.SECRET_DUE, "expired": AuditAction.SECRET_EXPIRED}
_CERTIFICATE = {"due": AuditAction.CERTIFICATE_DUE, "expired": AuditAction.CERTIFICATE_EXPIRED}


def register(jobs: Jobs, database: Database) -> None:
    """Register the room's task; `database` is of the role worker where it runs."""

    async def reminders() -> None:
        await remind(database)

    jobs.periodic(
        REMINDERS,
        reminders,
        cron="17 * * * *",
        help="Records which secrets are due or have expired, and which certificates end soon or have ended.",
    )


async def remind(database: Database) -> int:
    """Record every change of state since the last time; return how many there were."""
    told = 0
    for organization_id in await each_organization(database):
        try:
            async with database.transaction(organization_id) as txn:
                told += await _remind(txn)
        except Exception as error:
            log.warning(
                "vault.not-reminded", organization_id=str(organization_id), error=type(error).__name__
            )
    return told


async def _remind(txn: Transaction) -> int:
    due_secrets = await secrets.secret_state_list(txn)
    for row in due_secrets:
        await secrets.secret_told(txn, row.id, row.state)
        if row.state in _SECRET:
            words = "has expired" if row.state == "expired" else "is due for a new value or ends soon"
            await txn.audit(_entry(_SECRET[row.state], "secret", row, f"The secret {row.name} {words}."))
    due_certificates = await certificates.certificate_state_list(txn)
    for row in due_certificates:
        await certificates.certificate_told(txn, row.id, row.state)
        if row.state in _CERTIFICATE:
            words = "has ended" if row.state == "expired" else "ends within 14 days"
            summary = f"The certificate {row.name} {words}."
            await txn.audit(_entry(_CERTIFICATE[row.state], "certificate", row, summary))
    return len(due_secrets) + len(due_certificates)


def _entry(action: AuditAction, object_type: str, row: ToldRow, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=SYSTEM,
        object_type=object_type,
        object_id=str(row.id),
        summary=summary,
        before={"state": row.told_state},
        after={"name": row.name, "state": row.state},
    )
