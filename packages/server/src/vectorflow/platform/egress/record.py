"""What is kept of each call: a metric of all, and the audit of those that an organisation triggers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from vectorflow.platform.egress.destination import Destination
from vectorflow.platform.egress.errors import (
    DestinationInvalid,
    EgressCertificateRefused,
    EgressRefused,
    EgressTimedOut,
    EgressTooLarge,
)
from vectorflow.platform.egress.policy import Kind

_AUDIT_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a name the program gives (`alerts.webhook`), and the organisation that triggers it, if any."""

    purpose: str
    organization_id: UUID | None = None


class Outcome(StrEnum):
    """How a call ended. Each hop of a redirected request is a call."""

    OK = "ok"
    REFUSED = "refused"
    CERTIFICATE = "certificate"
    TIMED_OUT = "timed-out"
    TOO_LARGE = "too-large"
    CANCELLED = "cancelled"
    FAILED = "failed"


class EgressRecord(msgspec.Struct, frozen=True):
    """One call as the audit sees it. No path and no header: many services put the credential there."""

    organization_id: UUID
    purpose: str
    kind: Kind
    host: str
    port: int


class EgressAudit(Protocol):
    """What the organisation's log has to take; passed in from above."""

    async def egress_started(self, record: EgressRecord) -> None:
        """Write that a call begins. When this raises, nothing is resolved and nothing leaves."""
        ...

    async def egress_finished(self, record: EgressRecord, outcome: Outcome) -> None:
        """Write how a call ended."""
        ...

    async def egress_closed(self) -> None:
        """Write what is still to be written; no call is made any more."""
        ...


class EgressMetrics:
    """The metrics of egress; labels are bounded by the program, never an organisation or a host."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "vectorflow_egress_calls",
            "Calls to the outside by kind and outcome; each hop of a redirect counts.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "vectorflow_egress_seconds",
            "Seconds from the beginning of a call to its end, with the answer's body.",
            ("kind",),
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )


class Recorder:
    """Surrounds every call with its metric and its audit records."""

    def __init__(self, metrics: EgressMetrics, audit: EgressAudit) -> None:
        self._metrics = metrics
        self._audit = audit

    @asynccontextmanager
    async def call(self, kind: Kind, caller: Caller, destination: Destination) -> AsyncIterator[None]:
        """Record one call around the block that makes it."""
        record = _record(kind, caller, destination)
        if record is not None:
            await self._audit.egress_started(record)
        started = time.monotonic()
        outcome = Outcome.OK
        try:
            yield
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            self._metrics.calls.labels(kind.value, outcome.value).inc()
            self._metrics.seconds.labels(kind.value).observe(time.monotonic() - started)
            if record is not None:
                await self._finish(record, outcome)

    async def aclose(self) -> None:
        """Let the audit write what it holds back."""
        try:
            async with asyncio.timeout(_AUDIT_SECONDS):
                await self._audit.egress_closed()
        except Exception:
            _log.exception("egress.audit-failed", purpose="", outcome="")

    async def _finish(self, record: EgressRecord, outcome: Outcome) -> None:
        try:
            async with asyncio.timeout(_AUDIT_SECONDS):
                await self._audit.egress_finished(record, outcome)
        except Exception:
            # The beginning is on record. What has been sent cannot be taken back, and its answer counts.
            _log.exception("egress.audit-failed", purpose=record.purpose, outcome=outcome.value)


def outcome_of(error: BaseException) -> Outcome:
    """Sort an error into an outcome."""
    match error:
        case EgressRefused() | DestinationInvalid():
            return Outcome.REFUSED
        case EgressCertificateRefused():
            return Outcome.CERTIFICATE
        case EgressTimedOut() | TimeoutError():
            return Outcome.TIMED_OUT
        case EgressTooLarge():
            return Outcome.TOO_LARGE
        case asyncio.CancelledError():
            return Outcome.CANCELLED
        case _:
            return Outcome.FAILED


def _record(kind: Kind, caller: Caller, destination: Destination) -> EgressRecord | None:
    if caller.organization_id is None:
        return None
    return EgressRecord(caller.organization_id, caller.purpose, kind, destination.host, destination.port)
