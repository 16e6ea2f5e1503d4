"""The wiring of egress: the operator's policy, and the log that calls made for an organisation are written into."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.platform.database import Database
from vectorflow.platform.egress.policy import AllowRule, EgressPolicy, proxy_from_environment
from vectorflow.platform.egress.record import EgressMetrics, EgressRecord, Outcome
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.settings import Settings

_TOLD_AGAIN_SECONDS: Final = 3600.0
_MOST_FAILING: Final = 10_000
_NOT_FAILING: Final = (Outcome.OK, Outcome.CANCELLED)


class _Failing(msgspec.Struct):
    """A destination whose last call failed: how, when that was written, and how many calls have failed alike since."""

    outcome: Outcome
    told_at: float
    repeats: int = 0


class OutboundAudit:
    """Writes calls that an organisation triggers into its log, each in a transaction of its own.

    A call that fails as the one before it did within the hour is counted instead: what cannot be reached is tried again and
    again, and would bury everything else. The count is written with the next call that is, and when the process ends.
    `database` is a pool apart: a call is often made within a transaction, and must not wait for a connection
    that only its own caller could give back.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._failing: OrderedDict[EgressRecord, _Failing] = OrderedDict()

    async def egress_started(self, record: EgressRecord) -> None:
        """Write that a call begins; an error stops it. One more of those that failed within the hour is counted."""
        found = self._failing.get(record)
        if found is not None and not self._due(found):
            found.repeats += 1
            return
        await self._write(record, AuditAction.EGRESS_STARTED, "Calling", before=found)
        self._failing.pop(record, None)
        await self._tell_older()

    async def egress_finished(self, record: EgressRecord, outcome: Outcome) -> None:
        """Write how a call ended, unless it ended as those before it."""
        found = self._failing.get(record)
        if found is not None and found.outcome == outcome:
            return
        await self._write(record, AuditAction.EGRESS_FINISHED, "Called", outcome=outcome, before=found)
        self._failing.pop(record, None)
        if outcome not in _NOT_FAILING:
            self._failing[record] = _Failing(outcome, self._monotonic())
            if len(self._failing) > _MOST_FAILING:
                await self._tell(*self._failing.popitem(last=False))

    async def egress_closed(self) -> None:
        """Write what is still counted."""
        while self._failing:
            await self._tell(*self._failing.popitem())

    def _due(self, found: _Failing) -> bool:
        return self._monotonic() - found.told_at >= _TOLD_AGAIN_SECONDS

    async def _tell_older(self) -> None:
        """Write the counts of destinations that nobody has called for an hour since."""
        for record in [each for each, found in self._failing.items() if self._due(found)]:
            await self._tell(record, self._failing.pop(record))

    async def _tell(self, record: EgressRecord, found: _Failing) -> None:
        if found.repeats:
            await self._write(
                record, AuditAction.EGRESS_FINISHED, "Called", outcome=found.outcome, before=found
            )

    async def _write(
        self,
        record: EgressRecord,
        action: AuditAction,
        verb: str,
        *,
        outcome: Outcome | None = None,
        before: _Failing | None = None,
    ) -> None:
        after: dict[str, object] = {"kind": record.kind.value, "host": record.host, "port": record.port}
        summary = f"{verb} {record.host}:{record.port} for {record.purpose}."
        if outcome:
            after["outcome"] = outcome.value
        if before is not None and before.repeats:
            after["repeated"] = before.repeats
            after["repeated_outcome"] = before.outcome.value
            summary += f" Before, {before.repeats} more tries: {before.outcome.value}."
        entry = AuditEntry(
            action=action,
            actor=SYSTEM,
            object_type="egress",
            object_id=record.purpose,
            summary=summary,
            after=after,
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

    async def egress_closed(self) -> None:
        """Nothing is counted."""


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
