"""The wiring of egress: the operator's policy, and the log that calls made for an organisation are written into."""

import os

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.platform.database import Database
from vectorflow.platform.egress.policy import AllowRule, EgressPolicy, proxy_from_environment
from vectorflow.platform.egress.record import EgressMetrics, EgressRecord, Outcome
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.settings import Settings


class OutboundAudit:
    """Writes calls that an organisation triggers into its log, each in a transaction of its own.

    `database` is a pool apart: a call is often made within a transaction, and must not wait for a connection
    that only its own caller could give back.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def egress_started(self, record: EgressRecord) -> None:
        """Write that a call begins; an error stops it."""
        await self._write(record, AuditAction.EGRESS_STARTED, "Calling", None)

    async def egress_finished(self, record: EgressRecord, outcome: Outcome) -> None:
        """Write how a call ended."""
        await self._write(record, AuditAction.EGRESS_FINISHED, "Called", outcome)

    async def _write(
        self, record: EgressRecord, action: AuditAction, verb: str, outcome: Outcome | None
    ) -> None:
        after = {"kind": record.kind.value, "host": record.host, "port": record.port}
        entry = AuditEntry(
            action=action,
            actor=SYSTEM,
            object_type="egress",
            object_id=record.purpose,
            summary=f"{verb} {record.host}:{record.port} for {record.purpose}.",
            after={**after, "outcome": outcome.value} if outcome else after,
        )
        async with self._database.transaction(record.organization_id) as txn:
            await txn.audit(entry)


class NobodysCalls:
    """The audit of a command that calls for no organisation; one that did would be refused."""

    async def egress_started(self, record: EgressRecord) -> None:
        """Refuse."""
        message = f"{record.purpose} was called for an organisation, and there is no log to write it into"
        raise RuntimeError(message)

    async def egress_finished(self, record: EgressRecord, outcome: Outcome) -> None:
        """Nothing began, so nothing ends."""


def outbound_policy(settings: Settings) -> EgressPolicy:
    """Return the policy that the settings give. Raises `EgressPolicyInvalid`."""
    proxy, direct = proxy_from_environment(os.environ)
    return EgressPolicy(
        cloud=settings.mode == "cloud",
        allow=tuple(AllowRule.parse(each) for each in settings.egress_allow),
        proxy=proxy,
        direct=direct,
        ca_file=settings.egress_ca_file,
    )


def build_egress(settings: Settings, audit_database: Database, metrics: Metrics) -> Egress:
    """Return the process's way out; call it on the loop."""
    return Egress(
        outbound_policy(settings),
        audit=OutboundAudit(audit_database),
        metrics=EgressMetrics(metrics.registry),
    )
